import { EditorError } from '../base/errors.ts';
import { makeRandom } from '../base/random.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { Tensor } from '../base/tensor.ts';
import { keyWidth } from '../model/description.ts';
import { allSites, compareSites, formatSite, SITE_KINDS, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches, type DosedPatch, type Patch } from '../model/patch.ts';
import { measureLayers } from './cosines.ts';
import type { Covariances } from './covariance.ts';
import type { Hparams, MethodName, PresetName } from './hparams.ts';
import { planKeys } from './keys.ts';
import type { LossParts } from './loss.ts';
import { proveEdit, type Proof } from './proof.ts';
import { candidateLayers, chooseLayers, type LayerScores, type LayerSets } from './rank.ts';
import type { EditRequest, ValidRequest } from './request.ts';
import { makeRows, promptIds, type EditRows, type TemplateGroups } from './rows.ts';
import { optimizeTargets, type Targets } from './target.ts';
import { stackRows } from './solve.ts';
import { sampleTemplates } from './templates.ts';
import { keysOfSites, planWrites, targetSites, writeTargets, type SiteWrite } from './write.ts';

/** A site that the rule chose and the edit left out. */
export interface LeftOut {
  readonly site: string;
  /** Keys it would have had to hold, and how many it may. */
  readonly keys: number;
  readonly budget: number;
}

/** Everything an edit leaves behind: what is saved, undone, shown and exported.   [design.md 5] */
export interface Edit {
  readonly schema: 1;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly requests: readonly EditRequest[];
  readonly method: MethodName;
  readonly preset: PresetName;
  readonly hparams: Hparams;
  readonly model: { readonly name: string; readonly hash: string };
  readonly device: string;
  /** What C₀ was gathered from: fingerprint, or "given". */
  readonly corpus: string;
  readonly templates: TemplateGroups;
  /** Cosines of every request on the unedited model, and the layers that followed from them. */
  readonly scores: readonly LayerScores[];
  readonly layers: LayerSets;
  readonly leftOut: readonly LeftOut[];
  readonly learningRates: readonly number[];
  /** Per request, one entry per evaluation. */
  readonly losses: readonly (readonly LossParts[])[];
  readonly patches: readonly Patch[];
  /** Keys at every site on the edited model, by site [slots, p]: memory for later edits. */
  readonly keys: ReadonlyMap<string, Tensor<'float64'>>;
  /** Edits it was computed on top of, with their doses. */
  readonly parents: readonly { readonly id: string; readonly alpha: number }[];
  readonly proof: Proof;
}

/** An earlier edit as it stands in the stack. */
export interface StackedEdit {
  readonly edit: Edit;
  readonly alpha: number;
}

/** What `computeEdit` takes. */
export interface EditInput {
  readonly requests: readonly ValidRequest[];
  readonly method: MethodName;
  readonly preset: PresetName;
  readonly hparams: Hparams;
  readonly covariances: Covariances;
  /** Earlier edits that are on; the new one is made on top of them. */
  readonly stack?: readonly StackedEdit[];
  /** Context templates; sampled from the unedited model when absent. */
  readonly templates?: TemplateGroups;
  /** Unrelated sentences, for the drift. */
  readonly heldOut?: readonly string[];
  /** `brief` leaves out what takes time and a batch run doesn't read: continuations, spot checks, drift. */
  readonly proof?: 'full' | 'brief';
  readonly observer?: EditObserver;
}

/** Sees the parts of an edit as they come, before the edit is done. */
export interface EditObserver {
  readonly layers?: (scores: readonly LayerScores[], layers: LayerSets) => void;
  readonly targets?: (targets: Targets) => void;
  readonly writes?: (writes: readonly SiteWrite[]) => void;
}

/**
 * The way through: request → tokens → layer ranking → target values → keys → solve → patches → proof. Several requests
 * make one batch edit with shared layers. The model leaves as it came: base weights are never written.
 * [design.md 3; dem-readings.md 8, 8a]
 *
 * @throws EditorError `invalid-request`, `context-overflow`, `not-finite`, `ill-conditioned`, `aborted`, …
 */
export async function computeEdit(model: Model, input: EditInput, watch: Watch = {}): Promise<Edit> {
  const { requests, hparams, stack = [] } = input;
  const brief = input.proof === 'brief';
  const count = (input.templates ? 0 : hparams.prefixes) + (brief ? 0 : UNSEEN);
  const sampled = await sampleTemplates(model, { ...hparams, prefixes: count }, watch);
  const templates = input.templates ?? usedOf(sampled, hparams.prefixes);
  const rows = makeRows(model, requests, templates, hparams);
  const queries = requests.map(({ query }) => promptIds(model, query));
  watch.progress?.({ stage: 'rank', done: 0, total: 1, unit: 'steps' });
  const measured = await measureLayers(model, queries, hparams.cosine, watch);
  const scores = measured.map(({ cosines }) => cosines);
  const layers = chooseLayers(hparams, scores, model.description.n_layers, makeRandom(hparams.seed));
  input.observer?.layers?.(scores, layers);
  watch.progress?.({ stage: 'rank', done: 1, total: 1, unit: 'steps' });

  const base: DosedPatch[] = stack.flatMap(({ edit, alpha }) => edit.patches.map((patch) => ({ patch, alpha })));
  const memory = memoryOf(stack);
  const { sites, leftOut } = affordable(model, rows, hparams, layers, memory);
  const plan = planWrites(sites, hparams);
  const covariances = await input.covariances.of(sites, candidateSites(model, hparams), hparams, watch);
  const learningRates = measured.map(({ residualNorms }) => learningRate(model, hparams, sites, residualNorms));
  const before = placePatches(model.device, model.description, base);
  try {
    const options = { rows, sites: targetSites(plan), hparams, learningRates, patches: before };
    const targets = await optimizeTargets(model, options, watch);
    input.observer?.targets?.(targets);
    const writes = await writeTargets(model, { rows, hparams, targets, plan, covariances, base, memory }, watch);
    input.observer?.writes?.(writes);
    const patches = writes.map(({ patch }) => patch);
    const after = placePatches(model.device, model.description, [
      ...base,
      ...patches.map((patch) => ({ patch, alpha: 1 })),
    ]);
    try {
      const ridges = new Map([...covariances].map(([key, { factorization }]) => [key, factorization.ridge]));
      const unseen = [unseenOf(sampled, templates)];
      const heldOut = input.heldOut ?? null;
      const given = { requests, rows, hparams, targets, writes, ridges, before, after, unseen, heldOut, brief };
      const proof = await proveEdit(model, given, watch);
      const keys = await keysOfSites(model, rows, allSites(model.description.n_layers), after);
      throwIfAborted(watch, 'finish the edit');
      return record(model, input, {
        templates,
        scores,
        layers,
        leftOut,
        learningRates,
        targets,
        writes,
        keys,
        proof,
        covariances,
      });
    } finally {
      disposePatches(after);
    }
  } finally {
    disposePatches(before);
  }
}

/** Every site that these settings could choose for some prompt. */
export function candidateSites({ description: { n_layers } }: Model, hparams: Hparams): Site[] {
  const isEdited = { attn: hparams.editAttn, mlp: hparams.editMlp };
  return SITE_KINDS.filter((kind) => isEdited[kind]).flatMap((kind) =>
    candidateLayers(hparams, kind, n_layers).map((layer): Site => ({ kind, layer })),
  );
}

// ---

/** Prefixes sampled beyond those that are used, to ask the edited model under. */
const UNSEEN = 3;

function usedOf(sampled: TemplateGroups, prefixes: number): TemplateGroups {
  const used = (sampled[1] ?? []).slice(0, prefixes);
  return used.length > 0 ? [['{}'], used] : [['{}']];
}

function unseenOf(sampled: TemplateGroups, used: TemplateGroups): string[] {
  return (sampled[1] ?? []).filter((template) => !used.flat().includes(template)).slice(-UNSEEN);
}

/** Keys of earlier edits, by site. */
function memoryOf(stack: readonly StackedEdit[]): Map<string, Tensor<'float64'>> {
  const memory = new Map<string, Tensor<'float64'>>();
  for (const { edit } of stack) {
    for (const [key, keys] of edit.keys) {
      const earlier = memory.get(key);
      memory.set(key, earlier ? stackRows(earlier, keys) : keys);
    }
  }
  return memory;
}

/**
 * The sites that can hold what is asked of them. An attention key has few directions: where memory and new keys would fill
 * more than `keyBudget` of its width, the site is left out and the proof says so.   [dem-readings.md 8a]
 */
function affordable(
  { description }: Model,
  rows: EditRows,
  hparams: Hparams,
  layers: LayerSets,
  memory: ReadonlyMap<string, Tensor<'float64'>>,
): { sites: Site[]; leftOut: LeftOut[] } {
  const chosen = SITE_KINDS.flatMap((kind) => layers[kind].map((layer): Site => ({ kind, layer }))).sort(compareSites);
  const { places, shares } = planKeys(rows, hparams.context);
  const own = places.length - shares.length + rows.slots;
  const need = (site: Site) => own + (hparams.remember ? (memory.get(formatSite(site))?.shape[0] ?? 0) : 0);
  const budget = (site: Site) => Math.floor(hparams.keyBudget * keyWidth(description, site.kind));
  const isOver = (site: Site) => site.kind === 'attn' && hparams.keyBudget < 1 && need(site) > budget(site);
  const sites = chosen.filter((site) => !isOver(site));
  const leftOut = chosen
    .filter(isOver)
    .map((site) => ({ site: formatSite(site), keys: need(site), budget: budget(site) }));
  if (sites.length > 0) return { sites, leftOut };
  throw new EditorError(
    'invalid-hyperparameter',
    'choose where to write',
    `every chosen attention site would have to hold ${leftOut[0]?.keys} keys and may hold ${leftOut[0]?.budget}`,
    'edit MLP layers too, raise keyBudget, or edit fewer requests at once',
  );
}

/** stepSize · |h| / √d, |h| the median residual norm at the sites' layers.   [dem-readings.md 5, 9] */
function learningRate(
  { description }: Model,
  hparams: Hparams,
  sites: readonly Site[],
  norms: readonly number[],
): number {
  if (hparams.learningRate !== null) return hparams.learningRate;
  const sorted = sites.map(({ layer }) => norms[layer]).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return (hparams.stepSize * median) / Math.sqrt(description.d_model);
}

interface Parts {
  readonly templates: TemplateGroups;
  readonly scores: readonly LayerScores[];
  readonly layers: LayerSets;
  readonly leftOut: readonly LeftOut[];
  readonly learningRates: readonly number[];
  readonly targets: Targets;
  readonly writes: readonly SiteWrite[];
  readonly keys: ReadonlyMap<string, Tensor<'float64'>>;
  readonly proof: Proof;
  readonly covariances: ReadonlyMap<string, { readonly corpus: string }>;
}

function record(model: Model, input: EditInput, parts: Parts): Edit {
  const { requests, method, preset, hparams, stack = [] } = input;
  const { templates, scores, layers, leftOut, learningRates, targets, writes, keys, proof, covariances } = parts;
  return {
    schema: 1,
    id: crypto.randomUUID(),
    createdAt: Date.now(),
    requests: requests.map(({ query: _query, subjectSpan: _span, ...request }) => request),
    method,
    preset,
    hparams,
    model: { name: model.name, hash: model.hash },
    device: model.device.kind,
    corpus: [...covariances.values()][0]?.corpus ?? 'none',
    templates,
    scores,
    layers,
    leftOut,
    learningRates,
    losses: targets.losses,
    patches: writes.map(({ patch }) => patch),
    keys,
    parents: stack.map(({ edit, alpha }) => ({ id: edit.id, alpha })),
    proof,
  };
}
