import { describe, expect, test } from 'vitest';
import { f32, i64, zeros } from '../../src/base/tensor.ts';
import { hostTensor, readMany, writeTensor } from '../../src/device/memory.ts';
import { scope } from '../../src/device/scope.ts';
import { expectFault } from '../support/faults.ts';

describe('a host tensor', () => {
  const tensor = f32([1, 2, 3], [3]);

  test('is the numbers themselves', async () => {
    const placed = hostTensor(tensor);
    expect(placed).toMatchObject({ dtype: 'float32', shape: [3], buffer: null });
    expect(placed.host).toBe(tensor);
    expect(await placed.read()).toBe(tensor);
    placed.dispose();
    expect(await readMany([placed, placed])).toEqual([tensor, tensor]);
  });

  test('is overwritten in place', () => {
    const target = zeros('float32', [3]);
    writeTensor(hostTensor(target), tensor);
    expect(target).toEqual(tensor);
  });

  test('is not overwritten by another type or size', async () => {
    await expectFault(() => writeTensor(hostTensor(tensor), i64([1, 2, 3])), 'internal', 'int64 [3] into float32 [3]');
    await expectFault(() => writeTensor(hostTensor(tensor), f32([1], [1])), 'internal', 'float32 [1] into float32 [3]');
  });

  test('reading nothing reads nothing', async () => expect(await readMany([])).toEqual([]));
});

describe('a scope', () => {
  const thing = () => ({
    disposed: 0,
    dispose() {
      this.disposed += 1;
    },
  });

  test('disposes what it was given, and not what was released', async () => {
    const [a, b] = [thing(), thing()];
    const result = await scope(async (s) => {
      s.add(a);
      s.add(a);
      return s.release(s.add(b));
    });
    expect(result).toBe(b);
    expect([a.disposed, b.disposed]).toEqual([1, 0]);
  });

  test('disposes also when its body throws', async () => {
    const a = thing();
    const failing = scope(async (s) => {
      s.add(a);
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(a.disposed).toBe(1);
  });
});
