import { describe, expect, test } from 'vitest';
import * as linalg from '../../src/base/linalg.ts';
import { f64, toFloat, type FloatTensor } from '../../src/base/tensor.ts';
import { hostTensor } from '../../src/device/memory.ts';
import { mirrorLower } from '../../src/kernels/gram.ts';
import { makeKernels } from '../../src/kernels/kernels.ts';
import { numbers } from './cases.ts';
import { describeKernels, type Oracle } from './suite.ts';

/** The textbook's version of each kernel. */
const textbook: Oracle = {
  async cosine(a, b) {
    const [n, d] = a.shape;
    const out = Float64Array.from({ length: n }, (_, i) => {
      const [x, y] = [a, b].map(({ data }) => Float64Array.from(data.subarray(i * d, (i + 1) * d)));
      if ([...x, ...y].some((value) => !Number.isFinite(value))) return NaN;
      const isZero = (row: Float64Array) => row.every((value) => Math.abs(value) < 2 ** -126);
      return isZero(x) || isZero(y) ? 0 : linalg.cosine(x, y);
    });
    return f64(out, [n]);
  },
  async gram(moment, keys, alpha, beta) {
    const [, d] = keys.shape;
    const product = linalg.matmulTransposedLeft(keys, keys);
    const out = Float64Array.from(moment.data);
    for (let i = 0; i < d; i++)
      for (let j = 0; j <= i; j++) {
        const at = i * d + j;
        out[at] = alpha * product.data[at] + (beta === 0 ? 0 : beta * moment.data[at]);
      }
    return f64(out, moment.shape);
  },
  async lowrank(base, left, right, scale, orientation) {
    const product = linalg.matmul(left, right);
    const turned = orientation === 'out,in' ? product : linalg.transpose(product);
    return f64(
      turned.data.map((value, at) => scale * value + (base?.data[at] ?? 0)),
      turned.shape,
    );
  },
};

describe('twins against the textbook', () => describeKernels(makeKernels(null), textbook));

describe('twins in float64', () => {
  const kernels = makeKernels(null);
  const wide = (tensor: FloatTensor) => hostTensor(toFloat(tensor, 'float64'));

  test('capture keeps the type', async () => {
    const x = f64([0.1, 0.2, 0.3, 0.4], [2, 2]);
    expect((await kernels.capture(hostTensor(x), Int32Array.of(1))).host).toEqual(f64([0.3, 0.4], [1, 2]));
  });

  test('cosine keeps the type', async () => {
    const out = await kernels.cosine(wide(numbers([1, 9])), wide(numbers([1, 9])));
    expect(out.host?.dtype).toBe('float64');
    expect(Math.abs(Number(out.host?.data[0]) - 1)).toBeLessThan(4e-16);
  });

  test('gram sums in float64 into a float64 moment, whatever the keys are', async () => {
    const keys = numbers([700, 40]);
    const moment = f64(new Float64Array(1600), [40, 40]);
    await kernels.gram(hostTensor(moment), hostTensor(keys), 1, 1);
    mirrorLower(moment);
    const expected = linalg.matmulTransposedLeft(keys, keys);
    expect(Math.max(...moment.data.map((value, at) => Math.abs(value - expected.data[at])))).toBeLessThan(1e-11);
  });

  test('lowrank keeps the type of the weight', async () => {
    const [base, left, right] = [numbers([3, 4]), numbers([3, 2]), numbers([2, 4])].map(wide);
    expect((await kernels.lowrank(base, left, right, 1, 'out,in')).host?.dtype).toBe('float64');
  });
});

test('mirrorLower fills the upper triangle', () => {
  const matrix = numbers([130, 130]);
  mirrorLower(matrix);
  expect([...linalg.transpose(matrix).data]).toEqual([...matrix.data]);
});
