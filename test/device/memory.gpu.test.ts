import { expect, test } from 'vitest';
import { f32, i32, i64, makeTensor, zeros, type Tensor } from '../../src/base/tensor.ts';
import {
  allocateTensor,
  bufferTensor,
  copyTensor,
  hostTensor,
  readMany,
  reshapeTensor,
  uploadTensor,
  writeTensor,
} from '../../src/device/memory.ts';
import { BufferPool } from '../../src/device/pool.ts';
import { expectFault } from '../support/faults.ts';
import { gpuOrSkip } from '../support/gpu.ts';

const describeGpu = await gpuOrSkip();

const STORAGE = 0x8c;

describeGpu('tensors on the GPU', (gpu) => {
  test.each<[string, Tensor, number]>([
    ['of no numbers', f32([], [0, 5]), 16],
    ['one number', f32([3.5], [1]), 16],
    ['five numbers', f32([1, 2, 3, 4, 5], [5]), 32],
    ['int32', i32([-1, 2], [2]), 16],
    ['int64', i64([-1, 2 ** 40, 3]), 32],
    ['bool, in one byte each', makeTensor('bool', Uint8Array.of(1, 0, 1, 1, 0), [5]), 16],
  ])('come back as they went: %s', async (_, tensor, bytes) => {
    const placed = uploadTensor(gpu, tensor, 'there and back');
    expect(placed.host).toBeNull();
    expect(placed.buffer?.size).toBe(bytes);
    expect(await placed.read()).toEqual(tensor);
  });

  test('larger than a chunk', async () => {
    const tensor = f32(
      Float32Array.from({ length: 5 * 2 ** 20 + 3 }, (_, i) => i),
      [5 * 2 ** 20 + 3],
    );
    const { data } = await uploadTensor(gpu, tensor).read();
    expect(Buffer.from(data.buffer).equals(Buffer.from(tensor.data.buffer))).toBe(true);
  });

  test('from the shared memory of WASM threads', async () => {
    const shared = new Float32Array(new SharedArrayBuffer(64), 16, 6);
    shared.set([1, 2, 3, 4, 5, 6]);
    const tensor = f32(shared as unknown as Float32Array<ArrayBuffer>, [2, 3]);
    expect(await uploadTensor(gpu, tensor).read()).toEqual(f32([1, 2, 3, 4, 5, 6], [2, 3]));
  });

  test('many are read with one submission and one map, in the order asked, repeats and host tensors included', async () => {
    const [a, b, host] = [f32([1], [1]), i64([2, 3]), f32([4], [1])];
    const [onA, onB] = [uploadTensor(gpu, a), uploadTensor(gpu, b)];
    let submissions = 0;
    const { queue } = gpu.device;
    queue.submit = function (commands) {
      submissions += 1;
      return GPUQueue.prototype.submit.call(this, commands);
    };
    expect(await readMany([onB, hostTensor(host), onA, onB])).toEqual([b, host, a, b]);
    Reflect.deleteProperty(queue, 'submit');
    expect(submissions).toBe(1);
  });

  test('are overwritten in place', async () => {
    const placed = uploadTensor(gpu, f32([1, 2, 3], [3]));
    const { buffer } = placed;
    writeTensor(placed, f32([4, 5, 6], [1, 3]));
    expect(placed.buffer).toBe(buffer);
    expect(await placed.read()).toEqual(f32([4, 5, 6], [3]));
    await expectFault(() => writeTensor(placed, f32([1], [1])), 'internal', 'float32 [1] into float32 [3]');
  });

  test('are copied, and seen in another shape', async () => {
    const placed = uploadTensor(gpu, f32([1, 2, 3, 4], [4]));
    const copy = copyTensor(gpu, placed);
    const view = reshapeTensor(placed, [1, 3]);
    writeTensor(placed, f32([5, 6, 7, 8], [4]));
    expect(await copy.read()).toEqual(f32([1, 2, 3, 4], [4]));
    expect(await view.read()).toEqual(f32([5, 6, 7], [1, 3]));
    expect(await copyTensor(gpu, hostTensor(f32([], [0]))).read()).toEqual(f32([], [0]));
    await expectFault(() => reshapeTensor(placed, [5]), 'internal', '16 bytes for [5]');
  });

  test('over a foreign buffer tell its owner, once', async () => {
    let told = 0;
    const buffer = gpu.device.createBuffer({ size: 32, usage: STORAGE });
    const wrapped = bufferTensor(gpu, buffer, 'float32', [2, 2], () => (told += 1));
    expect(await wrapped.read()).toEqual(zeros('float32', [2, 2]));
    wrapped.dispose();
    wrapped.dispose();
    expect(told).toBe(1);
  });

  test('are not used after they were let go', async () => {
    const placed = uploadTensor(gpu, f32([1], [1]), 'a key');
    placed.dispose();
    await expectFault(() => placed.buffer, 'internal', 'cannot use a key [1]: it was disposed');
    await expectFault(() => placed.read(), 'internal', 'was disposed');
  });

  test('too large for the device are refused before they are made', async () => {
    const allocations = gpu.pool.allocations;
    await expectFault(
      () => allocateTensor(gpu, 'float32', [2 ** 20, 2 ** 20], 'wte'),
      'out-of-memory',
      'put wte [1048576, 1048576]',
      'maxBufferSize',
    );
    expect(gpu.pool.allocations).toBe(allocations);
  });

  test('a loop allocates in its first turn only', async () => {
    const turn = async () => {
      const a = uploadTensor(gpu, f32([1, 2, 3], [3]));
      const b = copyTensor(gpu, a);
      const read = await readMany([a, b]);
      a.dispose();
      b.dispose();
      return read;
    };
    const first = await turn();
    const { allocations, usedBytes } = gpu.pool;
    for (let i = 0; i < 5; i++) expect(await turn()).toEqual(first);
    expect(gpu.pool).toMatchObject({ allocations, usedBytes });
  });
});

describeGpu('the pool', (gpu) => {
  test('keeps buffers by size and usage, and lets go of all on request', () => {
    const pool = new BufferPool(gpu.device);
    const a = pool.take(17, STORAGE, 'a');
    expect(pool.owns(a)).toBe(true);
    expect(pool.owns(gpu.device.createBuffer({ size: 32, usage: STORAGE }))).toBe(false);
    pool.give(a);
    expect(pool).toMatchObject({ allocations: 1, usedBytes: 0, keptBytes: 32 });
    expect(pool.take(33, STORAGE, 'b')).not.toBe(a);
    expect(pool.take(32, 0x08, 'c')).not.toBe(a);
    expect(pool.take(32, STORAGE, 'd')).toBe(a);
    expect(a.label).toBe('d');
    pool.give(a);
    pool.trim();
    expect(pool.keptBytes).toBe(0);
    expect(pool.take(32, STORAGE, 'e')).not.toBe(a);
  });

  test('keeps at most 256 MiB: the size unused for longest goes', () => {
    const pool = new BufferPool(gpu.device);
    const large = 100 * 2 ** 20;
    const [a, b, c] = [16, 32, 48].map((more) => pool.take(large + more, STORAGE, 'large'));
    pool.give(a);
    pool.give(b);
    pool.give(pool.take(large + 16, STORAGE, 'used again'));
    pool.give(c);
    expect(pool.keptBytes).toBe(2 * large + 16 + 48);
    expect(pool.take(large + 16, STORAGE, 'kept')).toBe(a);
    expect(pool.take(large + 32, STORAGE, 'gone')).not.toBe(b);
    pool.trim();
  });
});
