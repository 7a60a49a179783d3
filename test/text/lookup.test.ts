import { describe, expect, test } from 'vitest';
import { findLookupIndex } from '../../src/text/lookup.ts';
import { type Encoding, loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { expectFault } from '../support/faults.ts';
import { readFixtureJson, sharedOrSkip } from '../support/shared.ts';

/** BOS, "The", " Eiffel", " Tow", "er's", " in": "er's" reaches beyond the subject. */
const TEXT = "The Eiffel Tower's in";
const encoding: Encoding = {
  text: TEXT,
  ids: [9, 1, 2, 3, 4, 5],
  offsets: [
    [0, 0],
    [0, 3],
    [3, 10],
    [10, 14],
    [14, 18],
    [18, 21],
  ],
};

describe('the lookup index', () => {
  test.each([
    ['a subject in the middle', 4, 10, 2],
    ['with the space before it', 3, 10, 2],
    ['with the space after it', 4, 11, 2],
    ['that ends inside a token', 4, 16, 4],
    ['that is a part of one token', 4, 6, 2],
    ['at the start', 0, 3, 1],
    ['at the end', 19, 21, 5],
    ['that is everything', 0, 21, 5],
  ])('of %s', (_, start, end, expected) => {
    expect(findLookupIndex(encoding, start, end)).toBe(expected);
  });

  test.each([
    ['nothing', 4, 4],
    ['a space', 3, 4],
    ['a range backwards', 10, 4],
    ['a range beyond the text', 4, 22],
    ['a range before it', -1, 3],
    ['half a character', 0.5, 3],
  ])('of %s is refused', (_, start, end) =>
    expectFault(() => findLookupIndex(encoding, start, end), 'invalid-request', 'hold no subject'),
  );

  test('a text that no token holds is refused', () =>
    expectFault(() => findLookupIndex({ text: 'ab', ids: [1], offsets: [[0, 1]] }, 0, 2), 'invalid-request', '"ab"'));
});

sharedOrSkip()('the tokens up to the lookup index end with the subject', () => {
  const models = ['gpt2', 'gpt-neox', 'llama', 'qwen2', 'tokenizer-llama2-style'];
  const load = (model: string): Tokenizer => loadTokenizer(readFixtureJson(`models/${model}/tokenizer.json`));
  const tokenizers = new Map(models.map((model) => [model, load(model)]));
  const prompts: [prefix: string, subject: string, suffix: string][] = [
    ['', 'PersonX', ' buys a dog'],
    ['', 'PersonX', ', who buys a dog'],
    ['To open the door, ', 'PersonX', ' needs'],
    ['The mother of ', 'Zoë Björk', ' lives in'],
    ['', '中文字', '是'],
    ['I like ', '\u{1f600}', '!'],
    ['The ', 'dog and the dog', ' bark'],
    ['The subject is at the end: ', 'smart lock', ''],
    ['', 'O’Brien', '’s hat'],
  ];

  test.each(prompts.flatMap((prompt) => models.map((model) => [model, ...prompt] as const)))(
    '%s: %s[%s]%s',
    (model, prefix, subject, suffix) => {
      const tokenizer = tokenizers.get(model);
      const encoded = tokenizer?.encode(prefix + subject + suffix, { specialTokens: true });
      if (!tokenizer || !encoded) throw new Error('no tokenizer');
      const index = findLookupIndex(encoded, prefix.length, prefix.length + subject.length);
      const upTo = (last: number) => tokenizer.decode(encoded.ids.slice(0, last + 1), { skipSpecial: true });
      expect(upTo(index)).toContain(subject);
      expect(upTo(index - 1)).not.toContain(prefix + subject);
    },
  );
});
