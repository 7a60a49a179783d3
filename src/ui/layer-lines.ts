import {
  PERSON_VARIANTS,
  type PersonVariant,
  type PromptKind,
  type RelationSummaries,
  type SetSummary,
} from '../worker/api-locate.ts';
import { lineOf, relationsOf, type SetLine } from './sets-view.ts';
import type { Module } from './settings.ts';

/** What the lines over layers set beside each other: two kinds of knowledge, or the same prompts about other people. */
export const COMPARISONS = ['knowledge', 'person'] as const;

/** One of them. */
export type Comparison = (typeof COMPARISONS)[number];

/** A set that has a line of its own. */
export type LineId = PromptKind | PersonVariant;

/** Facts first, as in every picture. */
export const SIDES: readonly PromptKind[] = ['fact', 'commonsense', 'own'];

/** Relations by their side, in that order; sides without any are left out. */
export function bySide<T extends { readonly kind: PromptKind }>(sets: {
  readonly relations: readonly T[];
}): { readonly side: PromptKind; readonly relations: readonly T[] }[] {
  const groups = SIDES.map((side) => ({ side, relations: relationsOf(sets, side) }));
  return groups.filter(({ relations }) => relations.length > 0);
}

/** How a line is told from the others: by its color, by its dashes, by its markers. */
export interface LineLook {
  /** The page's color, whatever the theme; and that of paper. */
  readonly screen: string;
  readonly paper: string;
  readonly dash?: readonly number[];
  readonly round: boolean;
}

/** The look of each line. */
export const LOOKS: Readonly<Record<LineId, LineLook>> = {
  fact: { screen: 'var(--fact)', paper: '#5b3f9e', round: false },
  commonsense: { screen: 'var(--commonsense)', paper: '#8f5f00', dash: [6, 4], round: true },
  own: { screen: 'var(--verdigris)', paper: '#1f6655', round: false },
  named: { screen: 'var(--named)', paper: '#00718f', round: true },
  personX: { screen: 'var(--ink)', paper: '#000000', dash: [6, 4], round: false },
  removed: { screen: 'var(--removed)', paper: '#b0460b', dash: [2, 3], round: true },
};

/** The sets that a comparison draws, in their order; those without prompts aren't drawn. */
export function comparedSets(
  { kinds, decoupling }: RelationSummaries,
  by: Comparison,
): { readonly id: LineId; readonly summary: SetSummary }[] {
  const sets =
    by === 'knowledge'
      ? SIDES.map((id) => ({ id, summary: kinds[id] }))
      : PERSON_VARIANTS.map((id) => ({ id, summary: decoupling[id] }));
  return sets.filter(({ summary }) => summary.n > 0);
}

/** Layers in which a line lies above another, and below it. */
export interface Apart {
  readonly above: readonly number[];
  readonly below: readonly number[];
}

/**
 * Layers in which the means of two sets can be told apart: they differ by more than 1.96 standard errors of their
 * difference, as if the sets had nothing to do with each other. Variants of the same prompts do, so that this is cautious.
 * Null where either wasn't measured for more than one prompt.
 */
export function linesApart(one: SetSummary, other: SetSummary, line: SetLine, module: Module): Apart | null {
  const [a, b] = [one, other].map((summary) => lineOf(summary, line, module));
  if (!a || !b || a.n < 2 || b.n < 2) return null;
  const layers = Array.from(a.mean, (_, layer) => layer);
  const differ = (sign: number) =>
    layers.filter((i) => sign * (a.mean[i] - b.mean[i]) > Math.hypot(a.band[i], b.band[i]));
  return { above: differ(1), below: differ(-1) };
}

/** Both ends of every line's band: what an axis has to hold. */
export function bandEnds(
  sets: readonly { readonly summary: SetSummary }[],
  line: SetLine,
  modules: readonly Module[],
): number[][] {
  return sets.flatMap(({ summary }) =>
    modules.flatMap((module) => {
      const { mean, band } = lineOf(summary, line, module) ?? { mean: [], band: [] };
      return [1, -1].map((way) => Array.from(mean, (value, i) => value + way * (band[i] || 0)));
    }),
  );
}
