import { norm } from '../../src/base/linalg.ts';

/** ‖a − b‖ / ‖b‖ in double precision. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  const difference = Float64Array.from(a, (value, i) => value - b[i]);
  return norm(difference) / Math.max(1e-300, norm(b));
}

/** Largest |a − b|. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}
