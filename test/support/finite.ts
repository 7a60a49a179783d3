/**
 * Gradient of f at x by central differences of fourth order, one element at a time:
 * f′ ≈ (8 (f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h))) / 12h, whose error falls with h⁴.
 *
 * Writes into `x` and puts every element back.
 */
export async function finiteDifferences(
  f: () => Promise<number>,
  x: Float64Array | Float32Array,
  h = 1e-3,
): Promise<number[]> {
  const gradient: number[] = [];
  for (let i = 0; i < x.length; i++) {
    const center = x[i];
    const at = async (step: number) => {
      x[i] = center + step;
      return f();
    };
    const near = (await at(h)) - (await at(-h));
    const far = (await at(2 * h)) - (await at(-2 * h));
    x[i] = center;
    gradient.push((8 * near - far) / (12 * h));
  }
  return gradient;
}

/** Largest difference relative to the largest expected number; NaN counts as infinite, as do lists of different length. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return worst === 0 ? 0 : worst / scale;
}
