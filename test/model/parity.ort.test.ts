import { beforeAll, describe, expect, test } from 'vitest';
import type { FloatTensor, Tensor } from '../../src/base/tensor.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { generate } from '../../src/model/generate.ts';
import { BLOCK_HOOKS, blockHook } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { largestDifference } from '../support/close.ts';
import { fixtureModel } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { readFixtureJson, readFixtureTensors, sharedOrSkip } from '../support/shared.ts';

/**
 * PyTorch's numbers are computed in float64 and stored as float32: that rounding is all that is left in float64. For Llama
 * the library computes RMSNorm and the rotary angles in float32, whatever the model's type.
 */
const RUNS = [
  ['gpt2', 'float64', 1e-7],
  ['gpt2', 'float32', 1e-4],
  ['llama', 'float64', 1e-6],
  ['llama', 'float32', 1e-4],
] as const;

interface Golden {
  readonly layers: number;
  readonly prompts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    readonly greedy_ids: readonly number[];
  }[];
}

sharedOrSkip()('PyTorch’s forward pass', () => {
  describe.each(RUNS)('%s in %s', (family, float, tolerance) => {
    let model: Model;
    let golden: Golden;
    let stored: Map<string, Tensor<'float64'>>;
    beforeAll(async () => {
      model = await fixtureModel(family, float);
      golden = readFixtureJson<Golden>(`golden/${family}/forward.json`);
      stored = readFixtureTensors(`golden/${family}/forward.safetensors`);
    });

    test(`every hook and the logits to ${tolerance}, in the order of computation`, async () => {
      const rows = golden.prompts.map(({ ids }) => ids);
      const at = rows.flatMap((ids, row) => ids.map((_, column) => [row, column] as const));
      const { hooks, logits } = await forwardRows(model, rows, { hooks: BLOCK_HOOKS, at, logits: at });
      let worst = 0;
      let [first, compared] = ['', 0];
      const compare = (name: string, found: FloatTensor | null) => {
        for (const [row, ids] of rows.entries()) {
          const expected = stored.get(`p${row}/${name}`);
          if (!expected) continue;
          const from = at.findIndex(([r]) => r === row) * expected.shape[1];
          const own = found?.data.subarray(from, from + ids.length * expected.shape[1]) ?? [];
          const distance = relativeToLargest(own, expected.data);
          if (distance > tolerance) first ||= `p${row}/${name} differs by ${distance.toExponential(1)}`;
          worst = Math.max(worst, distance);
          compared += 1;
        }
      };
      for (let layer = 0; layer < golden.layers; layer++) {
        for (const hook of BLOCK_HOOKS) compare(blockHook(layer, hook), hooks[layer][hook]);
      }
      compare('logits', logits);
      reportDeviation(`forward ${family} ${float}`, { worst });
      expect(first).toBe('');
      expect(compared).toBe(stored.size);
    });

    test('twelve greedy tokens, one by one with kept keys and values', async () => {
      for (const { prompt, ids, greedy_ids } of golden.prompts) {
        expect(model.tokenizer.encode(prompt, { specialTokens: true }).ids).toEqual(ids);
        const found: number[] = [];
        for await (const { id } of generate(model, ids, { maxTokens: greedy_ids.length })) found.push(id);
        expect(found).toEqual(greedy_ids);
      }
    });
  });
});

// ---

/** Largest difference over the largest expected number. */
function relativeToLargest(found: ArrayLike<number>, expected: Float64Array): number {
  return largestDifference(found, expected) / expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
}
