import { expect, test } from 'vitest';
import { stampOf } from '../../src/worker/api-locate.ts';

const entry = (id: string, on = true, alpha = 1) => ({ id, on, alpha });

test.each([
  ['no edits', [], ''],
  ['edits that take no part', [entry('a', false), entry('b', true, 0)], ''],
  ['two', [entry('a'), entry('b', true, 0.5)], 'a·1 b·0.5'],
])('a stamp names what takes part: %s', (_, stack, stamp) => {
  expect(stampOf(stack)).toBe(stamp);
});
