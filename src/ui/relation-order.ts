import type { RelationSummary } from '../worker/api-locate.ts';
import { SIDES } from './layer-lines.ts';
import { figureOfSet, lineOf, type SetLine } from './sets-view.ts';
import type { Module } from './settings.ts';

/** What relations can be put in order by: their name, side, prompts, their one figure, or a layer's. */
export type RelationColumn = 'relation' | 'side' | 'prompts' | 'whole' | number;

/** An order, and whether it begins with the last or the largest. */
export interface RelationOrder {
  readonly by: RelationColumn;
  readonly down: boolean;
}

/** Facts first, each side as it was measured. */
export const FIRST_ORDER: RelationOrder = { by: 'side', down: false };

/** The order once a column's head was pressed: the same column turns round, another one's figures begin with the largest. */
export function orderAfter({ by, down }: RelationOrder, pressed: RelationColumn): RelationOrder {
  if (by === pressed) return { by, down: !down };
  return { by: pressed, down: pressed !== 'relation' && pressed !== 'side' };
}

/**
 * Relations in an order. What is alike in it stays as it was measured; what wasn't measured comes last, whichever way round.
 *
 * @param compare names, as a language does
 */
export function sortRelations(
  relations: readonly RelationSummary[],
  { by, down }: RelationOrder,
  line: SetLine,
  module: Module,
  compare: (a: string, b: string) => number,
): RelationSummary[] {
  const way = down ? -1 : 1;
  if (by === 'relation') return relations.toSorted((a, b) => way * compare(a.relation, b.relation));
  const valueOf = ({ kind, summary }: RelationSummary): number => {
    if (by === 'side') return SIDES.indexOf(kind);
    if (by === 'prompts') return summary.n;
    return by === 'whole' ? figureOfSet(summary, line, module) : (lineOf(summary, line, module)?.mean[by] ?? NaN);
  };
  const valued = relations.map((relation) => ({ relation, value: valueOf(relation) }));
  const known = valued.filter(({ value }) => Number.isFinite(value)).sort((a, b) => way * (a.value - b.value));
  return [...known, ...valued.filter(({ value }) => !Number.isFinite(value))].map(({ relation }) => relation);
}
