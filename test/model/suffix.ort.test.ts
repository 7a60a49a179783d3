import { beforeAll, describe, expect, test } from 'vitest';
import { dot, norm } from '../../src/base/linalg.ts';
import { makeRandom, normal } from '../../src/base/random.ts';
import type { Watch } from '../../src/base/tasks.ts';
import type { FloatTensor } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { floats } from '../../src/model/batch.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { formatSite, valueHook, SITES } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { logSoftmax } from '../../src/model/score.ts';
import type { SuffixPlan } from '../../src/model/suffix-plan.ts';
import { prepareSuffix, type StepResult } from '../../src/model/suffix.ts';
import { largestDifference } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { finiteDifferences } from '../support/finite.ts';
import { CASES, FULL, randomDeltas, randomPatches, type SuffixCase } from '../support/suffix-cases.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { expectNothingLeft, trackDevice, type TrackedDevice } from '../support/tracked.ts';

const FAMILIES = ['gpt2', 'llama'] as const;
const TOLERANCES = [
  ['float64', 1e-12],
  ['float32', 1e-6],
] as const;

const devices = new Map<Device['float'], Device>();
const models = new Map<string, Model>();
beforeAll(async () => {
  for (const [float] of TOLERANCES) {
    devices.set(float, await testDevice(float));
    for (const family of FAMILIES) {
      models.set(`${family} ${float}`, await randomModel(TINY_CONFIGS[family], devices.get(float) as Device));
    }
  }
});

describe.each(FAMILIES)('%s', (family) => {
  const modelOf = (float: Device['float']) => models.get(`${family} ${float}`) as Model;

  describe.each(Object.entries(CASES))('%s', (_, plan) => {
    test('the gradient is the slope of the loss, in every direction', async () => {
      const model = modelOf('float64');
      const suffix = await prepared(model, plan);
      const deltas = randomDeltas(model, plan, 3);
      const { gradients } = await suffix.step(deltas, plan.wNll, plan.wKl);
      expect([...gradients.keys()].sort()).toEqual(plan.sites.map(formatSite).sort());
      for (const [key, { data }] of gradients) {
        const start = deltas.get(key)?.data ?? new Float64Array();
        const direction = Float64Array.from(data, () => normal(random));
        const along = new Float64Array(1);
        const loss = async () => {
          const moved = floats(
            'float64',
            start.map((value, i) => value + along[0] * direction[i]),
            [plan.slots, 16],
          );
          return lossOf(plan, await suffix.step(new Map([...deltas, [key, moved]]), plan.wNll, plan.wKl));
        };
        const [slope] = await finiteDifferences(loss, along, 1e-4);
        const expected = dot(data, direction);
        expect(Math.abs(slope - expected), key).toBeLessThan(1e-8 * Math.max(1, Math.abs(expected)));
      }
      suffix.dispose();
    });

    test.each(TOLERANCES)('the suffix alone is the whole computation, in %s to %d', async (float, tolerance) => {
      const model = modelOf(float);
      const patches = randomPatches(model);
      const deltas = randomDeltas(model, plan, 4);
      const [alone, whole] = await Promise.all(
        [false, true].map(async (naive) => {
          const suffix = await prepared(model, { ...plan, patches, naive });
          const found = await suffix.step(deltas, plan.wNll, plan.wKl);
          suffix.dispose();
          return found;
        }),
      );
      expect(distance(alone, whole)).toBeLessThan(tolerance);
      expect([...alone.best]).toEqual([...whole.best]);
    });
  });

  test('what is observed without deltas is what a forward pass computes', async () => {
    const model = modelOf('float64');
    const patches = randomPatches(model);
    const suffix = await prepareSuffix(model, { ...FULL, patches });
    const { values, logQ } = await suffix.observe(new Map(), FULL.injections);
    suffix.dispose();
    const at = FULL.injections.map(({ row, position }) => [row, position] as const);
    const logits = FULL.readings.map(({ row, position }) => [row, position] as const);
    const hooks = [SITES.attn.value, SITES.mlp.value];
    const found = await forwardRows(model, FULL.rows, { patches, hooks, at, logits });
    for (const site of FULL.sites) {
      const expected = found.hooks[site.layer][SITES[site.kind].value].data;
      expect(largestDifference(values.get(formatSite(site))?.data ?? [], expected), valueHook(site)).toBeLessThan(
        1e-12,
      );
    }
    const { d_vocab } = model.description;
    for (const i of FULL.readings.keys()) {
      const line = (tensor: FloatTensor | null) => tensor?.data.subarray(i * d_vocab, (i + 1) * d_vocab) ?? [];
      expect(largestDifference(line(logQ), logSoftmax(line(found.logits)))).toBeLessThan(1e-12);
    }
  });

  test('a delta is added to what its site puts out, at its tokens', async () => {
    const model = modelOf('float64');
    const suffix = await prepareSuffix(model, FULL);
    const [site] = FULL.sites;
    const delta = randomDeltas(model, { ...FULL, sites: [site] }, 5);
    const before = (await suffix.observe(new Map(), FULL.injections)).values.get(formatSite(site));
    const after = (await suffix.observe(delta, FULL.injections)).values.get(formatSite(site));
    suffix.dispose();
    const added = delta.get(formatSite(site))?.data ?? [];
    for (const [i, { slot }] of FULL.injections.entries()) {
      for (let j = 0; j < 16; j++) {
        const difference = Number(after?.data[i * 16 + j]) - Number(before?.data[i * 16 + j]);
        expect(difference).toBeCloseTo(added[slot * 16 + j], 12);
      }
    }
  });

  test('a delta left out counts as zero, whatever the step before had', async () => {
    const model = modelOf('float64');
    const suffix = await prepared(model, FULL);
    const nothing = await suffix.step(new Map(), FULL.wNll, FULL.wKl);
    await suffix.step(randomDeltas(model, FULL, 6), FULL.wNll, FULL.wKl);
    expect(distance(await suffix.step(new Map(), FULL.wNll, FULL.wKl), nothing)).toBe(0);
    expect(Math.max(...nothing.kl)).toBeLessThan(1e-12);
    suffix.dispose();
  });

  test('without the rows of finished requests the numbers of the others stay', async () => {
    const model = modelOf('float64');
    const patches = randomPatches(model);
    // Row 1 leaves; rows 0 and 2 stay with their readings 0, 1 and 3, and slot 0 alone.
    const left: SuffixPlan = {
      ...FULL,
      patches,
      rows: [FULL.rows[0], FULL.rows[2]],
      slots: 1,
      injections: [
        { row: 0, position: 3, slot: 0 },
        { row: 1, position: 1, slot: 0 },
      ],
      readings: [FULL.readings[0], FULL.readings[1], { ...FULL.readings[3], row: 1 }],
    };
    const narrowed = await (await prepared(model, { ...FULL, patches })).narrow([0, 2], [0, 1, 3], left);
    const fresh = await prepared(model, left);
    const deltas = randomDeltas(model, left, 7);
    const weights = [
      [0.5, 0.25, 0],
      [0, 0, 0.3],
    ] as const;
    const [a, b] = [await narrowed.step(deltas, ...weights), await fresh.step(deltas, ...weights)];
    expect(distance(a, b)).toBeLessThan(1e-12);
    narrowed.dispose();
    fresh.dispose();
  });

  test('nothing is left behind, whichever run fails or is the last before an abort', async () => {
    const device: TrackedDevice = trackDevice(devices.get('float32') as Device);
    const model = await randomModel(TINY_CONFIGS[family], device);
    const whole = async (watch: Watch) => {
      let suffix = await prepareSuffix(model, FULL, watch);
      try {
        suffix.setReference((await suffix.observe(new Map(), FULL.injections)).logQ);
        await suffix.step(new Map(), FULL.wNll, FULL.wKl);
        suffix = await suffix.narrow([0, 1, 2], [0, 1, 2, 3], FULL);
        await suffix.step(new Map(), FULL.wNll, FULL.wKl);
      } finally {
        suffix.dispose();
      }
    };
    await expectNothingLeft(device, whole);
  });
});

// ---

const random = makeRandom(11);

/** A suffix whose KL compares with the model as it is. */
async function prepared(model: Model, plan: SuffixPlan) {
  const suffix = await prepareSuffix(model, plan);
  const { logQ } = await suffix.observe(new Map(), []);
  suffix.setReference(logQ);
  return suffix;
}

function lossOf({ wNll, wKl }: SuffixCase, { nll, kl }: StepResult): number {
  return wNll.reduce((sum, weight, i) => sum + weight * nll[i] + wKl[i] * kl[i], 0);
}

/** Largest difference over the losses and gradients of two steps; of gradients longer than 1, relative to their length. */
function distance(a: StepResult, b: StepResult): number {
  let most = Math.max(largestDifference(a.nll, b.nll), largestDifference(a.kl, b.kl));
  for (const [key, { data }] of b.gradients) {
    most = Math.max(most, largestDifference(a.gradients.get(key)?.data ?? [], data) / Math.max(1, norm(data)));
  }
  return most;
}
