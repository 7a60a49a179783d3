import type { EditView } from '../worker/api.ts';
import {
  spreadOf,
  windowAt,
  type LocationKind,
  type LocationMap,
  type Recall,
  type Spread,
} from '../worker/api-locate.ts';
import type { Cell } from './grid.ts';
import type { Coloring, Hatched } from './heat.ts';
import { isWhole } from './location.ts';
import { MODULES } from './settings.ts';
import type { Tracing } from './tracing.svelte.ts';

/** A panel of the map, with how it is colored. */
export interface PanelView {
  readonly tracing: Tracing;
  /** What is shown of location [tokens, layers], and of recall (null until it is known). */
  readonly scores: Float64Array;
  readonly changed: Float64Array | null;
  /** Set when a change is shown: location before it. */
  readonly before: Float64Array | null;
  /** What kind of knowledge it is about; empty when that isn't known. */
  readonly relation: string;
  /** Null as long as no cell is known. */
  readonly coloring: Coloring | null;
  /** What its colors stand for, when it has a scale of its own. */
  readonly legend: string | null;
  readonly recallColoring: Coloring;
  /** What edits have written, to be hatched in either table. */
  readonly written: { readonly location: Hatched; readonly recall: Hatched };
}

/** What recall shows: each module's part in the residual stream. */
export const RECALL_ROWS = ['mlp.residual', 'attn.residual'] as const;

/** Values of a kind's cells, [tokens, layers]. */
export function scoresOf(map: LocationMap, kind: LocationKind): Float64Array {
  return map.kinds[kind]?.probability ?? new Float64Array();
}

/** Share of the likeliest words that each module changes, [rows of recall, layers]. */
export function changedWords(recall: Recall): Float64Array {
  return Float64Array.from(RECALL_ROWS.flatMap((row) => [...recall[row].overlap.lens].map((overlap) => 1 - overlap)));
}

/** What came with the edits less what was there without them; NaN where either isn't known. */
export function subtract(after: ArrayLike<number>, before: ArrayLike<number>): Float64Array {
  return Float64Array.from(after, (value, i) => value - (before[i] ?? NaN));
}

/** Standard deviation of the noise with the words that it blurs: of each panel, or of the first where all have the same. */
export function noiseLevels(
  tracings: readonly Pick<Tracing, 'map' | 'item'>[],
): { readonly level: number; readonly subject: string }[] {
  const levels = tracings.flatMap(({ map, item }) =>
    map && item ? [{ level: map.noiseLevel ?? NaN, subject: item.subject }] : [],
  );
  return levels.some(({ level }) => !Object.is(level, levels[0].level)) ? levels : levels.slice(0, 1);
}

/** How widely a kind's effect lies; null until all of it is known, and where there is none. */
export function spreadIn(map: LocationMap, kind: LocationKind): Spread | null {
  return isWhole(map, kind) ? spreadOf(scoresOf(map, kind), map.low.probability) : null;
}

/** The share of what the noise took that a cell brings back; NaN where it took nothing. */
export function shareBack({ high, low }: LocationMap, value: number): number {
  const lost = high.probability - low.probability;
  return lost > 0 ? (value - low.probability) / lost : NaN;
}

/** The layers whose modules are put back for a cell: first and last. */
export function layersBack(
  kind: LocationKind,
  { column }: Cell,
  window: number,
  depth: number,
): readonly [number, number] {
  if (kind === 'hidden') return [column, column];
  const { start, end } = windowAt(column, window, depth);
  return [start, end - 1];
}

/** Whether a map can say anything: the model gives the answer some probability, and blurring takes some of it. */
export function isTelling({ high, low }: LocationMap): boolean {
  return high.probability > 0.01 && high.probability > low.probability;
}

/**
 * What edits had written when something was measured. What lies behind a layer shows both modules' edits.
 *
 * @param stamp which edits took part (`stampOf`)
 * @param kinds of each row; the last stands for all that follow
 */
export function writtenBy(edits: readonly EditView[], stamp: string, ...kinds: readonly LocationKind[]): Hatched {
  const took = edits.filter(({ id }) => stamp.split(' ').some((each) => each.startsWith(`${id}·`)));
  const layers = kinds.map((kind) => {
    const modules = kind === 'hidden' ? MODULES : [kind];
    return new Set(took.flatMap((edit) => modules.flatMap((module) => edit.layers[module])));
  });
  return (row, column) => layers[Math.min(row, layers.length - 1)].has(column);
}
