import { expect, test } from 'vitest';
import { toFloat, type FloatTensor, type Tensor } from '../../src/base/tensor.ts';
import { hostTensor } from '../../src/device/memory.ts';
import { scope } from '../../src/device/scope.ts';
import { hostKernels, makeKernels } from '../../src/kernels/kernels.ts';
import { gpuOrSkip } from '../support/gpu.ts';
import { numbers, positive } from './cases.ts';
import { describeKernels, type Oracle } from './suite.ts';

/** The twins, in float64 throughout. */
const twins: Oracle = {
  cosine: async (a, b) => floats(await hostKernels.cosine(wide(a), wide(b))),
  async gram(moment, keys, alpha, beta) {
    const written = hostTensor({ ...toFloat(moment, 'float64'), data: Float64Array.from(moment.data) });
    await hostKernels.gram(written, wide(keys), alpha, beta);
    return floats(written);
  },
  lowrank: async (base, left, right, scale, orientation) =>
    floats(await hostKernels.lowrank(base && wide(base), wide(left), wide(right), scale, orientation)),
};

const describeGpu = await gpuOrSkip();

describeGpu('GPU against twins', (gpu) => {
  const kernels = makeKernels(gpu);

  describeKernels(kernels, twins);

  test('a float32 tensor on the host is uploaded for the call, a float64 one is refused', async () => {
    const [a, b] = [numbers([3, 70]), numbers([3, 70], 'mixed', 2)];
    const [placedA, placedB] = [kernels.place(a), kernels.place(b)];
    const expected = await (await kernels.cosine(placedA, placedB)).read();
    const used = gpu.pool.usedBytes;
    const out = await kernels.cosine(hostTensor(a), placedB);
    expect(await out.read()).toEqual(expected);
    out.dispose();
    expect(gpu.pool.usedBytes).toBe(used);
    await expect(kernels.cosine(wide(a), placedB)).rejects.toThrow('a host tensor is float64');
  });

  test('a second identical run allocates nothing and counts as many dispatches', async () => {
    const [matrix, keys, rows] = [positive(200), numbers([30, 200]), Int32Array.of(3, 1)];
    const run = () =>
      scope(async (s) => {
        const moment = s.add(kernels.place(matrix));
        const placed = s.add(kernels.place(keys));
        await kernels.gram(moment, placed, 1, 1);
        const factor = s.add(await kernels.cholesky(moment));
        const right = s.add(kernels.place(numbers([200, 7])));
        const solved = s.add(await kernels.triangular(factor, right, false));
        const picked = s.add(await kernels.capture(placed, rows));
        const cosines = s.add(await kernels.cosine(picked, picked));
        const patched = s.add(await kernels.lowrank(null, solved, s.add(kernels.place(numbers([7, 9]))), 1, 'out,in'));
        return await Promise.all([solved.read(), cosines.read(), patched.read()]);
      });
    const used = gpu.pool.usedBytes;
    const first = await run();
    const { allocations } = gpu.pool;
    gpu.dispatches.clear();
    expect(await run()).toEqual(first);
    expect(gpu.pool.allocations).toBe(allocations);
    // Cholesky: 4 diagonal blocks, and below 3 of them a panel that is gathered, solved, put back and multiplied with itself.
    expect(Object.fromEntries(gpu.dispatches)).toEqual({
      'gram.main': 1 + 3,
      'cholesky.diagonal': 4,
      'cholesky.gather': 3,
      'cholesky.scatter': 3,
      'triangular.solve': 3 + 4,
      'triangular.update': 3,
      'capture.main': 1,
      'cosine.main': 1,
      'lowrank.main': 1,
    });
    expect(gpu.pool.usedBytes).toBe(used);
  });
});

// ---

function wide(tensor: FloatTensor) {
  return hostTensor(toFloat(tensor, 'float64'));
}

function floats({ host }: { readonly host: Tensor | null }): FloatTensor {
  return host as FloatTensor;
}
