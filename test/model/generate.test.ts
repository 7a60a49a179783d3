import { describe, expect, test } from 'vitest';
import { makeRandom } from '../../src/base/random.ts';
import { GREEDY, sampleToken, type Sampling } from '../../src/model/generate.ts';

const logq = Float64Array.from([0.1, 0.4, 0.2, 0.3], Math.log);
const free: Sampling = { temperature: 1, topK: 0, topP: 1, seed: 0 };

describe('sampleToken', () => {
  test('greedy takes the likeliest, the lower id of equals', () => {
    expect(sampleToken(logq, GREEDY, makeRandom(0))).toBe(1);
    expect(sampleToken(Float64Array.from([0.5, 0.5], Math.log), GREEDY, makeRandom(0))).toBe(0);
  });

  // Which ids can be drawn, and how often in the long run.
  test.each<[string, Partial<Sampling>, number[]]>([
    ['nothing cut', {}, [0.1, 0.4, 0.2, 0.3]],
    ['top-k 1', { topK: 1 }, [0, 1, 0, 0]],
    ['top-k 2', { topK: 2 }, [0, 4 / 7, 0, 3 / 7]],
    ['top-k beyond the vocabulary', { topK: 9 }, [0.1, 0.4, 0.2, 0.3]],
    ['top-p just below the likeliest', { topP: 0.39 }, [0, 1, 0, 0]],
    ['top-p inside the second', { topP: 0.5 }, [0, 4 / 7, 0, 3 / 7]],
    ['top-p 0 keeps one', { topP: 0 }, [0, 1, 0, 0]],
    ['top-k first, top-p of what is left', { topK: 2, topP: 0.5 }, [0, 1, 0, 0]],
    ['temperature 1/2 squares', { temperature: 0.5 }, [1 / 30, 16 / 30, 4 / 30, 9 / 30]],
    ['temperature near 0 is greedy', { temperature: 1e-300 }, [0, 1, 0, 0]],
    ['temperature without end is uniform', { temperature: 1e9 }, [0.25, 0.25, 0.25, 0.25]],
  ])('%s', (_, changes, expected) => {
    const random = makeRandom(5);
    const counts = [0, 0, 0, 0];
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[sampleToken(logq, { ...free, ...changes }, random)] += 1;
    for (const [id, share] of expected.entries()) {
      if (share === 0) expect(counts[id]).toBe(0);
      else expect(Math.abs(counts[id] / draws - share)).toBeLessThan(0.015);
    }
  });

  test('a draw at either end stays inside', () => {
    expect(sampleToken(logq, free, () => 0)).toBe(1);
    expect(sampleToken(logq, free, () => 1 - 2 ** -32)).toBe(0);
  });
});
