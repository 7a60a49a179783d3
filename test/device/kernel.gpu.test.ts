import { describe, expect, test } from 'vitest';
import { f32, zeros } from '../../src/base/tensor.ts';
import type { BindingRecord } from '../../src/device/binding.ts';
import { createKernel, dispatch, foldGrid, prepare, submit, type KernelSpec } from '../../src/device/kernel.ts';
import { hostTensor, uploadTensor } from '../../src/device/memory.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { gpuOrSkip } from '../support/gpu.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n'], values: { step: 'f32' } },
  x: { access: 'read_write', dtype: 'float32', shape: ['n'] },
} as const satisfies BindingRecord;

const source = `struct Params { n: u32, step: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = group.x + group.y * groups.x;
  if (i < params.n) {
    x[i] = x[i] * 2 + params.step;
  }
}
`;

const double: KernelSpec<typeof bindings> = { file: 'double.wgsl', source, entry: 'main', bindings };

const describeGpu = await gpuOrSkip();

describeGpu('a kernel', (gpu) => {
  test('runs, with its sizes from the tensors', async () => {
    const x = uploadTensor(gpu, f32([1, 2, 3, 4], [4]));
    const before = gpu.dispatches.get('double.main') ?? 0;
    dispatch(await createKernel(gpu, double), { x }, { step: 0.5 }, [4]);
    expect(await x.read()).toEqual(f32([2.5, 4.5, 6.5, 8.5], [4]));
    expect(gpu.dispatches.get('double.main')).toBe(before + 1);
  });

  test('is compiled once per device', async () => {
    const [a, b] = await Promise.all([createKernel(gpu, double), createKernel(gpu, double)]);
    expect(a).toBe(b);
  });

  test('hundreds of dispatches see each other’s results and their own uniforms, beyond the room of the ring', async () => {
    const x = uploadTensor(gpu, f32([1], [1]));
    const kernel = await createKernel(gpu, double);
    const steps = Array.from({ length: 300 }, (_, i) => prepare(kernel, { x }, { step: -(i % 7) }, [1]));
    submit(gpu, steps);
    submit(gpu, steps.slice(0, 100));
    let expected = 1;
    for (let i = 0; i < 400; i++) expected = Math.fround(expected * 2 - ((i < 300 ? i : i - 300) % 7));
    expect((await x.read()).data[0]).toBe(expected);
  });

  test('with nothing to do is not dispatched', async () => {
    const x = uploadTensor(gpu, zeros('float32', [0]));
    const before = new Map(gpu.dispatches);
    dispatch(await createKernel(gpu, double), { x }, { step: 1 }, foldGrid(gpu, 0));
    expect(gpu.dispatches).toEqual(before);
  });

  test.each([1, 65_535, 65_536, 200_000])('a grid of %i is folded', async (n) => {
    const x = uploadTensor(gpu, zeros('float32', [n]));
    dispatch(await createKernel(gpu, double), { x }, { step: 3 }, foldGrid(gpu, n));
    expect((await x.read()).data.every((value) => value === 3)).toBe(true);
    x.dispose();
  });

  test('a grid beyond the device is refused', async () => {
    const x = uploadTensor(gpu, zeros('float32', [4]));
    const kernel = await createKernel(gpu, double);
    await expectFault(
      () => prepare(kernel, { x }, { step: 1 }, [70_000]),
      'internal',
      'run kernel double.main',
      '70000 workgroups',
      '65535',
    );
  });

  test('tensors of another type, shape or place are refused', async () => {
    const kernel = await createKernel(gpu, double);
    const square = uploadTensor(gpu, zeros('float32', [2, 2]));
    await expectFault(
      () => prepare(kernel, { x: square }, { step: 1 }, [4]),
      'internal',
      'x is float32 [2, 2], not float32 [n]',
    );
    const host = hostTensor(zeros('float32', [2]));
    await expectFault(() => prepare(kernel, { x: host }, { step: 1 }, [4]), 'internal', 'x is not on the GPU');
  });
});

describeGpu('a shader that does not compile', (gpu) => {
  const broken = (text: string, replacement: string): KernelSpec<typeof bindings> => ({
    ...double,
    file: 'broken.wgsl',
    source: source.replace(text, replacement),
  });

  test('shows the message and its own source line', async () => {
    const fault = await faultOf(() => createKernel(gpu, broken('x[i] * 2', 'y[i] * 2')));
    expect(fault.code).toBe('shader');
    expect(fault.values).toMatchObject({ file: 'broken.wgsl', line: 9, column: 12 });
    expect(fault.message).toMatchInlineSnapshot(`
      "cannot compile broken.wgsl: line 9: unresolved value 'y'
            x[i] = y[i] * 2 + params.step;
                   ^
      ; this GPU may lack a feature: use CPU mode and report the line"
    `);
  });

  test('is told apart from a pipeline that cannot be built', async () => {
    const fault = await faultOf(() => createKernel(gpu, { ...double, entry: 'absent' }));
    expect(fault.code).toBe('shader');
    expect(fault.message).toMatch(/^cannot build absent of double.wgsl: .*absent/);
  });

  test('a shader that binds what the record does not have', async () => {
    await expectFault(
      () => createKernel(gpu, broken('@binding(1)', '@binding(7)')),
      'shader',
      'cannot build main of broken.wgsl',
    );
  });

  describe('and leaves the device usable', () => {
    test('two at once, then a good one', async () => {
      const both = await Promise.allSettled([
        createKernel(gpu, broken('fn main', 'fn main main')),
        createKernel(gpu, broken('params.step', 'params.stop')),
      ]);
      expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      const x = uploadTensor(gpu, f32([1], [1]));
      dispatch(await createKernel(gpu, { ...double }), { x }, { step: 1 }, [1]);
      expect(await x.read()).toEqual(f32([3], [1]));
    });
  });
});
