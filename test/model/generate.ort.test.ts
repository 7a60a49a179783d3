import { beforeAll, describe, expect, test } from 'vitest';
import { makeRandom, normal } from '../../src/base/random.ts';
import { sizeOf } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { floats } from '../../src/model/batch.ts';
import { generate, GREEDY, type GeneratedToken, type GenerateOptions } from '../../src/model/generate.ts';
import { parseSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { disposePatches, placePatches, rankOf, type DosedPatch, type Patch } from '../../src/model/patch.ts';
import { indexOfMax, nextDistributions } from '../../src/model/score.ts';
import { largestDifference } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { mergedModel } from '../support/merged.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const PROMPT = [3, 1, 4, 1, 5, 9, 2, 6];
const FREE = { ...GREEDY, temperature: 1 };

/** Several at one site and at both kinds; ranks 2, 1 and 3. */
const PATCHES: readonly Patch[] = [
  { site: parseSite('mlp.0'), left: factor([16, 2]), right: factor([2, 24]) },
  { site: parseSite('mlp.0'), left: factor([16, 1]), right: factor([1, 24]) },
  { site: parseSite('attn.2'), left: factor([16, 3]), right: factor([3, 16]) },
];

describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
  let double: Model;
  let single: Model;
  let devices: Record<Device['float'], Device>;
  beforeAll(async () => {
    devices = { float64: await testDevice('float64'), float32: await testDevice() };
    double = await randomModel(TINY_CONFIGS[family], devices.float64);
    single = await randomModel(TINY_CONFIGS[family], devices.float32);
  });

  describe('one token after another', () => {
    test('kept keys and values give what the whole text gives', async () => {
      const patches = placePatches(devices.float64, double.description, dosed(1));
      const tokens = await collect(double, { maxTokens: 8, patches });
      const texts = tokens.map((_, i) => [...PROMPT, ...tokens.slice(0, i).map(({ id }) => id)]);
      const whole = await nextDistributions(double, texts, patches);
      for (const [i, { id, logp, logq }] of tokens.entries()) {
        expect(largestDifference(logq, whole[i])).toBeLessThan(1e-12);
        expect(id).toBe(indexOfMax(whole[i]));
        expect(logp).toBe(logq[id]);
      }
    });

    test('a seed gives the same draws again, another seed others', async () => {
      const draw = (seed: number) => collect(single, { maxTokens: 12, sampling: { ...FREE, seed } }).then(idsOf);
      expect(await draw(1)).toEqual(await draw(1));
      expect(await draw(1)).not.toEqual(await draw(2));
    });

    test.each([
      ['no tokens asked', PROMPT, 0, 0],
      ['as many as asked', PROMPT, 5, 5],
      ['the context ends: one token is read off its last place', Array(30).fill(1) as number[], 9, 3],
      ['a prompt that fills the context', Array(32).fill(1) as number[], 9, 1],
    ])('%s', async (_, prompt, maxTokens, expected) => {
      expect(await collect(single, { maxTokens }, prompt)).toHaveLength(expected);
    });

    test('a stop id ends the text and is not part of it', async () => {
      const ids = idsOf(await collect(single, { maxTokens: 12, sampling: FREE }));
      const stop = ids[4];
      const options = { maxTokens: 12, sampling: FREE, stopIds: [stop] };
      expect(idsOf(await collect(single, options))).toEqual(ids.slice(0, ids.indexOf(stop)));
    });

    test('prompts of no tokens or too many are refused', async () => {
      await expectFault(() => collect(single, { maxTokens: 1 }, []), 'invalid-request', 'no tokens');
      const long = Array<number>(33).fill(1);
      await expectFault(() => collect(single, { maxTokens: 1 }, long), 'context-overflow', '33 tokens', 'at most 32');
    });

    test('an abort before or between tokens rejects, and the next text is as ever', async () => {
      const before = idsOf(await collect(single, { maxTokens: 4 }));
      await expectFault(() => collect(single, { maxTokens: 4, watch: { signal: AbortSignal.abort() } }), 'aborted');
      const controller = new AbortController();
      const seen: number[] = [];
      const interrupted = async () => {
        for await (const { id } of generate(single, PROMPT, { maxTokens: 4, watch: controller })) {
          seen.push(id);
          if (seen.length === 2) controller.abort();
        }
      };
      await expectFault(interrupted, 'aborted', 'generate text');
      expect(seen).toEqual(before.slice(0, 2));
      expect(idsOf(await collect(single, { maxTokens: 4 }))).toEqual(before);
    });
  });

  describe('patches', () => {
    /** Distributions after the prompt with these patches. */
    const logqWith = async (model: Model, patches: readonly DosedPatch[]) => {
      const placed = placePatches(model.device, model.description, patches);
      const tokens = await collect(model, { maxTokens: 3, patches: placed, sampling: { ...FREE, seed: 4 } });
      disposePatches(placed);
      return tokens.flatMap(({ logq }) => Array.from(logq));
    };

    test.each([
      ['of rank 0', [{ patch: { ...PATCHES[0], ...rankZero(PATCHES[0]) }, alpha: 1 }]],
      ['at dose 0', dosed(0)],
    ])('%s are bit for bit none', async (_, patches) => {
      expect(await logqWith(single, patches)).toEqual(await logqWith(single, []));
    });

    test('switched off are bit for bit as before they were on', async () => {
      const before = await logqWith(single, []);
      expect(await logqWith(single, dosed(1))).not.toEqual(before);
      expect(await logqWith(single, [])).toEqual(before);
    });

    test('stack in either order', async () => {
      const [up, down] = [await logqWith(double, dosed(1)), await logqWith(double, dosed(1).reverse())];
      expect(largestDifference(up, down)).toBeLessThan(1e-12);
    });

    test('twice the dose is the patch twice', async () => {
      const [twice, doubled] = [await logqWith(double, [...dosed(1), ...dosed(1)]), await logqWith(double, dosed(2))];
      expect(largestDifference(twice, doubled)).toBeLessThan(1e-12);
    });

    test.each([
      ['float64', 2e-7],
      ['float32', 1e-4],
    ] as const)('are what they would be inside the weights, to rounding in %s', async (float, tolerance) => {
      const model = float === 'float64' ? double : single;
      const merged = await mergedModel(model, PATCHES, devices[float]);
      expect(largestDifference(await logqWith(model, dosed(1)), await logqWith(merged, []))).toBeLessThan(tolerance);
      await merged.dispose();
    });

    test.each<[string, Partial<Patch>, string]>([
      ['of a layer that isn’t there', { site: parseSite('mlp.3') }, 'mlp.3'],
      ['with a left factor of another height', { left: factor([15, 2]) }, '[15, 2]'],
      ['with a right factor of another width', { right: factor([2, 23]) }, '[2, 23]'],
      ['whose factors have different ranks', { right: factor([3, 24]) }, '[3, 24]'],
    ])('%s are refused with their shapes', async (_, changes, found) => {
      const place = () =>
        placePatches(single.device, single.description, [{ patch: { ...PATCHES[0], ...changes }, alpha: 0 }]);
      await expectFault(place, 'invalid-input', 'apply a patch', found, '[16, r] and [r, 24] on 3 layers');
    });
  });
});

// ---

function dosed(alpha: number): DosedPatch[] {
  return PATCHES.map((patch) => ({ patch, alpha }));
}

function factor(shape: readonly [number, number]) {
  const random = makeRandom(sizeOf(shape));
  return floats(
    'float32',
    Float64Array.from({ length: sizeOf(shape) }, () => 0.2 * normal(random)),
    shape,
  );
}

function rankZero(patch: Patch): Pick<Patch, 'left' | 'right'> {
  expect(rankOf(patch)).toBe(2);
  return { left: floats('float32', [], [16, 0]), right: floats('float32', [], [0, 24]) };
}

async function collect(model: Model, options: GenerateOptions, prompt = PROMPT): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of generate(model, prompt, options)) tokens.push(token);
  return tokens;
}

function idsOf(tokens: readonly GeneratedToken[]): number[] {
  return tokens.map(({ id }) => id);
}
