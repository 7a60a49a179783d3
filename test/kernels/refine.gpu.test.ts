import { expect, test } from 'vitest';
import { matmul, norm } from '../../src/base/linalg.ts';
import { factorSpd } from '../../src/kernels/factor.ts';
import { makeKernels } from '../../src/kernels/kernels.ts';
import { RESIDUAL, solveSpd } from '../../src/kernels/refine.ts';
import { columnsOf } from '../../src/kernels/system.ts';
import { expectFault } from '../support/faults.ts';
import { gpuOrSkip } from '../support/gpu.ts';
import { decaying, sides, withEigenvalues } from './spd.ts';

const describeGpu = await gpuOrSkip();

describeGpu('solves with a float32 factor', (gpu) => {
  const kernels = makeKernels(gpu);

  test.each<[condition: number, n: number, where: string | null, sweeps: number]>([
    [1e2, 65, 'gpu', 3],
    [1e4, 150, 'gpu', 4],
    [1e6, 150, 'gpu', 6],
    // About where float32 ends: rounding decides whether a pivot turns negative.
    [1e8, 150, null, 40],
    // Beyond it: no float32 factor exists, and float64 needs no ridge.
    [1e9, 200, 'host', 1],
  ])('condition %d, n = %i: factored on %s, at most %i sweeps', async (condition, n, expected, mostSweeps) => {
    const used = gpu.pool.usedBytes;
    const { matrix, factor, ridge, where } = await factorSpd(kernels, withEigenvalues(decaying(n, condition)));
    expect(ridge).toBe(0);
    expect(where).toBe(expected ?? where);
    expect(factor.host === null).toBe(where === 'gpu');

    const right = sides(n, 3);
    const { solution, residual, sweeps } = await solveSpd(kernels, matrix, factor, right);
    expect(sweeps).toBeLessThanOrEqual(mostSweeps);
    expect(residual).toBeLessThanOrEqual(RESIDUAL);
    const products = columnsOf(matmul(matrix, solution));
    for (const [j, k] of columnsOf(right).entries())
      expect(norm(k.map((value, i) => value - products[j][i])) / norm(k)).toBeLessThanOrEqual(1.1 * RESIDUAL);

    factor.dispose();
    expect(gpu.pool.usedBytes).toBe(used);
  });

  test('right sides of any size: they go in scaled, and come back', async () => {
    const { matrix, factor } = await factorSpd(kernels, withEigenvalues(decaying(70, 1e3)));
    const right = sides(70, 2);
    for (let i = 0; i < 70; i++) {
      right.data[i * 2] *= 1e60;
      right.data[i * 2 + 1] *= 1e-60;
    }
    expect((await solveSpd(kernels, matrix, factor, right)).residual).toBeLessThanOrEqual(RESIDUAL);
  });

  test('a singular matrix gets its ridge in float64, on the host', async () => {
    const eigenvalues = Array.from({ length: 90 }, (_, i) => (i % 2 ? 1 : 0));
    const { ridge, where } = await factorSpd(kernels, withEigenvalues(eigenvalues));
    expect({ ridge, where }).toEqual({ ridge: 1e-8, where: 'host' });
  });

  test('a ridge large enough for float32 keeps it on the GPU', async () => {
    const eigenvalues = Array.from({ length: 90 }, (_, i) => (i % 2 ? 1 : 0));
    const { ridge, where } = await factorSpd(kernels, withEigenvalues(eigenvalues), { ridge: 1e-3 });
    expect({ ridge, where }).toEqual({ ridge: 1e-3, where: 'gpu' });
  });

  test('a condition beyond float64 ends in the coded error', async () => {
    const { matrix, factor } = await factorSpd(kernels, withEigenvalues(decaying(60, 1e14)));
    await expectFault(() => solveSpd(kernels, matrix, factor, sides(60, 1)), 'ill-conditioned', 'the condition about');
  });

  test('failed attempts leave nothing on the GPU', async () => {
    const used = gpu.pool.usedBytes;
    await expectFault(() => factorSpd(kernels, withEigenvalues([1, 1, -1])), 'ill-conditioned');
    expect(gpu.pool.usedBytes).toBe(used);
  });
});
