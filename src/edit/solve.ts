import { dot, matmul, matmulTransposedLeft, solveSymmetric, transpose } from '../base/linalg.ts';
import { f64, type Tensor } from '../base/tensor.ts';
import type { Watch } from '../base/tasks.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { solveSpd } from '../kernels/refine.ts';
import type { Covariance } from './covariance.ts';

/** One low-rank write. Keys and residuals are rows here, columns in the papers. */
export interface Write {
  /** K [n, p]: keys that shall map to something new. */
  readonly keys: Tensor<'float64'>;
  /** R [n, d]: what is asked in addition for each of them. */
  readonly residuals: Tensor<'float64'>;
  /** M [m, p]: keys that shall keep what they map to. */
  readonly memory: Tensor<'float64'>;
  /** λ */
  readonly weight: number;
}

/** Its solution, with what tells whether it will do. */
export interface Written {
  /** [d, n] */
  readonly left: Tensor<'float64'>;
  /** [n, p] */
  readonly right: Tensor<'float64'>;
  /** s = kᵀ C₀⁻¹ k of each key. On a corpus like the prompts it is about p.   [methods.md 5.2] */
  readonly s: readonly number[];
  /** Share of each residual that left·right·k realises: 1 is all of it. */
  readonly share: readonly number[];
  /** ‖C₀ Z − [M K]‖ / ‖[M K]‖ of the solve. */
  readonly residual: number;
}

/**
 * ΔW = Rᵀ K (λ C₀ + KᵀK + MᵀM)⁻¹ as left · right, by the push-through identity: with A = [M; K], Z = C₀⁻¹ Aᵀ and S = A Z,
 * ΔW = Rᵀ · (last n columns of (λ I + S)⁻¹)ᵀ · Zᵀ. C₀'s factor serves every λ and every target.   [methods.md 6.6]
 *
 * @param covariance C₀ [p, p] with its factor
 * @returns          left = Rᵀ, right = the rest
 * @throws EditorError `ill-conditioned` when Z can't be solved to 1e-8
 */
export async function solveWrite(
  kernels: Kernels,
  covariance: Covariance,
  write: Write,
  watch?: Watch,
): Promise<Written> {
  const { keys, residuals, memory, weight } = write;
  const { factorization } = covariance;
  const [n, p] = keys.shape;
  const m = memory.shape[0];
  const all = stackRows(memory, keys);
  const { solution: z, residual } = await solveSpd(
    kernels,
    factorization.matrix,
    factorization.factor,
    transpose(all),
    watch,
  );
  const gram = matmul(all, z);
  const shifted = f64(gram.data.slice(), gram.shape);
  for (let i = 0; i < m + n; i++) shifted.data[i * (m + n) + i] += weight;
  const chosen = solveSymmetric(shifted, lastColumns(m + n, n));
  const right = matmulTransposedLeft(chosen, transpose(z));
  const left = transpose(residuals);
  // left · right · k for each key k, as rows.
  const realised = transpose(matmul(left, matmul(right, transpose(keys))));
  const [, d] = residuals.shape;
  const row = (tensor: Tensor<'float64'>, i: number) => tensor.data.subarray(i * d, (i + 1) * d);
  const each = Array.from({ length: n }, (_, i) => i);
  return {
    left,
    right: f64(right.data, [n, p]),
    s: each.map((i) => gram.data[(m + i) * (m + n) + m + i]),
    share: each.map(
      (i) => dot(row(realised, i), row(residuals, i)) / Math.max(1e-300, dot(row(residuals, i), row(residuals, i))),
    ),
    residual,
  };
}

/** λ of a site: as it is given, or a share of the key width.   [methods.md 5.2] */
export function covarianceWeight(
  {
    covarianceWeight: absolute,
    covarianceShare,
  }: { readonly covarianceWeight: number | null; readonly covarianceShare: number },
  width: number,
): number {
  return absolute ?? covarianceShare * width;
}

/** Rows of a above rows of b. */
export function stackRows(a: Tensor<'float64'>, b: Tensor<'float64'>): Tensor<'float64'> {
  const data = new Float64Array(a.data.length + b.data.length);
  data.set(a.data);
  data.set(b.data, a.data.length);
  return f64(data, [a.shape[0] + b.shape[0], b.shape[1]]);
}

// ---

function lastColumns(size: number, count: number): Tensor<'float64'> {
  const data = new Float64Array(size * count);
  for (let j = 0; j < count; j++) data[(size - count + j) * count + j] = 1;
  return f64(data, [size, count]);
}
