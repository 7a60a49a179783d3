import { english } from './english.ts';
import { makeFormat, type Format } from './format.ts';
import type { Messages } from './messages.ts';

/** Languages the page speaks. */
export type Locale = keyof typeof CATALOGUES;

/** What the page says and how it writes figures, in the language that is on. */
export class Language {
  locale = $state<Locale>('en');
  readonly say: Messages = $derived(CATALOGUES[this.locale]);
  readonly figures: Format = $derived(makeFormat(this.locale));
}

// ---

const CATALOGUES = { en: english } as const;

/** The page's one language: what components read. */
export const language = new Language();
