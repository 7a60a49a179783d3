import { describe, expect, test } from 'vitest';
import { matmul, matmulTransposedRight, solveSymmetric, transpose } from '../../src/base/linalg.ts';
import { makeRandom, normal } from '../../src/base/random.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import type { Covariance } from '../../src/edit/covariance.ts';
import { solveWrite } from '../../src/edit/solve.ts';
import { factorSpd } from '../../src/kernels/factor.ts';
import { hostKernels } from '../../src/kernels/kernels.ts';
import { GROUPS, readC0, readGroup } from '../support/atomic.ts';
import { relative } from '../support/close.ts';
import { sharedOrSkip } from '../support/shared.ts';

describe('closed form', () => {
  const random = makeRandom(5);
  const matrix = (rows: number, columns: number) =>
    f64(
      Float64Array.from({ length: rows * columns }, () => normal(random)),
      [rows, columns],
    );

  test.each([
    [1, 0, 3],
    [3, 0, 0.5],
    [3, 4, 2.5],
    [2, 9, 1e-3],
  ])('%i keys, %i of memory, λ %d: left · right is the dense solve', async (n, m, weight) => {
    const [p, d] = [12, 7];
    const spread = matrix(p, 40);
    const c0 = scaled(matmulTransposedRight(spread, spread), 1 / 40);
    const [keys, residuals, memory] = [matrix(n, p), matrix(n, d), matrix(m, p)];
    const covariance = await covarianceOf(c0);
    const written = await solveWrite(hostKernels, covariance, { keys, residuals, memory, weight });

    // Rᵀ K (λ C₀ + KᵀK + MᵀM)⁻¹
    const dense = scaled(c0, weight);
    for (const rows of [keys, memory]) addProduct(dense, rows);
    const wanted = transpose(solveSymmetric(dense, transpose(matmul(transpose(residuals), keys))));
    expect(relative(matmul(written.left, written.right).data, wanted.data)).toBeLessThan(1e-9);

    // R − ΔK = λ R (λ I + S)⁻¹ without memory: the share is what the identity says.
    if (m === 0 && n === 1) expect(written.share[0]).toBeCloseTo(written.s[0] / (weight + written.s[0]), 10);
  });

  test('no memory and λ → 0 writes the residual whole', async () => {
    const spread = matrix(12, 40);
    const covariance = await covarianceOf(scaled(matmulTransposedRight(spread, spread), 1 / 40));
    const write = { keys: matrix(1, 12), residuals: matrix(1, 7), memory: matrix(0, 12), weight: 1e-12 };
    const { left, right, share } = await solveWrite(hostKernels, covariance, write);
    const realised = matmul(left, matmul(right, transpose(write.keys)));
    expect(relative(realised.data, write.residuals.data)).toBeLessThan(1e-9);
    expect(share[0]).toBeCloseTo(1, 9);
  });
});

sharedOrSkip()('closed form on stored keys, residuals, memory and C₀', () => {
  const c0 = readC0();
  const made = new Map<string, Promise<Covariance>>();
  const covariance = (site: string) => {
    const known = made.get(site) ?? covarianceOf(c0.get(site) as Tensor<'float64'>);
    made.set(site, known);
    return known;
  };

  test.each(GROUPS.filter((name) => name.startsWith('literal') || name === 'single-0'))('%s', async (name) => {
    const { writes, tensors, variant } = readGroup(name);
    for (const [tag, sites] of Object.entries(writes)) {
      for (const [i, site] of sites.entries()) {
        const get = (part: string) => tensors.get(`${tag}.${i}.${part}`);
        const [k, r, u, v, m, s] = ['K', 'R', 'U', 'V', 'M', 'S'].map(get);
        // Memory is stored for the first two writes only.
        if (!k || !r || !u || !v || (variant !== 'literal' && !m)) continue;
        const memory = m ? transpose(m) : f64(new Float64Array(), [0, k.shape[0]]);
        const weight = 0.03 * k.shape[0];
        const write = { keys: transpose(k), residuals: transpose(r), memory, weight };
        const written = await solveWrite(hostKernels, await covariance(site), write);
        const distance = relative(matmul(written.left, written.right).data, matmul(u, v).data);
        expect(distance, `${name} write ${i} at ${site}`).toBeLessThan(1e-4);
        expect(relative(written.s, diagonal(s))).toBeLessThan(1e-4);
      }
    }
  });
});

// ---

async function covarianceOf(matrix: Tensor<'float64'>): Promise<Covariance> {
  const factorization = await factorSpd(hostKernels, matrix);
  return { site: { kind: 'mlp', layer: 0 }, factorization, tokens: 0, corpus: 'given' };
}

function scaled({ data, shape }: Tensor<'float64'>, factor: number): Tensor<'float64'> {
  return f64(
    data.map((value) => value * factor),
    shape,
  );
}

/** Adds rowsᵀ rows, in place. */
function addProduct(matrix: Tensor<'float64'>, rows: Tensor<'float64'>): void {
  const product = matmul(transpose(rows), rows);
  for (let i = 0; i < matrix.data.length; i++) matrix.data[i] += product.data[i];
}

function diagonal(matrix: Tensor<'float64'> | undefined): number[] {
  const n = matrix?.shape[0] ?? 0;
  return Array.from({ length: n }, (_, i) => matrix?.data[i * n + i] ?? NaN);
}
