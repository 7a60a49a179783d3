/** How badly a text repeats itself. */
export type Looping = 'none' | 'some' | 'much';

/** An edit as far as its dose goes. */
interface Dosed {
  readonly id: string;
  readonly alpha: number;
}

/**
 * What to lower when a text loops: the edit with the highest dose, the latest of equals, to 1 from above it, else by a
 * quarter. Null where the doses are as low as they can be and still do anything.
 *
 * @param on the edits that are on, the latest last
 */
export function gentler(on: readonly Dosed[]): Dosed | null {
  const highest = Math.max(...on.map(({ alpha }) => alpha));
  const edit = on.findLast(({ alpha }) => alpha === highest);
  if (!edit || highest <= LOWEST) return null;
  return { id: edit.id, alpha: highest > 1 ? 1 : Math.max(LOWEST, highest - 0.25) };
}

/** From the share of repeated 4-grams; above a half the engine, too, calls it a loop.   [src/edit/damage.ts] */
export function loopingOf(repetition: number): Looping {
  if (repetition > 0.5) return 'much';
  return repetition > 0.2 ? 'some' : 'none';
}

// ---

/** The lowest dose that is offered. */
const LOWEST = 0.25;
