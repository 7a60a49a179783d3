import { invariant } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { f64, toFloat, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { keyWidth } from '../model/description.ts';
import { forwardRows } from '../model/forward.ts';
import { compareSites, formatSite, SITES, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches, type DosedPatch, type Patch, type PlacedPatches } from '../model/patch.ts';
import { startSweep, type Sweep } from '../model/sweep.ts';
import type { Covariance } from './covariance.ts';
import type { Hparams } from './hparams.ts';
import { averageKeys, planKeys, type KeyPlan } from './keys.ts';
import type { EditRows } from './rows.ts';
import { covarianceWeight, solveWrite, stackRows, type Written } from './solve.ts';
import type { Targets } from './target.ts';

/** One write of the plan: which site, and which delta's residual it carries. */
export interface PlannedWrite {
  readonly site: Site;
  /** The site whose target it writes: itself, or the deepest of its module. */
  readonly target: Site;
  /** The residual is divided by this. */
  readonly divisor: number;
}

/** A write that was made. */
export interface SiteWrite {
  readonly site: Site;
  readonly patch: Patch;
  readonly s: readonly number[];
  readonly share: readonly number[];
  readonly residual: number;
  /** λ */
  readonly weight: number;
  /** Memory keys in the solve. */
  readonly memory: number;
  readonly keys: Tensor<'float64'>;
  readonly residuals: Tensor<'float64'>;
}

/** What `writeTargets` takes. */
export interface WriteOptions {
  readonly rows: EditRows;
  readonly hparams: Hparams;
  readonly targets: Targets;
  readonly plan: readonly PlannedWrite[];
  readonly covariances: ReadonlyMap<string, Covariance>;
  /** Patches of earlier edits. */
  readonly base: readonly DosedPatch[];
  /** Keys of earlier edits by site, [m, p]. */
  readonly memory: ReadonlyMap<string, Tensor<'float64'>>;
}

/**
 * The order of writing: ascending layer, attention first. With one delta per site each is written as it is; with one per
 * module, the module's layers share out the residual by √left, left, all or none.   [methods.md 6.3, 6.5; dem-readings.md 3]
 */
export function planWrites(sites: readonly Site[], { deltas, spread }: Hparams): PlannedWrite[] {
  const ordered = [...sites].sort(compareSites);
  if (deltas === 'site') return ordered.map((site) => ({ site, target: site, divisor: 1 }));
  return ordered.map((site) => {
    const own = ordered.filter((each) => each.kind === site.kind);
    const left = own.length - own.indexOf(site);
    const divisor = { none: 1, sqrt: Math.sqrt(left), linear: left, equal: own.length }[spread];
    return { site, target: own[own.length - 1], divisor };
  });
}

/** The sites whose deltas are optimized for a plan. */
export function targetSites(plan: readonly PlannedWrite[]): Site[] {
  const byKey = new Map(plan.map(({ target }) => [formatSite(target), target]));
  return [...byKey.values()].sort(compareSites);
}

/**
 * Writes the targets, one site after another from the bottom up. Keys are measured on the partly edited model before each
 * write, so that a layer answers to the keys that will really occur. The base weights stay as they are.
 * [methods.md 6.2–6.3, 10.4; dem-readings.md 10]
 *
 * @throws EditorError `ill-conditioned`, `not-finite`, `aborted`
 */
export async function writeTargets(model: Model, options: WriteOptions, watch: Watch = {}): Promise<SiteWrite[]> {
  const { rows, hparams, plan, base } = options;
  const keyPlan = planKeys(rows, hparams.context);
  const sweep = await startSweep(
    model,
    rows.rows.map((row) => row.ids),
  );
  const before = placePatches(model.device, model.description, base);
  const writes: SiteWrite[] = [];
  let placed = before;
  try {
    for (const [i, planned] of plan.entries()) {
      throwIfAborted(watch, 'write the edit');
      watch.progress?.({ stage: 'write', done: i, total: plan.length, unit: 'sites' });
      const now = hparams.recompute ? placed : before;
      await sweep.climbTo(planned.site.layer, now, watch);
      const write = await writeSite(model, options, planned, keyPlan, sweep, now, watch);
      writes.push(write);
      const stacked = [...base, ...writes.map(({ patch }) => ({ patch, alpha: 1 }))];
      if (placed !== before) disposePatches(placed);
      placed = placePatches(model.device, model.description, stacked);
    }
    watch.progress?.({ stage: 'write', done: plan.length, total: plan.length, unit: 'sites' });
    return writes;
  } finally {
    sweep.dispose();
    disposePatches(before);
    if (placed !== before) disposePatches(placed);
  }
}

/** Keys of every site at the edited tokens, averaged over templates: what later edits must leave alone.   [dem-readings.md 7] */
export async function keysOfSites(
  model: Model,
  rows: EditRows,
  sites: readonly Site[],
  patches: PlacedPatches,
): Promise<Map<string, Tensor<'float64'>>> {
  const plan = planKeys(rows, false);
  const at = plan.places.map(({ row, position }): [number, number] => [row, position]);
  const layers = [...new Set(sites.map((site) => site.layer))];
  const hooks = [...new Set(sites.map((site) => SITES[site.kind].key))];
  const ids = rows.rows.map((row) => row.ids);
  const found = await forwardRows(model, ids, { patches, layers, hooks, at });
  return new Map(
    sites.map((site) => {
      const keys = found.hooks[site.layer][SITES[site.kind].key];
      return [formatSite(site), averageKeys(plan, rows.slots, keys).keys];
    }),
  );
}

// ---

async function writeSite(
  model: Model,
  { rows, hparams, targets, covariances, memory }: WriteOptions,
  { site, target, divisor }: PlannedWrite,
  keyPlan: KeyPlan,
  sweep: Sweep,
  placed: PlacedPatches,
  watch: Watch,
): Promise<SiteWrite> {
  const key = formatSite(site);
  const found = await sweep.read(SITES[site.kind].key, keyPlan.places, placed);
  const { keys, context } = averageKeys(keyPlan, rows.slots, found);
  const earlier = hparams.remember ? memory.get(key) : undefined;
  const covariance = covariances.get(key);
  invariant(covariance, `write ${key}`, 'no covariance was gathered for it');
  const residuals = await residualsOf(model, rows, hparams, targets, target, divisor, placed);
  const weight = covarianceWeight(hparams, keyWidth(model.description, site.kind));
  const kept = earlier ? stackRows(earlier, context) : context;
  const written = await solveWrite(model.kernels, covariance, { keys, residuals, memory: kept, weight }, watch);
  const { s, share, residual } = written;
  return {
    site,
    patch: patchOf(model, site, written),
    s,
    share,
    residual,
    weight,
    memory: kept.shape[0],
    keys,
    residuals,
  };
}

/** R [slots, d]: the delta itself where each site has its own; else what the target still lacks, over the divisor. */
async function residualsOf(
  model: Model,
  rows: EditRows,
  { deltas, spread }: Hparams,
  { initial, delta }: Targets,
  target: Site,
  divisor: number,
  placed: PlacedPatches,
): Promise<Tensor<'float64'>> {
  const key = formatSite(target);
  const [start, added] = [initial.get(key), delta.get(key)];
  invariant(start && added, `write ${key}`, 'no target was optimized for it');
  const whole = deltas === 'site' || spread === 'equal';
  const current = whole ? start : await currentValues(model, rows, target, placed);
  return f64(
    added.data.map((value, i) => (start.data[i] + value - current.data[i]) / divisor),
    added.shape,
  );
}

/** The site's output at the edited tokens of the clean rows, on the model as it is now. */
async function currentValues(
  model: Model,
  { rows, targets }: EditRows,
  site: Site,
  patches: PlacedPatches,
): Promise<FloatTensor> {
  const clean = targets.map((_, request) => {
    const own = rows.filter((row) => row.request === request);
    return own.find((row) => row.clean) ?? own[0];
  });
  const at = clean.flatMap(({ edited }, row) => edited.map((position): [number, number] => [row, position]));
  const hook = SITES[site.kind].value;
  const ids = clean.map((row) => row.ids);
  const { hooks } = await forwardRows(model, ids, { patches, layers: [site.layer], hooks: [hook], at });
  return hooks[site.layer][hook];
}

function patchOf(model: Model, site: Site, { left, right }: Written): Patch {
  const { float } = model.device;
  return { site, left: toFloat(left, float), right: toFloat(right, float) };
}
