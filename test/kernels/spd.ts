import { makeRandom, normal } from '../../src/base/random.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';

/**
 * A symmetric matrix with these eigenvalues: a diagonal one, reflected three times in random directions, which changes
 * every entry and no eigenvalue.
 */
export function withEigenvalues(values: readonly number[], seed = 1): Tensor<'float64'> {
  const n = values.length;
  const random = makeRandom(seed);
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) c[i * n + i] = values[i];
  for (let turn = 0; turn < 3; turn++) {
    const v = Float64Array.from({ length: n }, () => normal(random));
    const square = v.reduce((sum, x) => sum + x * x, 0);
    reflect(c, n, v, square, n, 1);
    reflect(c, n, v, square, 1, n);
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) c[j * n + i] = c[i * n + j];
  return f64(c, [n, n]);
}

/** Eigenvalues from 1 down to 1 / condition, evenly in the logarithm: as second moments have them. */
export function decaying(n: number, condition: number): number[] {
  return Array.from({ length: n }, (_, i) => condition ** (-i / (n - 1)));
}

/** Normal right sides. */
export function sides(n: number, m: number, seed = 9): Tensor<'float64'> {
  const random = makeRandom(seed);
  return f64(
    Float64Array.from({ length: n * m }, () => normal(random)),
    [n, m],
  );
}

// ---

/** C ← (I − 2 v vᵀ / vᵀv) C, or from the right when the strides are swapped. */
function reflect(c: Float64Array, n: number, v: Float64Array, square: number, rowStride: number, stride: number): void {
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) sums[j] += v[i] * c[i * rowStride + j * stride];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) c[i * rowStride + j * stride] -= (2 * v[i] * sums[j]) / square;
}
