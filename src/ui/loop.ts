/** Whether so large a share of repeated 4-grams is a loop.   [the engine's own limit, src/edit/damage.ts] */
export function isLooping(repetition: number): boolean {
  return repetition > 0.5;
}
