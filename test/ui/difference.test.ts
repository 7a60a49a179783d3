import { describe, expect, test } from 'vitest';
import { largestDivergence, partAt } from '../../src/ui/difference.ts';

const tokens = (...texts: string[]) => texts.map((text, id) => ({ id, text, probability: 0.5 }));

describe('where two continuations part', () => {
  const said = tokens(' use', ' the', ' key');
  test.each([
    ['never', -1, ' use the key', ''],
    ['at once', 0, '', ' use the key'],
    ['at the last token', 2, ' use the', ' key'],
    ['behind the end of the shorter one', 3, ' use the key', ''],
  ])('%s', (_, at, same, own) => {
    const parting = partAt(said, at);
    expect(parting.same.map(({ text }) => text).join('')).toBe(same);
    expect(parting.own.map(({ text }) => text).join('')).toBe(own);
  });
});

test.each([
  ['no divergence', [], null],
  ['two equal models', [0, 0], null],
  ['the largest', [0.1, 7.2, 3], { text: 'her', value: 7.2 }],
])('%s', (_, divergence, expected) => {
  expect(largestDivergence(tokens(' aim', ' her', ' face'), divergence)).toEqual(expected);
});
