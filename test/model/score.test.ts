import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BATCH_TOKENS,
  chunkRows,
  divergence,
  indexOfMax,
  indicesOfLargest,
  logSoftmax,
  topCandidates,
} from '../../src/model/score.ts';
import { expectFault } from '../support/faults.ts';

describe('the largest values', () => {
  test.each<[string, number[], number, number[]]>([
    ['none asked', [1, 2], 0, []],
    ['none there', [], 3, []],
    ['more asked than there are', [1, 3, 2], 9, [1, 2, 0]],
    ['ties go to the lower index', [2, 5, 5, 2, 5], 2, [1, 2]],
    ['−∞ comes last', [-Infinity, 0, -Infinity], 3, [1, 0, 2]],
  ])('%s', (_, values, k, expected) => {
    expect(indicesOfLargest(values, k)).toEqual(expected);
  });

  test('of many values, few are what a sort puts first', () => {
    const value = fc.integer({ min: -5, max: 5 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (values, k) => {
        const sorted = values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
        expect(indicesOfLargest(values, k)).toEqual(sorted.slice(0, k));
      }),
    );
  });

  test('indexOfMax is the first of them', () => {
    expect(indexOfMax([1, 4, 2, 4])).toBe(1);
    expect(indexOfMax([NaN, 4])).toBe(0);
  });
});

describe('distributions', () => {
  test('logSoftmax sums to one, however large the logits are', () => {
    for (const logits of [[0], [1, 2, 3], [1e4, 1e4 - 1], [-1e4, -1e4]]) {
      expect(logSoftmax(logits).reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 12);
    }
    expect([...logSoftmax([-Infinity, 0])]).toEqual([-Infinity, 0]);
  });

  test.each([[[NaN, 1]], [[Infinity, 1]], [[-Infinity]], [[]]])('logits %j are refused', async (logits) => {
    await expectFault(() => logSoftmax(logits), 'not-finite', 'predict the next token', 'lower the dose');
  });

  test('candidates come with their probabilities, likeliest first', () => {
    const logq = Float64Array.from([0.2, 0.5, 0.3], Math.log);
    const [first, second] = topCandidates(logq, 2);
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(first.probability).toBeCloseTo(0.5, 12);
  });

  test('divergence is 0 of a distribution from itself and Σ p ln p/q else', () => {
    const [p, q] = [Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75)].map((each) => each.map(Math.log));
    expect(divergence(p, p)).toBe(0);
    expect(divergence(p, q)).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 12);
  });
});

describe('batches of rows', () => {
  test('hold every row once, shortest first, and at most the limit of padded tokens', () => {
    const row = fc.integer({ min: 0, max: BATCH_TOKENS + 50 }).map((length) => Array<number>(length).fill(0));
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
        const chunks = chunkRows(rows);
        expect(chunks.flat().sort((a, b) => a - b)).toEqual(rows.map((_, i) => i));
        const lengths = chunks.map((chunk) => chunk.map((i) => rows[i].length));
        expect(lengths.flat()).toEqual(lengths.flat().sort((a, b) => a - b));
        for (const chunk of lengths) {
          // A row longer than the limit is alone.
          if (chunk.length > 1) expect(chunk.length * Math.max(...chunk)).toBeLessThanOrEqual(BATCH_TOKENS);
        }
      }),
    );
  });
});
