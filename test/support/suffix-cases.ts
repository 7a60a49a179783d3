import { makeRandom, normal } from '../../src/base/random.ts';
import { sizeOf, type FloatTensor } from '../../src/base/tensor.ts';
import { floats } from '../../src/model/batch.ts';
import { keyWidth } from '../../src/model/description.ts';
import { formatSite, parseSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { placePatches, type Patch, type PlacedPatches } from '../../src/model/patch.ts';
import type { SuffixPlan } from '../../src/model/suffix-plan.ts';

/** Deltas by site ("mlp.3"). */
export type Deltas = ReadonlyMap<string, FloatTensor>;

/** A plan with the weights of its readings, for models of three layers and at least 24 ids. */
export interface SuffixCase extends SuffixPlan {
  readonly wNll: readonly number[];
  readonly wKl: readonly number[];
}

const sites = (...names: string[]) => names.map((name) => parseSite(name));

/** Two rows that end in a target, and one that only the KL reads; two slots. */
export const FULL: SuffixCase = {
  rows: [
    [3, 5, 7, 9, 11, 2],
    [1, 4, 8, 8, 2, 6, 12, 13, 20],
    [9, 8],
  ],
  sites: sites('attn.1', 'mlp.1', 'mlp.2'),
  slots: 2,
  injections: [
    { row: 0, position: 3, slot: 0 },
    { row: 0, position: 4, slot: 1 },
    { row: 1, position: 5, slot: 0 },
    { row: 1, position: 6, slot: 1 },
    { row: 2, position: 1, slot: 0 },
  ],
  readings: [
    { row: 0, position: 3, label: 4 },
    { row: 0, position: 5, label: 9 },
    { row: 1, position: 8, label: 2 },
    { row: 2, position: 1, label: 0 },
  ],
  wNll: [0.5, 0.25, 0.25, 0],
  wKl: [0, 0, 0, 0.3],
};

const ONE_ROW: SuffixCase = {
  rows: [[3, 5, 7]],
  sites: sites('mlp.1'),
  slots: 1,
  injections: [{ row: 0, position: 1, slot: 0 }],
  readings: [{ row: 0, position: 2, label: 6 }],
  wNll: [1],
  wKl: [0.1],
};

/** Where a suffix can go wrong: each end of the rows, of the layers and of the prefix. */
export const CASES: Readonly<Record<string, SuffixCase>> = {
  'rows of different length': FULL,
  'one row': ONE_ROW,
  'one token': {
    ...ONE_ROW,
    rows: [[5]],
    injections: [{ row: 0, position: 0, slot: 0 }],
    readings: [{ row: 0, position: 0, label: 6 }],
  },
  'no token before the edited one': { ...ONE_ROW, injections: [{ row: 0, position: 0, slot: 0 }] },
  'only one row with a prefix': {
    ...FULL,
    injections: [{ row: 0, position: 0, slot: 0 }, ...FULL.injections.slice(1)],
  },
  'no layer below, attention alone': { ...FULL, sites: sites('attn.0') },
  'the last layer alone': { ...FULL, sites: sites('mlp.2') },
  'both sites of the last layer': { ...FULL, sites: sites('attn.2', 'mlp.2') },
  'a reading before the edited token': {
    ...ONE_ROW,
    injections: [{ row: 0, position: 2, slot: 0 }],
    readings: [
      { row: 0, position: 0, label: 6 },
      { row: 0, position: 2, label: 1 },
    ],
    wNll: [1, 0.5],
    wKl: [0, 0.1],
  },
  'a row without an edited token': { ...FULL, injections: FULL.injections.slice(0, 4) },
};

/** A delta for each site of a plan. */
export function randomDeltas({ device, description: { d_model } }: Model, plan: SuffixPlan, seed: number): Deltas {
  const draw = makeRandom(seed);
  const delta = () =>
    floats(
      device.float,
      Float64Array.from({ length: plan.slots * d_model }, () => normal(draw)),
      [plan.slots, d_model],
    );
  return new Map(plan.sites.map((site) => [formatSite(site), delta()]));
}

/** Patches at three sites; `rank` scales theirs: 2, 1 and 1 times. With 0 they are of rank 0, which is not the same as none. */
export function randomPatches({ device, description }: Model, rank = 1): PlacedPatches {
  const draw = makeRandom(8);
  const tensor = (shape: readonly number[]) =>
    floats(
      'float32',
      Float64Array.from({ length: sizeOf(shape) }, () => 0.3 * normal(draw)),
      shape,
    );
  const patch = (name: string, r: number): Patch => {
    const site = parseSite(name);
    const width = keyWidth(description, site.kind);
    return { site, left: tensor([description.d_model, r]), right: tensor([r, width]) };
  };
  const patches: Patch[] = [patch('mlp.0', 2 * rank), patch('attn.1', rank), patch('mlp.2', rank)];
  return placePatches(
    device,
    description,
    patches.map((patch) => ({ patch, alpha: 1 })),
  );
}
