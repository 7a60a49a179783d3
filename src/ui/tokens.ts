import type { TokenView } from '../worker/api.ts';

/** What is shown as one: a token, or several that are the bytes of one character. */
export interface Chip {
  readonly text: string;
  /** How many tokens it is; more than one for a character in pieces. */
  readonly pieces: number;
  /** Index of its last token. */
  readonly last: number;
}

/**
 * Tokens as chips. A character outside the vocabulary comes in pieces, several tokens with one place in the text: they
 * are shown as the character they are, and counted.
 */
export function chipsOf(prompt: string, tokens: readonly TokenView[]): Chip[] {
  const chips: (Chip & { readonly start: number; readonly end: number })[] = [];
  tokens.forEach(({ text, start, end }, last) => {
    const before = chips.at(-1);
    if (before && start < before.end && end > start) {
      const [from, to] = [Math.min(before.start, start), Math.max(before.end, end)];
      const whole = { text: prompt.slice(from, to), pieces: before.pieces + 1, last, start: from, end: to };
      chips.splice(-1, 1, whole);
    } else chips.push({ text, pieces: 1, last, start, end });
  });
  return chips.map(({ text, pieces, last }) => ({ text, pieces, last }));
}
