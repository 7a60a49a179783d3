import { norm } from '../base/linalg.ts';

/** Vectors being optimized by Adam, one after another, in double precision. */
export interface AdamState {
  readonly values: Float64Array<ArrayBuffer>;
  readonly mean: Float64Array;
  readonly square: Float64Array;
}

/** All zeros. */
export function makeAdam(size: number): AdamState {
  return { values: new Float64Array(size), mean: new Float64Array(size), square: new Float64Array(size) };
}

/**
 * One Adam step, in place: β = (0.9, 0.999), ε = 1e-8, no decay.
 *
 * @param step 1 for the first
 */
export function adamStep(state: AdamState, gradient: ArrayLike<number>, rate: number, step: number): void {
  const { values, mean, square } = state;
  const [meanScale, squareScale] = [1 / (1 - 0.9 ** step), 1 / (1 - 0.999 ** step)];
  for (let i = 0; i < gradient.length; i++) {
    mean[i] = 0.9 * mean[i] + 0.1 * gradient[i];
    square[i] = 0.999 * square[i] + 0.001 * gradient[i] * gradient[i];
    values[i] -= (rate * mean[i] * meanScale) / (Math.sqrt(square[i] * squareScale) + 1e-8);
  }
}

/** Shortens a vector onto the sphere of that radius when it is longer, in place. */
export function clampNorm(vector: Float64Array, radius: number): void {
  const length = norm(vector);
  if (length <= radius) return;
  for (let i = 0; i < vector.length; i++) vector[i] *= radius / length;
}
