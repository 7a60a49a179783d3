import { beforeAll, describe, expect, test } from 'vitest';
import { generate } from '../../src/model/generate.ts';
import type { Model } from '../../src/model/model.ts';
import { nextDistributions, scoreContinuations } from '../../src/model/score.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
  let model: Model;
  beforeAll(async () => {
    model = await randomModel(TINY_CONFIGS[family], await testDevice('float64'));
  });

  test('a greedy continuation scores rank 0 everywhere, and what its tokens had when they came', async () => {
    const prompt = [5, 6, 7];
    const target: number[] = [];
    const logp: number[] = [];
    for await (const token of generate(model, prompt, { maxTokens: 5 })) {
      target.push(token.id);
      logp.push(token.logp);
    }
    const [score] = await scoreContinuations(model, [{ prompt, target }]);
    expect(score.rank).toEqual([0, 0, 0, 0, 0]);
    expect(score.best).toEqual(target);
    score.logp.forEach((value, i) => expect(value).toBeCloseTo(logp[i], 12));
  });

  test('a rank counts the likelier ids', async () => {
    const prompt = [5, 6, 7];
    const [logq] = await nextDistributions(model, [prompt]);
    const order = Array.from(logq.keys()).sort((a, b) => logq[b] - logq[a]);
    const scores = await scoreContinuations(
      model,
      order.map((id) => ({ prompt, target: [id] })),
    );
    expect(scores.map(({ rank }) => rank[0])).toEqual(order.map((_, i) => i));
    expect(scores.map(({ logp }) => logp[0])).toEqual(order.map((id) => expect.closeTo(logq[id], 12)));
  });

  test('many of different length come back in the order given, in several batches', async () => {
    const items = Array.from({ length: 60 }, (_, i) => ({
      prompt: Array.from({ length: 1 + ((i * 7) % 25) }, (__, t) => (i + 3 * t) % 29),
      target: Array.from({ length: i % 4 }, (__, t) => (i + t) % 29),
    }));
    const together = await scoreContinuations(model, items);
    for (const i of [0, 1, 17, 42, 59]) {
      const [alone] = await scoreContinuations(model, [items[i]]);
      expect(together[i].rank).toEqual(alone.rank);
      together[i].logp.forEach((value, t) => expect(value).toBeCloseTo(alone.logp[t], 12));
    }
    expect(together.map(({ rank }) => rank.length)).toEqual(items.map(({ target }) => target.length));
    expect(await scoreContinuations(model, [])).toEqual([]);
  });

  test('what doesn’t fit and what was stopped is refused', async () => {
    const long = { prompt: Array<number>(30).fill(1), target: [1, 2, 3, 4] };
    await expectFault(() => scoreContinuations(model, [long]), 'context-overflow', '33 tokens');
    await expectFault(() => scoreContinuations(model, [{ prompt: [], target: [1] }]), 'internal');
    const signal = AbortSignal.abort();
    await expectFault(
      () => nextDistributions(model, [[1]], undefined, { signal }),
      'aborted',
      'predict the next token',
    );
  });
});
