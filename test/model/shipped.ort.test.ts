import { beforeAll, describe, expect, test } from 'vitest';
import { norm } from '../../src/base/linalg.ts';
import { f64, toFloat, type Tensor } from '../../src/base/tensor.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { generate } from '../../src/model/generate.ts';
import { allSites, BLOCK_HOOKS, formatSite, parseHook, valueHook, type Site } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { checkDevice, type StoredCheck } from '../../src/model/selfcheck.ts';
import { prepareSuffix } from '../../src/model/suffix.ts';
import { relative } from '../support/close.ts';
import { shippedModel } from '../support/models.ts';
import { reportDeviation } from '../support/report.ts';
import { GOLDEN, SHIPPED } from '../support/shipped.ts';
import { readJsonFile, readTensorFile } from '../support/files.ts';

interface Prompt {
  readonly text: string;
  readonly ids: readonly number[];
  readonly greedy: { readonly ids: readonly number[]; readonly gaps: readonly number[] };
}

interface GradientFile {
  readonly rows: readonly (readonly number[])[];
  readonly starts: readonly number[];
  readonly kl_at: number;
  readonly target_ids: readonly number[];
  readonly kl_factor: number;
  readonly sites: readonly string[];
  readonly points: Readonly<Record<'zero' | 'random', { readonly nll: number; readonly kl: number }>>;
}

// PyTorch computed in float64 and stored float32: that rounding is what is left in float64.
describe.each([
  ['float64', 1e-6],
  ['float32', 1e-4],
] as const)('the shipped model in %s, beside PyTorch', (float, tolerance) => {
  let model: Model;
  beforeAll(async () => {
    model = await shippedModel(float);
  });

  test('every hook and the logits of the last token, and the length of every token’s', async () => {
    const { prompts } = readJsonFile<{ prompts: Prompt[] }>(`${GOLDEN}/forward.json`);
    const stored = readTensorFile(`${GOLDEN}/forward.safetensors`);
    const worst: Record<string, number> = {};
    let compared = 0;
    for (const [i, { ids }] of prompts.entries()) {
      const at = ids.map((_, column) => [0, column] as const);
      const { hooks, logits } = await forwardRows(model, [ids], {
        hooks: BLOCK_HOOKS,
        at,
        logits: [[0, ids.length - 1]],
      });
      for (const [name, expected] of stored) {
        const [prefix, place, part] = name.split('/');
        if (prefix !== `p${i}`) continue;
        compared += 1;
        if (place === 'logits') {
          worst['logits'] = Math.max(worst['logits'] ?? 0, relative(logits?.data ?? [], expected.data));
          continue;
        }
        const parsed = parseHook(place);
        if (!('layer' in parsed)) throw new Error(`${name} is not inside a block`);
        const { data, shape } = hooks[parsed.layer][parsed.hook] as Tensor<'float64'>;
        const row = (t: number) => data.subarray(t * shape[1], (t + 1) * shape[1]);
        const found = part === 'norms' ? ids.map((_, t) => norm(row(t))) : row(ids.length - 1);
        worst[part ?? 'hooks'] = Math.max(worst[part ?? 'hooks'] ?? 0, relative(found, expected.data));
      }
    }
    reportDeviation(`shipped forward ${float}`, worst);
    expect(compared).toBe(stored.size);
    expect(Math.max(...Object.values(worst))).toBeLessThan(tolerance);
  });

  test('what it says, token by token, as far as the next best is not too close', async () => {
    const { prompts } = readJsonFile<{ prompts: Prompt[] }>(`${GOLDEN}/forward.json`);
    for (const { text, ids, greedy } of prompts) {
      expect(model.tokenizer.encode(text, { specialTokens: true }).ids).toEqual(ids);
      const close = greedy.gaps.findIndex((gap) => gap < 0.01);
      const sure = greedy.ids.slice(0, close < 0 ? greedy.ids.length : close);
      expect(sure.length).toBeGreaterThan(2);
      const found: number[] = [];
      for await (const { id } of generate(model, ids, { maxTokens: sure.length })) found.push(id);
      expect(found).toEqual(sure.slice(0, found.length));
    }
  });

  test('the loss of an edit and its gradients at two sites', async () => {
    const golden = readJsonFile<GradientFile>(`${GOLDEN}/gradient.json`);
    const stored = readTensorFile(`${GOLDEN}/gradient.safetensors`);
    const { rows: padded, starts, target_ids, kl_at, kl_factor } = golden;
    const rows = padded.map((row, r) => row.slice(0, r < starts.length ? starts[r] + target_ids.length : kl_at + 1));
    const last = rows.length - 1;
    const sites = golden.sites.map(siteWithValueAt);
    const readings = starts.flatMap((start, row) =>
      target_ids.map((label, i) => ({ row, position: start + i, label })),
    );
    const injections = [...starts, kl_at].map((position, row) => ({ row, position, slot: 0 }));
    const kl = { row: last, position: kl_at, label: 0 };
    const suffix = await prepareSuffix(model, { rows, sites, slots: 1, injections, readings: [...readings, kl] });
    const wNll = [...readings.map(() => 1 / readings.length), 0];
    const wKl = [...readings.map(() => 0), kl_factor];
    suffix.setReference((await suffix.observe(new Map(), [injections[0]])).logQ);
    const worst: Record<string, number> = {};
    for (const point of ['zero', 'random'] as const) {
      const get = (site: number, part: string) =>
        stored.get(`${point}/${golden.sites[site]}/${part}`)?.data ?? new Float64Array();
      const deltas = new Map(
        sites.map((site, i) => [formatSite(site), toFloat(f64(get(i, 'delta').slice(), [1, 256]), float)]),
      );
      const found = await suffix.step(deltas, wNll, wKl);
      const sum = (values: ArrayLike<number>, weights: readonly number[]) =>
        weights.reduce((total, weight, i) => total + weight * values[i], 0);
      worst[`${point} nll`] = Math.abs(sum(found.nll, wNll) - golden.points[point].nll);
      worst[`${point} kl`] = Math.abs(sum(found.kl, wKl) - golden.points[point].kl);
      for (const [i, site] of sites.entries()) {
        const gradient = found.gradients.get(formatSite(site))?.data ?? [];
        worst[`${point} ${formatSite(site)}`] = relative(gradient, get(i, 'gradient'));
      }
    }
    suffix.dispose();
    reportDeviation(`shipped gradient ${float}`, worst);
    expect(Math.max(...Object.values(worst))).toBeLessThan(float === 'float64' ? 1e-6 : 1e-3);
  });

  test('passes its own self-check', async () => {
    const check = await checkDevice(model, readJsonFile<StoredCheck>(`${SHIPPED}/check.json`), null);
    expect(check?.against).toBe('stored');
    expect(check?.difference).toBeLessThan(1e-3);
  });
});

// ---

function siteWithValueAt(name: string): Site {
  const found = allSites(8).find((site) => valueHook(site) === name);
  if (!found) throw new Error(`${name} is no site`);
  return found;
}
