import { beforeAll, expect, test } from 'vitest';
import { readCase } from '../../src/locate/case.ts';
import { locate } from '../../src/locate/location.ts';
import { severedScores } from '../../src/locate/severed.ts';
import type { Model } from '../../src/model/model.ts';
import { largestDifference } from '../support/close.ts';
import { fixtureModel } from '../support/models.ts';
import { readFixtureJson, readFixtureTensors, sharedOrSkip } from '../support/shared.ts';

sharedOrSkip()('the published causal tracing', () => {
  let model: Model;
  beforeAll(async () => {
    model = await fixtureModel('gpt2', 'float64');
  });

  test.each(['case0', 'case1'])('%s: every cell of every kind', async (name) => {
    const stored = readFixtureJson<Stored>(`golden/tracing/${name}.json`);
    const tensors = readFixtureTensors(`golden/tracing/${name}.safetensors`);
    const item = await readCase(model, stored);
    expect(item).toMatchObject({ ids: stored.ids, subjectRange: stored.subject_range, targetIds: [stored.answer_id] });
    const noise = tensors.get('noise') ?? fail();
    const names = { hidden: 'state', mlp: 'mlp-window', attn: 'attn-window' };
    for (const window of [10, 3]) {
      const found = await locate(model, item, { noise, window });
      const { low, high } = stored.kinds.state;
      expect(largestDifference([found.low.probability, found.high.probability], [low, high])).toBeLessThan(1e-5);
      for (const [kind, place] of Object.entries(names)) {
        const expected = tensors.get(`scores/${kind === 'hidden' ? place : place + window}`)?.data ?? [];
        const scores = found.kinds[kind as keyof typeof names]?.probability ?? [];
        expect(largestDifference(scores, expected), `${kind} ${window}`).toBeLessThan(1e-5);
      }
    }
    for (const kind of ['mlp', 'attn'] as const) {
      const [, end] = item.subjectRange;
      const scores = await severedScores(model, item, kind, end - 1, noise, tensors.get('noise_second_draw'));
      const found = scores.map(({ probability }) => probability);
      expect(largestDifference(found, tensors.get(`severed/${kind}`)?.data ?? []), `severed ${kind}`).toBeLessThan(
        1e-5,
      );
    }
  });
});

// ---

interface Stored {
  readonly prompt: string;
  readonly subject: string;
  readonly ids: readonly number[];
  readonly subject_range: readonly [number, number];
  readonly answer_id: number;
  readonly kinds: Readonly<Record<string, { readonly low: number; readonly high: number }>>;
}

function fail(): never {
  throw new Error('the fixture has no noise');
}
