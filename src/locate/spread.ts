import { makeRandom } from '../base/random.ts';

/** How widely a map's effect lies. Plain data. */
export interface Spread {
  /** −Σ p ln p / ln n of the n cells' shares: 0 for one cell, 1 for all alike. */
  readonly entropy: number;
  /** Share of the three cells that have most. */
  readonly top3: number;
}

/** A mean with the interval that holds 95 % of its resampled values; without one for fewer than two. */
export interface Interval {
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
}

/**
 * Spread of a map's indirect effects, max(0, score − low) of each cell. Null where no cell has any: nothing lies anywhere.
 *
 * @param scores finite
 */
export function spreadOf(scores: ArrayLike<number>, low: number): Spread | null {
  const effects = Float64Array.from(scores, (score) => Math.max(0, score - low));
  const total = effects.reduce((sum, effect) => sum + effect, 0);
  if (!(total > 0)) return null;
  const shares = effects.map((effect) => effect / total).sort();
  const entropy = shares.reduce((sum, share) => (share > 0 ? sum - share * Math.log(share) : sum), 0);
  const top3 = shares.slice(-3).reduce((sum, share) => sum + share, 0);
  return { entropy: shares.length > 1 ? entropy / Math.log(shares.length) : 0, top3 };
}

/**
 * The mean of some prompts' values with a percentile bootstrap interval: prompts drawn with replacement, by the seed.
 *
 * @param values one a prompt, at least one
 */
export function bootstrapMean(values: readonly number[], seed = 1): Interval {
  const n = values.length;
  const mean = meanOf(values);
  return n < 2 ? { mean, low: null, high: null, n } : { mean, ...resampled((redraw) => redraw(values), seed), n };
}

/**
 * The interval that holds 95 % of what a figure is when its values are drawn again and again.
 *
 * @param figure is given what draws a list again, with replacement, and takes its mean
 */
export function resampled(
  figure: (redraw: (values: readonly number[]) => number) => number,
  seed: number,
): { low: number; high: number } {
  const random = makeRandom(seed);
  const redraw = (values: readonly number[]) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)];
    return sum / values.length;
  };
  const found = Float64Array.from({ length: RESAMPLES }, () => figure(redraw)).sort();
  return { low: found[Math.floor(0.025 * RESAMPLES)], high: found[Math.ceil(0.975 * RESAMPLES) - 1] };
}

/** The mean of some values; NaN of none. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// ---

/** How often an interval resamples. */
const RESAMPLES = 2000;
