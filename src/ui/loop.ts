/** How badly a text repeats itself. */
export type Looping = 'none' | 'some' | 'much';

/** From the share of repeated 4-grams; above a half the engine, too, calls it a loop.   [src/edit/damage.ts] */
export function loopingOf(repetition: number): Looping {
  if (repetition > 0.5) return 'much';
  return repetition > 0.2 ? 'some' : 'none';
}
