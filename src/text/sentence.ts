/** Where a text is cut so that it ends with its first sentence: behind the first `.`, `!` or `?`; −1 without one. */
export function firstSentence(text: string): number {
  const found = /[.!?][”"’']?(?=\s|$)/.exec(text);
  return found ? found.index + found[0].length : -1;
}
