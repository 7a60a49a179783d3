import { KNOWLEDGE_KINDS, type KnowledgeKind, type RelationSummary } from './relations.ts';
import type { SetSummary } from './sets.ts';
import { meanOf, resampled } from './spread.ts';

/** Both sides of a comparison, and facts less commonsense with the interval that holds 95 % of it. Plain data. */
export interface Contrast extends Readonly<Record<KnowledgeKind, number>> {
  readonly low: number;
  readonly high: number;
}

/**
 * Facts less commonsense in one figure, means over relations, with a percentile bootstrap interval: relations drawn again
 * with replacement. Prompts of one relation are alike, so an interval over prompts would be narrower than it may be.
 *
 * @param figure of a relation; one for which it is no number doesn't count
 * @returns      null where a side has fewer than two relations
 */
export function contrastOf(
  relations: readonly RelationSummary[],
  figure: (summary: SetSummary) => number,
  seed = 1,
): Contrast | null {
  const values = (side: KnowledgeKind) =>
    relations.flatMap(({ kind, summary }) => (kind === side ? [figure(summary)] : [])).filter(Number.isFinite);
  const [commonsense, fact] = KNOWLEDGE_KINDS.map(values);
  if (commonsense.length < 2 || fact.length < 2) return null;
  const interval = resampled((redraw) => redraw(fact) - redraw(commonsense), seed);
  return { commonsense: meanOf(commonsense), fact: meanOf(fact), ...interval };
}

/** Which side has more, as far as the interval tells them apart; null where it doesn't. */
export function sideWithMore({ low, high }: Contrast): KnowledgeKind | null {
  if (low > 0) return 'fact';
  return high < 0 ? 'commonsense' : null;
}
