import { makeRandom } from '../base/random.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { Tensor } from '../base/tensor.ts';
import { allSites } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches, type DosedPatch } from '../model/patch.ts';
import { checkEdit, type CheckInput } from './check.ts';
import { measureLayers } from './cosines.ts';
import type { Covariances } from './covariance.ts';
import type { Hparams, MethodName, PresetName } from './hparams.ts';
import { proveSites } from './proof.ts';
import { chooseLayers, type LayerScores, type LayerSets } from './rank.ts';
import { dosedPatches, type Edit, type StackedEdit } from './record.ts';
import type { ValidRequest } from './request.ts';
import { makeRows, type EditRows, type TemplateGroups } from './rows.ts';
import { affordableSites, candidateSites, learningRate } from './sites.ts';
import { stackRows } from './solve.ts';
import { optimizeTargets, type Targets } from './target.ts';
import { sampleTemplates } from './templates.ts';
import { keysOfSites, planWrites, targetSites, writeTargets, type SiteWrite } from './write.ts';

/** What `computeEdit` takes; its `stack` are the earlier edits that are on: the new one is made on top of them. */
export interface EditInput extends CheckInput {
  readonly requests: readonly ValidRequest[];
  readonly method: MethodName;
  readonly preset: PresetName;
  readonly hparams: Hparams;
  readonly covariances: Covariances;
  /** Context templates; sampled from the unedited model when absent. */
  readonly templates?: TemplateGroups;
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
  return checkEdit(model, await solveEdit(model, input, watch), input, watch);
}

/**
 * `computeEdit` up to the patches: an edit that can be saved and used, and that `checkEdit` has not yet put to the proof.
 * Errors of `computeEdit`.
 */
export async function solveEdit(model: Model, input: EditInput, watch: Watch = {}): Promise<Edit> {
  const { requests, method, preset, hparams, stack = [] } = input;
  // The requests alone first: what the model can't read is told before anything is computed.
  const bare = makeRows(model, requests, [['{}']], hparams);
  const queries = bare.rows.map(({ ids, queryLast }) => ids.slice(0, queryLast + 1));
  const count = (input.templates ? 0 : hparams.prefixes) + (input.proof === 'brief' ? 0 : UNSEEN);
  const sampled = await sampleTemplates(model, { ...hparams, prefixes: count }, watch);
  const templates = input.templates ?? usedOf(sampled, hparams.prefixes);
  const rows = makeRows(model, requests, templates, hparams);
  watch.progress?.({ stage: 'rank', done: 0, total: 1, unit: 'steps' });
  const measured = await measureLayers(model, queries, hparams.cosine, watch);
  const scores = measured.map(({ cosines }) => cosines);
  const layers = chooseLayers(hparams, scores, model.description.n_layers, makeRandom(hparams.seed));
  input.observer?.layers?.(scores, layers);
  watch.progress?.({ stage: 'rank', done: 1, total: 1, unit: 'steps' });

  const base = dosedPatches(stack);
  const memory = memoryOf(stack);
  const { sites, leftOut } = affordableSites(model, rows, hparams, layers, memory);
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
    const ridges = new Map([...covariances].map(([key, { factorization }]) => [key, factorization.ridge]));
    const keys = await keysAfter(model, rows, [...base, ...patches.map((patch) => ({ patch, alpha: 1 }))]);
    throwIfAborted(watch, 'finish the edit');
    return {
      schema: 2,
      app: __APP_VERSION__,
      id: crypto.randomUUID(),
      createdAt: Date.now(),
      requests: requests.map(({ query: _query, subjectSpan: _span, ...request }) => request),
      ...{ method, preset, hparams },
      model: { name: model.name, revision: model.revision ?? null, hash: model.hash },
      device: model.device.kind,
      corpus: [...covariances.values()][0].corpus,
      ...{ templates, scores, layers, leftOut, learningRates, patches, keys },
      unseen: unseenOf(sampled, templates),
      losses: targets.losses,
      parents: stack.map(({ edit, alpha }) => ({ id: edit.id, alpha })),
      proof: { sites: await proveSites(model, writes, ridges), requests: [], drift: null },
    };
  } finally {
    disposePatches(before);
  }
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

/** Keys at every site with some patches: memory for later edits. */
async function keysAfter(
  model: Model,
  rows: EditRows,
  dosed: readonly DosedPatch[],
): Promise<ReadonlyMap<string, Tensor<'float64'>>> {
  const after = placePatches(model.device, model.description, dosed);
  try {
    return await keysOfSites(model, rows, allSites(model.description.n_layers), after);
  } finally {
    disposePatches(after);
  }
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
