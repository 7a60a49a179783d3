/**
 * Linear algebra in float64 as the textbook writes it: the references that the fast kernels are tested against.
 * Matrices are row-major tensors; nothing here is blocked, tiled or in place. For speed see `src/kernels`.
 */
import { EditorError, invariant } from './errors.ts';
import { f64, formatShape, type FloatTensor, type Tensor } from './tensor.ts';

type Matrix = Tensor<'float64'>;

/** C = A B. A [n, k], B [k, m] → [n, m]. */
export function matmul(a: FloatTensor, b: FloatTensor): Matrix {
  const [n, k] = dims(a);
  const [kb, m] = dims(b);
  agree('multiply matrices', k === kb, a, b);
  const c = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let p = 0; p < k; p++) {
      const x = a.data[i * k + p];
      for (let j = 0; j < m; j++) c[i * m + j] += x * b.data[p * m + j];
    }
  return f64(c, [n, m]);
}

/** Aᵀ. A [n, m] → [m, n]. */
export function transpose(a: FloatTensor): Matrix {
  const [n, m] = dims(a);
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) out[j * n + i] = a.data[i * m + j];
  return f64(out, [m, n]);
}

/** AᵀB, the product over rows. A [k, n], B [k, m] → [n, m]; with A = B the Gram matrix of the columns. */
export function matmulTransposedLeft(a: FloatTensor, b: FloatTensor): Matrix {
  return matmul(transpose(a), b);
}

/** ABᵀ, the product over columns. A [n, k], B [m, k] → [n, m]. */
export function matmulTransposedRight(a: FloatTensor, b: FloatTensor): Matrix {
  return matmul(a, transpose(b));
}

/** What `cholesky` returns: the factor, or the first pivot that is not positive. */
export type CholeskyResult =
  { readonly factor: Matrix } | { readonly factor: null; readonly pivot: number; readonly value: number };

/**
 * A = L Lᵀ with L lower triangular (Cholesky–Banachiewicz, row by row).
 *
 * @param a [n, n] symmetric; only the lower triangle is read
 * @returns L with zeros above the diagonal, or index and value of the first pivot that is not > 0 (NaN included)
 */
export function cholesky(a: FloatTensor): CholeskyResult {
  const [n, m] = dims(a);
  agree('factor a matrix', n === m, a);
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum: number = a.data[i * n + j];
      for (let p = 0; p < j; p++) sum -= l[i * n + p] * l[j * n + p];
      if (j < i) l[i * n + j] = sum / l[j * n + j];
      else if (sum > 0) l[i * n + i] = Math.sqrt(sum);
      else return { factor: null, pivot: i, value: sum };
    }
  return { factor: f64(l, [n, n]) };
}

/** X of L X = B, forward substitution. L [n, n] lower, B [n, m] → [n, m]. */
export function solveLower(l: FloatTensor, b: FloatTensor): Matrix {
  const [n, m] = triangle(l, b);
  const x = Float64Array.from(b.data);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      let sum = x[i * m + j];
      for (let p = 0; p < i; p++) sum -= l.data[i * n + p] * x[p * m + j];
      x[i * m + j] = sum / l.data[i * n + i];
    }
  return f64(x, [n, m]);
}

/** X of Lᵀ X = B, back substitution. L [n, n] lower, B [n, m] → [n, m]. */
export function solveLowerTransposed(l: FloatTensor, b: FloatTensor): Matrix {
  const [n, m] = triangle(l, b);
  const x = Float64Array.from(b.data);
  for (let i = n - 1; i >= 0; i--)
    for (let j = 0; j < m; j++) {
      let sum = x[i * m + j];
      for (let p = i + 1; p < n; p++) sum -= l.data[p * n + i] * x[p * m + j];
      x[i * m + j] = sum / l.data[i * n + i];
    }
  return f64(x, [n, m]);
}

/**
 * X of A X = B for symmetric positive definite A, by Cholesky.
 *
 * @param a [n, n], lower triangle read
 * @param b [n, m]
 * @throws EditorError `ill-conditioned` naming the pivot when A is not positive definite
 */
export function solveSymmetric(a: FloatTensor, b: FloatTensor): Matrix {
  const result = cholesky(a);
  if (result.factor) return solveLowerTransposed(result.factor, solveLower(result.factor, b));
  throw new EditorError(
    'ill-conditioned',
    `solve a system of ${formatShape(a.shape)}`,
    `pivot ${result.pivot} is ${result.value.toExponential(2)}`,
    'it must be positive definite: add a ridge to the diagonal',
    { pivot: result.pivot, value: result.value },
  );
}

/** Σ aᵢ bᵢ over all elements. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** √Σ aᵢ², of a vector or (Frobenius) of a matrix. Scaled by the largest element, so that no square over- or underflows. */
export function norm(a: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** a·b / (‖a‖ ‖b‖), and 0 where either norm is 0. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [norm(a), norm(b)];
  if (x === 0 || y === 0) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] / x) * (b[i] / y);
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------

function dims(a: FloatTensor): [number, number] {
  invariant(a.shape.length === 2, 'use a tensor as a matrix', `shape ${formatShape(a.shape)}`);
  return [a.shape[0], a.shape[1]];
}

function triangle(l: FloatTensor, b: FloatTensor): [number, number] {
  const [n, m] = dims(b);
  agree('solve a triangular system', l.shape[0] === l.shape[1] && l.shape[0] === n, l, b);
  return [n, m];
}

function agree(what: string, holds: boolean, ...matrices: FloatTensor[]): void {
  invariant(holds, what, `shapes ${matrices.map((matrix) => formatShape(matrix.shape)).join(' and ')}`);
}
