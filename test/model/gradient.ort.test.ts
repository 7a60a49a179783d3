import { beforeAll, describe, expect, test } from 'vitest';
import { norm } from '../../src/base/linalg.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import { formatSite, parseHook, SITE_KINDS, SITES, type Site } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import type { Reading, SuffixPlan } from '../../src/model/suffix-plan.ts';
import { prepareSuffix } from '../../src/model/suffix.ts';
import { relative } from '../support/close.ts';
import { fixtureModel } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { readFixtureJson, readFixtureTensors, sharedOrSkip } from '../support/shared.ts';

/** Parts of the loss as PyTorch has them. */
interface Parts {
  readonly loss: number;
  readonly nll_each: readonly number[];
  readonly nll: number;
  readonly kl: number;
  readonly wd: number;
}

interface GradientCase {
  readonly name: string;
  readonly sites: readonly string[];
  readonly kl_factor: number;
  readonly nll_factor: number;
  readonly weight_decay: number;
  readonly n: number;
  readonly at_zero: Parts;
  readonly at_random: Parts;
}

/** For Llama the reference computes RMSNorm and the rotary angles in float32, whatever the model's type. */
const FAMILIES = [
  ['gpt2', 1e-9],
  ['llama', 2e-6],
] as const;

sharedOrSkip()('PyTorch’s losses and their gradients', () => {
  describe.each(FAMILIES)('%s in float64, to %d', (family, tolerance) => {
    let model: Model;
    let stored: Map<string, Tensor<'float64'>>;
    beforeAll(async () => {
      model = await fixtureModel(family, 'float64');
      stored = readFixtureTensors(`golden/${family}/gradient.safetensors`);
    });

    test.each(['mlp', 'attn', 'resid', 'joint-same-layer', 'joint-two-layers'])('%s', async (name) => {
      const given = readFixtureJson<{ cases: GradientCase[] }>(`golden/${family}/gradient.json`);
      const found = given.cases.find((each) => each.name === name);
      expect(found).toBeDefined();
      const golden = found as GradientCase;
      const get = (key: string) => stored.get(`${name}/${key}`)?.data ?? new Float64Array();
      const sites = golden.sites.map(siteOf);
      const { plan, targets } = readPlan(stored, sites);
      const wNll = plan.readings.map((_, i) =>
        targets[i] ? golden.nll_factor / (golden.n * golden.at_zero.nll_each.length) : 0,
      );
      const wKl = plan.readings.map((_, i) => (targets[i] ? 0 : golden.kl_factor));

      const suffix = await prepareSuffix(model, plan);
      const { values, logQ } = await suffix.observe(new Map(), [plan.injections[0]]);
      suffix.setReference(logQ);
      const reference = logQ.data.subarray(targets.indexOf(false) * logQ.shape[1]);
      const worst: Record<string, number> = { q0: relative(reference, get('q0')) };
      for (const [i, site] of sites.entries()) {
        if (name !== 'resid') worst[`v0 ${i}`] = relative(values.get(formatSite(site))?.data ?? [], get(`${i}/v0`));
      }
      for (const place of ['zero', 'random'] as const) {
        const expected = golden[`at_${place}`];
        const delta = (i: number) => (place === 'zero' ? new Float64Array(64) : get(`${i}/delta_random`));
        const deltas = new Map(sites.map((site, i) => [formatSite(site), f64(delta(i).slice(), [1, 64])]));
        const { nll, kl, gradients } = await suffix.step(deltas, wNll, wKl);
        // The reference divides by what the site puts out on this pass: the deltas below it already count.
        const now = (await suffix.observe(deltas, [plan.injections[0]])).values;
        const lengths = sites.map((site, i) => norm(difference(now.get(formatSite(site))?.data ?? [], delta(i))));
        if (name === 'resid') lengths[0] = norm(get('0/v0'));
        const decay = lengths.map((length) => golden.weight_decay / length ** 2);
        const parts = {
          nll: nll.reduce((sum, value, i) => sum + wNll[i] * value, 0),
          kl: kl.reduce((sum, value, i) => sum + wKl[i] * value, 0),
          wd: decay.reduce((sum, factor, i) => sum + factor * norm(delta(i)), 0),
        };
        for (const key of ['nll', 'kl', 'wd'] as const) worst[`${place} ${key}`] = Math.abs(parts[key] - expected[key]);
        worst[`${place} loss`] = Math.abs(parts.nll + parts.kl + parts.wd - expected.loss);
        for (const [row, each] of expected.nll_each.entries()) {
          const own = plan.readings.flatMap((reading, i) => (reading.row === row && targets[i] ? [nll[i]] : []));
          worst[`${place} row ${row}`] = Math.abs(own.reduce((sum, value) => sum + value, 0) / golden.n - each);
        }
        for (const [i, site] of sites.entries()) {
          const length = norm(delta(i));
          const slope = gradients.get(formatSite(site))?.data ?? [];
          const whole = Float64Array.from(
            slope,
            (value, j) => value + (length === 0 ? 0 : (decay[i] * delta(i)[j]) / length),
          );
          worst[`${place} gradient ${i}`] = relative(whole, get(`${i}/grad_at_${place}`));
        }
      }
      suffix.dispose();
      reportDeviation(`gradient ${family} ${name}`, { worst: Math.max(...Object.values(worst)) });
      expect(Object.entries(worst).filter(([, distance]) => !(distance < tolerance))).toEqual([]);
    });
  });
});

// ---

/** A module's own output; what is added to the residual stream after a block is added to its MLP's output just as well. */
function siteOf(name: string): Site {
  const { hook, ...rest } = parseHook(name);
  const layer = 'layer' in rest ? Number(rest.layer) : NaN;
  return { kind: SITE_KINDS.find((kind) => SITES[kind].value === hook) ?? 'mlp', layer };
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from(a, (value, i) => value - b[i]);
}

/** The fixture's right-padded rows as a plan, and which readings are of the target rather than of the KL row. */
function readPlan(
  stored: ReadonlyMap<string, Tensor<'float64'>>,
  sites: readonly Site[],
): { readonly plan: SuffixPlan; readonly targets: readonly boolean[] } {
  const table = (name: string): number[][] => {
    const { data, shape } = stored.get(name) as Tensor<'float64'>;
    return Array.from({ length: shape[0] }, (_, row) =>
      Array.from(data.subarray(row * shape[1], (row + 1) * shape[1])),
    );
  };
  const [ids, mask, labels] = ['input_ids', 'attention_mask', 'labels'].map(table);
  const rows = ids.map((row, b) => row.filter((_, t) => mask[b][t] === 1));
  const lookup = Array.from(stored.get('lookup')?.data ?? []);
  const target = labels.flatMap((row, b) =>
    row.flatMap((label, position): Reading[] => (label < 0 ? [] : [{ row: b, position, label }])),
  );
  const kl: Reading = { row: rows.length - 1, position: lookup[rows.length - 1], label: 0 };
  const injections = lookup.map((position, row) => ({ row, position, slot: 0 }));
  const plan = { rows, sites, slots: 1, injections, readings: [...target, kl] };
  return { plan, targets: plan.readings.map((reading) => reading !== kl) };
}
