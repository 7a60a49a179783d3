import { describe, expect, test } from 'vitest';
import { f32, i32, zeros, type Tensor } from '../../src/base/tensor.ts';
import { resolveSizes, uniformBytes, writeUniforms, type BindingRecord } from '../../src/device/binding.ts';
import { hostTensor } from '../../src/device/memory.ts';
import { expectFault } from '../support/faults.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n', 'd'], values: { alpha: 'f32', flag: 'u32' } },
  keys: { access: 'read', dtype: 'float32', shape: ['n', 'd'] },
  rows: { access: 'read', dtype: 'int32', shape: ['n'] },
  out: { access: 'read_write', dtype: 'float32', shape: [2, 'd'] },
} as const satisfies BindingRecord;

const good: Record<string, Tensor> = {
  keys: zeros('float32', [3, 5]),
  rows: i32([0, 1, 2], [3]),
  out: zeros('float32', [2, 5]),
};

const resolve = (tensors: Record<string, Tensor>) =>
  resolveSizes(
    'demo',
    bindings,
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, hostTensor(tensor)])),
  );

test('symbols take their numbers from the tensors', () => {
  expect([...resolve(good)]).toEqual([
    ['n', 3],
    ['d', 5],
  ]);
});

describe('tensors that do not fit are refused', () => {
  test.each<[string, Partial<typeof good>, string]>([
    ['type', { rows: f32([0, 1, 2], [3]) }, 'cannot run kernel demo: rows is float32 [3], not int32 [n]'],
    ['rank', { keys: zeros('float32', [15]) }, 'keys is float32 [15], not float32 [n, d]'],
    ['symbol', { rows: i32([0], [1]) }, 'rows is [1], not int32 [n] with n = 3'],
    ['fixed size', { out: zeros('float32', [3, 5]) }, 'out is [3, 5], not float32 [2, d] with 2 = 2'],
    ['symbol, second axis', { out: zeros('float32', [2, 4]) }, 'out is [2, 4], not float32 [2, d] with d = 5'],
  ])('%s', (_, change, message) =>
    expectFault(() => resolve({ ...good, ...change } as typeof good), 'internal', message),
  );
});

test('the uniform struct: sizes, then values, four bytes each', () => {
  const view = new DataView(new ArrayBuffer(24));
  writeUniforms(bindings, resolve(good), { alpha: -0.5, flag: 7 }, view, 4);
  expect(uniformBytes(bindings)).toBe(16);
  expect([0, 4, 8, 12, 16, 20].map((at) => (at === 12 ? view.getFloat32(at, true) : view.getUint32(at, true)))).toEqual(
    [0, 3, 5, -0.5, 7, 0],
  );
});

test('a value that is missing is an error, not a zero', () =>
  expectFault(
    () => writeUniforms(bindings, resolve(good), { alpha: 1 }, new DataView(new ArrayBuffer(16)), 0),
    'internal',
    'flag',
  ));
