import { makeRandom, normal } from '../../src/base/random.ts';
import type { Device } from '../../src/device/device.ts';
import { floats } from '../../src/model/batch.ts';
import { formatSite, type Site } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import type { SuffixPlan } from '../../src/model/suffix-plan.ts';
import { prepareSuffix } from '../../src/model/suffix.ts';
import { GPT2_SMALL, randomModel } from '../support/tiny.ts';

const ROWS = 6;
const PREFIX = 24;
const TOKENS = 8;
const ROUNDS = 4;

/**
 * One optimization step done naively, as the published code does it (all tokens, all layers, logits everywhere), against
 * the same step on suffixes only, on a model of GPT-2 small's shape with random weights: 6 rows of 32 tokens, the last 8
 * edited, 3 of them scored. Interleaved; the best of each counts.
 */
export async function measureRatio(device: Device, say: (line: string) => void): Promise<void> {
  const model = await randomModel(GPT2_SMALL, device);
  for (const lowest of [4, 8]) {
    const plan = makePlan(lowest);
    const everywhere = withAllReadings(plan);
    const steps = {
      naive: await prepareStep(model, { ...everywhere, naive: true }, plan.readings.length),
      'naive, few logits': await prepareStep(model, { ...plan, naive: true }, plan.readings.length),
      suffix: await prepareStep(model, plan, plan.readings.length),
    };
    const best: Record<string, number> = {};
    const losses = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, step] of Object.entries(steps)) {
        const start = performance.now();
        losses.add((await step.run()).toFixed(5));
        best[name] = Math.min(best[name] ?? Infinity, performance.now() - start);
      }
    }
    const times = Object.entries(best).map(([name, time]) => `${name} ${time.toFixed(0)} ms`);
    say(`lowest edited layer ${lowest}: ${times.join(', ')}`);
    say(
      `  naive / suffix ${(best['naive'] / best['suffix']).toFixed(1)}, with few logits ${(best['naive, few logits'] / best['suffix']).toFixed(1)}; losses ${[...losses].join(' ')}`,
    );
    for (const step of Object.values(steps)) step.dispose();
  }
  await model.dispose();
}

// ---

/** Both modules of three layers from `lowest` up; the query's last token and the target's are edited and read. */
function makePlan(lowest: number): SuffixPlan {
  const random = makeRandom(11);
  const rows = Array.from({ length: ROWS }, () =>
    Array.from({ length: PREFIX + TOKENS }, () => Math.floor(random() * 50000)),
  );
  const places = rows.flatMap((_, row) =>
    Array.from({ length: TOKENS }, (__, t) => ({ row, position: PREFIX + t, t })),
  );
  const layers = [lowest, lowest + 1, lowest + 2];
  return {
    rows,
    sites: layers.flatMap((layer): Site[] => [
      { kind: 'attn', layer },
      { kind: 'mlp', layer },
    ]),
    slots: TOKENS,
    injections: places.map(({ row, position, t }) => ({ row, position, slot: t })),
    readings: places.filter(({ t }) => t < 3).map(({ row, position }) => ({ row, position, label: row + 7 })),
  };
}

function makeDeltas(model: Model, { sites, slots }: SuffixPlan) {
  const random = makeRandom(12);
  const { d_model } = model.description;
  const draw = () => Float64Array.from({ length: slots * d_model }, () => 0.1 * normal(random));
  return new Map(sites.map((site) => [formatSite(site), floats('float32', draw(), [slots, d_model])]));
}

/** The same plan with a reading at every token; those beyond the first have no weight. */
function withAllReadings(plan: SuffixPlan): SuffixPlan {
  const known = new Set(plan.readings.map(({ row, position }) => `${row} ${position}`));
  const rest = plan.rows.flatMap((ids, row) =>
    ids.flatMap((_, position) => (known.has(`${row} ${position}`) ? [] : [{ row, position, label: 0 }])),
  );
  return { ...plan, readings: [...plan.readings, ...rest] };
}

async function prepareStep(model: Model, plan: SuffixPlan, scored: number) {
  const suffix = await prepareSuffix(model, plan);
  const deltas = makeDeltas(model, plan);
  const wNll = plan.readings.map((_, i) => (i < scored ? 1 / scored : 0));
  const wKl = plan.readings.map(() => 0);
  return {
    run: async () => {
      const { nll } = await suffix.step(deltas, wNll, wKl);
      return nll.reduce((sum, value, i) => sum + wNll[i] * value, 0);
    },
    dispose: () => suffix.dispose(),
  };
}
