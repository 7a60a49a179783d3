import { firstSentence, type Comparison, type TokenEvent } from '../worker/api.ts';

/** A continuation cut where the two models part. */
export interface Parting {
  /** What both say. */
  readonly same: readonly TokenEvent[];
  /** What only this one says; empty when they never part. */
  readonly own: readonly TokenEvent[];
}

/** Cuts a continuation at the first difference; −1 when there is none. */
export function partAt(tokens: readonly TokenEvent[], firstDifference: number): Parting {
  if (firstDifference < 0) return { same: tokens, own: [] };
  return { same: tokens.slice(0, firstDifference), own: tokens.slice(firstDifference) };
}

/** Both continuations up to the end of their first sentence, with what is known of their tokens. */
export function firstSentences(comparison: Comparison): Comparison {
  const original = comparison.original.slice(0, sentenceLength(comparison.original));
  const edited = comparison.edited.slice(0, sentenceLength(comparison.edited));
  const { firstDifference, divergence } = comparison;
  const isShown = firstDifference < Math.max(original.length, edited.length);
  return {
    ...comparison,
    ...{ original, edited },
    firstDifference: isShown ? firstDifference : -1,
    divergence: divergence.slice(0, edited.length),
  };
}

/** The token that changed most, and by how much; null when nothing did. */
export function largestDivergence(
  tokens: readonly TokenEvent[],
  divergence: readonly number[],
): { readonly text: string; readonly value: number } | null {
  const value = Math.max(0, ...divergence);
  if (value === 0) return null;
  return { text: tokens[divergence.indexOf(value)]?.text.trim() ?? '', value };
}

/**
 * Height in px of the bar under a token, on one scale for all comparisons: one that grew with its own maximum would draw
 * the least change as large as the greatest. From 5 nats on, odds are 150 times others, and the bar is full.
 */
export function divergenceHeight(nats: number): number {
  return Math.max(1, (8 * Math.min(5, nats)) / 5);
}

// ---

/** Tokens of the first sentence; all of them when it doesn't end. */
function sentenceLength(tokens: readonly TokenEvent[]): number {
  let text = '';
  const last = tokens.findIndex((token) => firstSentence((text += token.text)) >= 0);
  return last < 0 ? tokens.length : last + 1;
}
