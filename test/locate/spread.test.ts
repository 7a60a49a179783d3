import { expect, test } from 'vitest';
import { makeRandom, normal } from '../../src/base/random.ts';
import { bootstrapMean, spreadOf } from '../../src/locate/spread.ts';
import { groupWindows, usualWindow, windowAt } from '../../src/locate/windows.ts';

test.each([
  ['one cell', [0.1, 0.9, 0.1, 0.1], { entropy: 0, top3: 1 }],
  ['all alike', [0.3, 0.3, 0.3, 0.3], { entropy: 1, top3: 0.75 }],
  ['two of eight', [0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], { entropy: 1 / 3, top3: 1 }],
  ['below low counts as nothing', [0.2, 0.2, 0, 0], { entropy: 0.5, top3: 1 }],
  ['a single cell', [0.5], { entropy: 0, top3: 1 }],
  ['nothing', [0.1, 0.1, 0.05], null],
])('spread: %s', (_, scores, expected) => {
  const found = spreadOf(scores, 0.1);
  if (!expected) return expect(found).toBeNull();
  expect(found?.entropy).toBeCloseTo(expected.entropy, 12);
  expect(found?.top3).toBeCloseTo(expected.top3, 12);
});

test('an interval is that of the normal distribution, and needs two values', () => {
  const random = makeRandom(3);
  const values = Array.from({ length: 400 }, () => 5 + normal(random));
  const { mean, low, high, n } = bootstrapMean(values);
  expect(mean).toBeCloseTo(5, 0);
  expect(n).toBe(400);
  // 1.96 / √400 on both sides, give or take what resampling does.
  expect(Number(high) - Number(low)).toBeGreaterThan(0.17);
  expect(Number(high) - Number(low)).toBeLessThan(0.23);
  expect(bootstrapMean(values)).toEqual({ mean, low, high, n });
  expect(bootstrapMean([2])).toEqual({ mean: 2, low: null, high: null, n: 1 });
});

test('windows are cut off at both ends of the model', () => {
  const ends = (width: number, depth: number) =>
    Array.from({ length: depth }, (_, layer) => Object.values(windowAt(layer, width, depth)));
  expect(ends(3, 4)).toEqual([
    [0, 2],
    [0, 3],
    [1, 4],
    [2, 4],
  ]);
  expect(ends(2, 3)).toEqual([
    [0, 1],
    [0, 2],
    [1, 3],
  ]);
  expect(ends(10, 12)[0]).toEqual([0, 5]);
  expect(ends(10, 12)[11]).toEqual([6, 12]);
});

test('a model of few layers has windows of a few', () => {
  expect([1, 3, 6, 8, 12, 24, 28, 48].map(usualWindow)).toEqual([1, 1, 3, 3, 5, 9, 10, 10]);
});

test.each([1, 2, 3, 10])('windows of %d: every layer is in one group, under its own', (width) => {
  const found = groupWindows(width, 8).flatMap(({ start, ends }) =>
    ends.flatMap(({ end, layers }) => layers.map((layer) => ({ layer, start, end }))),
  );
  const expected = Array.from({ length: 8 }, (_, layer) => ({ layer, ...windowAt(layer, width, 8) }));
  expect(found.sort((a, b) => a.layer - b.layer)).toEqual(expected);
});
