import { expect, test } from 'vitest';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { GOLDEN, SHIPPED } from '../support/shipped.ts';
import { readJsonFile } from '../support/files.ts';

interface Case {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}

test('the shipped model’s tokenizer cuts every text as the original does, and puts it together again', () => {
  const [json, config] = ['tokenizer', 'tokenizer_config'].map((name) =>
    readJsonFile<unknown>(`${SHIPPED}/${name}.json`),
  );
  const tokenizer = loadTokenizer(json, config);
  const cases = readJsonFile<Case[]>(`${GOLDEN}/tokenizer.json`);
  expect(cases.length).toBeGreaterThan(70);
  for (const { text, ids, decoded } of cases) {
    expect(tokenizer.encode(text, { specialTokens: true }).ids, JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.decode(ids, { skipSpecial: false }), JSON.stringify(text)).toBe(decoded);
  }
});
