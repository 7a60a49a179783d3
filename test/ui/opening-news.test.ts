import { expect, test } from 'vitest';
import { language } from '../../src/ui/language.svelte.ts';
import { newsOf } from '../../src/ui/opening-news.ts';
import type { Opened } from '../../src/worker/api.ts';

const NOON = new Date(2026, 10, 3, 12).getTime();

test.each<
  [string, [earlier: number | null, from: 'network' | 'store', elsewhere: number, isolated: boolean], string[]]
>([
  ['all is as ever', [null, 'store', 0, true], []],
  ['a first visit', [null, 'network', 0, true], []],
  ['weights of before', [NOON, 'store', 0, true], ['It works with the one from November 3, 2026']],
  ['new weights', [null, 'network', 1, true], ['The model is a new version. One edit was made on the one before']],
  ['new weights, known already', [null, 'store', 1, true], []],
  ['one thread', [null, 'store', 0, false], ['works with one thread']],
  ['both', [NOON, 'store', 2, false], ['It works with the one from', 'works with one thread']],
])('%s', (_, [earlier, from, elsewhere, isolated], wanted) => {
  const opened = { model: { earlier, from }, elsewhere, device: { kind: 'wasm', isolated } } as unknown as Opened;
  const news = newsOf(opened, true, language);
  for (const words of wanted) expect(news).toContain(words);
  if (wanted.length === 0) expect(news).toBe('');
  expect(newsOf(opened, false, language)).not.toContain('thread');
});
