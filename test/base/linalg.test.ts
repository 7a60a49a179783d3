import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cholesky,
  cosine,
  dot,
  matmul,
  matmulTransposedLeft,
  matmulTransposedRight,
  norm,
  solveLower,
  solveLowerTransposed,
  solveSymmetric,
  transpose,
} from '../../src/base/linalg.ts';
import { makeRandom, normal } from '../../src/base/random.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import { expectFault } from '../support/faults.ts';

const A = f64([1, 2, 3, 4, 5, 6], [2, 3]);
const B = f64([1, 0, 2, 1, 0, 3], [3, 2]);
/** The example of every textbook: its factor has whole numbers. */
const SPD = f64([4, 12, -16, 12, 37, -43, -16, -43, 98], [3, 3]);
const L = f64([2, 0, 0, 6, 1, 0, -8, 5, 3], [3, 3]);

describe('products, by hand', () => {
  test.each<[string, Tensor, number[], number[]]>([
    ['A B', matmul(A, B), [2, 2], [5, 11, 14, 23]],
    ['Aᵀ', transpose(A), [3, 2], [1, 4, 2, 5, 3, 6]],
    ['AᵀA', matmulTransposedLeft(A, A), [3, 3], [17, 22, 27, 22, 29, 36, 27, 36, 45]],
    ['A Aᵀ', matmulTransposedRight(A, A), [2, 2], [14, 32, 32, 77]],
    ['[2, 0] [0, 3]', matmul(f64([], [2, 0]), f64([], [0, 3])), [2, 3], [0, 0, 0, 0, 0, 0]],
  ])('%s', (_, product, shape, values) => {
    expect(product.shape).toEqual(shape);
    expect([...product.data]).toEqual(values);
  });

  test('shapes that do not fit are refused', () =>
    expectFault(() => matmul(A, A), 'internal', 'multiply matrices', '[2, 3] and [2, 3]'));
});

describe('Cholesky', () => {
  test('of the textbook matrix', () => expect(cholesky(SPD)).toEqual({ factor: L }));

  test.each<[string, number[], number, number]>([
    ['negative', [4, 0, 0, -1], 1, -1],
    ['zero', [4, 4, 4, 4], 1, 0],
    ['first', [-4, 0, 0, 1], 0, -4],
    ['NaN', [NaN, 0, 0, 1], 0, NaN],
  ])('a pivot that is not positive is named: %s', (_, matrix, pivot, value) => {
    expect(cholesky(f64(matrix, [2, 2]))).toEqual({ factor: null, pivot, value });
  });

  test('reads the lower triangle only', () => {
    const lower = f64([4, NaN, NaN, 12, 37, NaN, -16, -43, 98], [3, 3]);
    expect(cholesky(lower)).toEqual({ factor: L });
  });
});

describe('solves', () => {
  test('invert the products, for any triangle and any number of right sides', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 4 }), fc.nat(), (n, m, seed) => {
        const random = makeRandom(seed);
        const x = f64(
          Float64Array.from({ length: n * m }, () => normal(random)),
          [n, m],
        );
        const l = f64(
          Float64Array.from({ length: n * n }, (_, at) =>
            at % n > at / n ? 0 : at % (n + 1) ? normal(random) : 3 + n,
          ),
          [n, n],
        );
        const close = (got: Tensor) => got.data.forEach((value, at) => expect(value).toBeCloseTo(x.data[at], 9));
        close(solveLower(l, matmul(l, x)));
        close(solveLowerTransposed(l, matmul(transpose(l), x)));
        close(solveSymmetric(matmulTransposedRight(l, l), matmul(matmulTransposedRight(l, l), x)));
      }),
      { numRuns: 30 },
    );
  });

  test('a matrix that is not positive definite is refused with its pivot', () =>
    expectFault(
      () => solveSymmetric(f64([1, 2, 2, 1], [2, 2]), f64([1, 1], [2, 1])),
      'ill-conditioned',
      'cannot solve a system of [2, 2]: pivot 1 is -3.00e+0',
      'ridge',
    ));
});

describe('vectors', () => {
  test.each<[string, number, number]>([
    ['dot', dot([1, 2, 3], [4, -5, 6]), 12],
    ['norm', norm([3, -4]), 5],
    ['norm of nothing', norm([]), 0],
    ['norm beyond overflow', norm([3e200, 4e200]), 5e200],
    ['norm below underflow', norm([3e-200, 4e-200]), 5e-200],
    ['norm with infinity', norm([1, -Infinity]), Infinity],
    ['norm with NaN', norm([1, NaN]), NaN],
    ['cosine of parallels', cosine([1, 2], [2, 4]), 1],
    ['cosine of opposites', cosine([1, 2], [-1, -2]), -1],
    ['cosine of normals', cosine([1, 0], [0, 5]), 0],
    ['cosine with zero', cosine([0, 0], [1, 2]), 0],
    ['cosine of huge', cosine([3e200, 4e200], [3e200, 4e200]), 1],
  ])('%s', (_, value, expected) => {
    if (Number.isFinite(expected)) expect(Math.abs(value - expected)).toBeLessThanOrEqual(Math.abs(expected) * 1e-15);
    else expect(value).toBe(expected);
  });
});
