import { f64, type Tensor } from '../base/tensor.ts';
import { mirrorLower } from '../kernels/gram.ts';

/** The lower triangle of a square matrix, row by row. Inverse: `unpackLower`. */
export function packLower({ data, shape: [n] }: Tensor<'float64'>): Float64Array<ArrayBuffer> {
  const lower = new Float64Array((n * (n + 1)) / 2);
  for (let i = 0, at = 0; i < n; at += ++i) lower.set(data.subarray(i * n, i * n + i + 1), at);
  return lower;
}

/** The lower triangle in its square [n, n], zeros above. */
export function unpackLower(lower: Float64Array | Float32Array): Tensor<'float64'> {
  const n = (Math.sqrt(8 * lower.length + 1) - 1) / 2;
  const square = f64(new Float64Array(n * n), [n, n]);
  for (let i = 0, at = 0; i < n; at += ++i) square.data.set(lower.subarray(at, at + i + 1), i * n);
  return square;
}

/** The symmetric matrix of a lower triangle. */
export function unpackSymmetric(lower: Float64Array | Float32Array): Tensor<'float64'> {
  const square = unpackLower(lower);
  mirrorLower(square);
  return square;
}
