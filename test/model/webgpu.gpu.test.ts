import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { generate } from '../../src/model/generate.ts';
import { BLOCK_HOOKS, blockHook } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import type { PlacedPatches } from '../../src/model/patch.ts';
import type { SuffixPlan } from '../../src/model/suffix-plan.ts';
import { prepareSuffix, type StepResult } from '../../src/model/suffix.ts';
import { relative } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { gpuOrSkip, webgpuTestDevice } from '../support/gpu.ts';
import { loadFixture } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { readFixtureJson, sharedOrSkip } from '../support/shared.ts';
import { CASES, FULL, randomDeltas, randomPatches, type SuffixCase } from '../support/suffix-cases.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const FORWARD = 1e-5;
const GRADIENT = 1e-4;

const describeGpu = await gpuOrSkip();

describeGpu('models on WebGPU', (gpu) => {
  let [device, oracle] = [] as Device[];
  beforeAll(async () => {
    device = await webgpuTestDevice(gpu);
    oracle = await testDevice('float64');
  });

  describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
    let [model, exact] = [] as Model[];
    beforeAll(async () => {
      model = await randomModel(TINY_CONFIGS[family], device);
      exact = await randomModel(TINY_CONFIGS[family], oracle);
    });

    test.each([
      ['without patches', undefined],
      ['with patches of rank 0', 0],
      ['with patches of ranks 2 and 1', 1],
      ['with patches of ranks 10 and 5', 5],
    ] as const)(`%s every hook and the logits are those of float64 to ${FORWARD}`, async (what, rank) => {
      const patches = (of: Model) => (rank === undefined ? undefined : randomPatches(of, rank));
      const worst = await compareForward(model, exact, FULL.rows, patches);
      reportDeviation(`WebGPU forward ${family} ${what}`, { worst: worst.distance });
      expect(worst.distance, worst.hook).toBeLessThan(FORWARD);
    });

    test.each(Object.entries(CASES))(
      `losses and gradients are those of float64 to ${GRADIENT}: %s`,
      async (_, plan) => {
        const [found, expected] = [await stepOf(model, plan), await stepOf(exact, plan)];
        expect(distance(found, expected)).toBeLessThan(GRADIENT);
        expect([...found.best]).toEqual([...expected.best]);
      },
    );

    test('the suffix alone is the whole computation', async () => {
      const plan = { ...FULL, patches: randomPatches(model) };
      const [alone, whole] = [await stepOf(model, plan), await stepOf(model, { ...plan, naive: true })];
      expect(distance(alone, whole)).toBeLessThan(1e-5);
    });

    test('finished rows leave, the others’ numbers stay', async () => {
      const left: SuffixCase = {
        ...FULL,
        rows: [FULL.rows[0], FULL.rows[2]],
        slots: 1,
        injections: [
          { row: 0, position: 3, slot: 0 },
          { row: 1, position: 1, slot: 0 },
        ],
        readings: [FULL.readings[0], FULL.readings[1], { ...FULL.readings[3], row: 1 }],
        wNll: [0.5, 0.25, 0],
        wKl: [0, 0, 0.3],
      };
      const suffix = await (await prepared(model, FULL)).narrow([0, 2], [0, 1, 3], left);
      const narrowed = await suffix.step(randomDeltas(model, left, 7), left.wNll, left.wKl);
      suffix.dispose();
      expect(distance(narrowed, await stepOf(exact, left, 7))).toBeLessThan(GRADIENT);
    });

    test('greedy text is the CPU’s, token by token, with and without patches', async () => {
      for (const rank of [0, 1]) {
        const text = (of: Model) => greedy(of, [3, 5, 7], 12, randomPatches(of, rank));
        const [found, expected] = [await text(model), await text(exact)];
        expect(found.ids).toEqual(expected.ids);
        expect(relative(found.logp, expected.logp)).toBeLessThan(FORWARD);
      }
    });
  });

  sharedOrSkip()('trained models', () => {
    test.each(['gpt2', 'llama'])('%s: hooks, logits and PyTorch’s greedy tokens', async (name) => {
      const [model, exact] = [await loadFixture(name, device), await loadFixture(name, oracle)];
      const { prompts } = readFixtureJson<Golden>(`golden/${name}/forward.json`);
      const worst = await compareForward(
        model,
        exact,
        prompts.map(({ ids }) => ids),
        () => undefined,
      );
      reportDeviation(`WebGPU forward ${name}`, { worst: worst.distance });
      expect(worst.distance, worst.hook).toBeLessThan(FORWARD);
      for (const { ids, greedy_ids } of prompts) {
        expect((await greedy(model, ids, greedy_ids.length)).ids).toEqual(greedy_ids);
      }
      await model.dispose();
    });
  });
});

// ---

interface Golden {
  readonly prompts: readonly { readonly ids: readonly number[]; readonly greedy_ids: readonly number[] }[];
}

/** The hook that differs most, as ‖a − b‖ / ‖b‖ over all its tokens. */
async function compareForward(
  model: Model,
  exact: Model,
  rows: readonly (readonly number[])[],
  patches: (of: Model) => PlacedPatches | undefined,
) {
  const at = rows.flatMap((ids, row) => ids.map((_, column) => [row, column] as const));
  const run = (of: Model) =>
    forwardRows(of, rows, { hooks: BLOCK_HOOKS, at, logits: at, normalized: true, patches: patches(of) });
  const [found, expected] = [await run(model), await run(exact)];
  let worst = { hook: '', distance: 0 };
  const compare = (hook: string, a: ArrayLike<number>, b: ArrayLike<number>) => {
    const far = relative(a, b);
    if (!(far <= worst.distance)) worst = { hook, distance: far };
  };
  for (const [layer, hooks] of expected.hooks.entries()) {
    for (const hook of BLOCK_HOOKS) compare(blockHook(layer, hook), found.hooks[layer][hook].data, hooks[hook].data);
  }
  compare('ln_final.hook_normalized', found.normalized?.data ?? [], expected.normalized?.data ?? []);
  compare('logits', found.logits?.data ?? [], expected.logits?.data ?? []);
  return worst;
}

/** A suffix whose KL compares with the model as it is. */
async function prepared(model: Model, plan: SuffixPlan) {
  const suffix = await prepareSuffix(model, plan);
  const { logQ } = await suffix.observe(new Map(), []);
  suffix.setReference(logQ);
  return suffix;
}

async function stepOf(model: Model, plan: SuffixCase, seed = 4): Promise<StepResult> {
  const suffix = await prepared(model, plan);
  const found = await suffix.step(randomDeltas(model, plan, seed), plan.wNll, plan.wKl);
  suffix.dispose();
  return found;
}

/** Worst relative difference of the losses and of each site's gradient. */
function distance(a: StepResult, b: StepResult): number {
  const gradients = [...b.gradients].map(([site, { data }]) => relative(a.gradients.get(site)?.data ?? [], data));
  return Math.max(relative(a.nll, b.nll), relative(a.kl, b.kl), ...gradients);
}

async function greedy(model: Model, prompt: readonly number[], maxTokens: number, patches?: PlacedPatches) {
  const [ids, logp]: [number[], number[]] = [[], []];
  for await (const token of generate(model, prompt, { maxTokens, patches })) {
    ids.push(token.id);
    logp.push(token.logp);
  }
  return { ids, logp };
}
