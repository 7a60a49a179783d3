import { expect, test } from 'vitest';
import { firstSentence } from '../../src/text/sentence.ts';

test.each([
  ['', -1],
  [' use the key', -1],
  [' use the key.', 13],
  [' use the key. She is', 13],
  [' say “stop!” and', 12],
  [' pay 3.50 today', -1],
  [' ask why? Then', 9],
])('the first sentence of %j ends at %d', (text, end) => {
  expect(firstSentence(text)).toBe(end);
});
