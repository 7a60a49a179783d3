import { describe, expect, test } from 'vitest';
import { matmul, norm } from '../../src/base/linalg.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import { factorSpd } from '../../src/kernels/factor.ts';
import { makeKernels } from '../../src/kernels/kernels.ts';
import { refine, RESIDUAL, solveSpd } from '../../src/kernels/refine.ts';
import { columnsOf, estimateCondition, makeSystem } from '../../src/kernels/system.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { decaying, sides, withEigenvalues } from './spd.ts';

const host = makeKernels(null);

describe('a solve', () => {
  test.each<[condition: number, n: number, m: number]>([
    [1e8, 150, 3],
    [1e6, 150, 5],
    [1e4, 150, 1],
    [1e2, 65, 4],
    [2, 3, 0],
    [1, 2, 1],
  ])('of condition %d, n = %i, %i right sides, reaches its residual in one sweep', async (condition, n, m) => {
    const right = sides(n, m);
    const { matrix, factor, ridge, where } = await factorSpd(host, withEigenvalues(decaying(n, condition)));
    const { solution, residual, sweeps } = await solveSpd(host, matrix, factor, right);
    expect({ ridge, where, shape: solution.shape }).toEqual({ ridge: 0, where: 'host', shape: [n, m] });
    expect(sweeps).toBe(m === 0 ? 0 : 1);
    expect(residual).toBeLessThanOrEqual(RESIDUAL);
    expect(trueResidual(matrix, solution, right)).toBeCloseTo(residual, 10);
  });

  test('holds each right side to the residual on its own: huge, tiny and zero beside each other', async () => {
    const { matrix, factor } = await factorSpd(host, withEigenvalues(decaying(70, 1e4)));
    const right = sides(70, 3);
    for (let i = 0; i < 70; i++) {
      right.data[i * 3] *= 1e30;
      right.data[i * 3 + 1] *= 1e-30;
      right.data[i * 3 + 2] = 0;
    }
    const { solution } = await solveSpd(host, matrix, factor, right);
    expect(trueResidual(matrix, solution, right)).toBeLessThanOrEqual(RESIDUAL);
    expect(columnsOf(solution)[2].every((value) => value === 0)).toBe(true);
  });

  test('with a factor of another matrix still gets there, in more sweeps', async () => {
    const matrix = withEigenvalues(decaying(100, 1e3));
    const nearby = f64(
      matrix.data.map((value, at) => (at % 101 === 0 ? value * 1.1 : value)),
      [100, 100],
    );
    const { factor } = await factorSpd(host, nearby);
    const right = sides(100, 2);
    const { solution, sweeps } = await solveSpd(host, matrix, factor, right);
    expect(trueResidual(matrix, solution, right)).toBeLessThanOrEqual(RESIDUAL);
    expect(sweeps).toBeGreaterThan(2);
    expect((await refine(host, matrix, factor, right, 2)).residual).toBeGreaterThan(RESIDUAL);
  });

  test('of condition 1e14 ends in the coded error that names it', async () => {
    const matrix = withEigenvalues(decaying(60, 1e14));
    const { factor } = await factorSpd(host, matrix);
    const fault = await faultOf(() => solveSpd(host, matrix, factor, sides(60, 2)));
    expect(fault.code).toBe('ill-conditioned');
    expect(fault.message).toMatch(
      /^cannot solve a system of \[60, 60\]: after \d+ sweeps .* the condition about .*ridge$/,
    );
    expect(Math.abs(Math.log10(Number(fault.values.condition)) - 14)).toBeLessThan(0.5);
  });

  test('with a factor that has nothing to do with the matrix ends in the coded error', async () => {
    const matrix = withEigenvalues(decaying(200, 1e12));
    const { factor } = await factorSpd(host, withEigenvalues(decaying(200, 1), 5));
    await expectFault(() => solveSpd(host, matrix, factor, sides(200, 1)), 'ill-conditioned');
  });

  test('of numbers that are not finite is refused', async () => {
    const { matrix, factor } = await factorSpd(host, withEigenvalues([1, 2]));
    await expectFault(
      () => solveSpd(host, matrix, factor, f64([1, NaN], [2, 1])),
      'not-finite',
      'the right side [2, 1] holds NaN at 1',
    );
    await expectFault(
      () => factorSpd(host, f64([1, 0, 0, Infinity], [2, 2])),
      'not-finite',
      'a matrix',
      'Infinity at 3',
    );
  });
});

describe('the condition is estimated', () => {
  test.each([1, 1e3, 1e6, 1e9])('%d', async (condition) => {
    const { matrix, factor } = await factorSpd(host, withEigenvalues(decaying(80, condition)));
    const estimate = await estimateCondition(makeSystem(host, matrix, factor, undefined));
    expect(Math.abs(Math.log10(estimate / condition))).toBeLessThan(0.5);
  });
});

describe('a factor', () => {
  const n = 90;

  test.each<[name: string, eigenvalues: number[], ridge: number]>([
    ['positive definite', decaying(n, 1e9), 0],
    ['singular: rounding decides, 1e-8 of the mean helps', singular(n, 0), 1e-8],
    ['slightly negative', singular(n, -3e-8), 1e-7],
    ['more negative', singular(n, -3e-5), 1e-4],
  ])('of a matrix that is %s takes the smallest ridge that helps', async (_, eigenvalues, expected) => {
    const c = withEigenvalues(eigenvalues);
    const { matrix, factor, ridge } = await factorSpd(host, c);
    expect(ridge).toBe(expected);
    if (ridge === 0) expect(matrix).toBe(c);
    const mean = columnsOf(c).reduce((sum, column, i) => sum + column[i], 0) / n;
    expect(matrix.data[0] - c.data[0]).toBeCloseTo(ridge * mean, 12);
    const right = f64(Float64Array.from(columnsOf(matrix)[3]), [n, 1]);
    expect((await solveSpd(host, matrix, factor, right)).residual).toBeLessThanOrEqual(RESIDUAL);
  });

  test('with a least ridge has at least that', async () => {
    const { ridge } = await factorSpd(host, withEigenvalues([1, 2, 3]), { ridge: 3e-5 });
    expect(ridge).toBe(3e-5);
    expect((await factorSpd(host, withEigenvalues(singular(n, -3e-5)), { ridge: 1e-6 })).ridge).toBe(1e-4);
  });

  test.each<[string, Tensor<'float64'>]>([
    ['zero', f64(new Float64Array(9), [3, 3])],
    ['negative', withEigenvalues([1, 1, -1])],
  ])('of a matrix beyond help is refused: %s', (_, matrix) =>
    expectFault(
      () => factorSpd(host, matrix),
      'ill-conditioned',
      'cannot factor a matrix [3, 3]: with the largest ridge, 0.001, pivot',
    ),
  );

  test('leaves its matrix as it is', async () => {
    const c = withEigenvalues(singular(30, 0));
    const before = c.data.slice();
    await factorSpd(host, c);
    expect(c.data).toEqual(before);
  });

  test('stops on request, in the middle', async () => {
    const abort = new AbortController();
    const c = f64(new Float64Array(1200 * 1200), [1200, 1200]);
    for (let i = 0; i < 1200; i++) c.data[i * 1201] = 1;
    const factoring = factorSpd(host, c, { watch: { signal: abort.signal } });
    abort.abort();
    await expectFault(() => factoring, 'aborted', 'cannot factor a matrix');
  });
});

// ---

/** Half of the eigenvalues are 1, the others the share `rest` of their mean. */
function singular(n: number, rest: number): number[] {
  return Array.from({ length: n }, (_, i) => (i % 2 ? 1 : rest / 2));
}

function trueResidual(matrix: Tensor<'float64'>, solution: Tensor<'float64'>, right: Tensor<'float64'>): number {
  const products = columnsOf(matmul(matrix, solution));
  return columnsOf(right).reduce((most, k, j) => {
    const size = norm(k);
    return size === 0 ? most : Math.max(most, norm(k.map((value, i) => value - products[j][i])) / size);
  }, 0);
}
