import { norm } from '../base/linalg.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { siteOrientation } from '../model/description.ts';
import { SITES } from '../model/hooks.ts';
import { generate } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { scoreContinuations, type Score } from '../model/score.ts';
import { drift, repetition, type Drift } from './damage.ts';
import type { Hparams } from './hparams.ts';
import type { LossParts } from './loss.ts';
import type { ValidRequest } from './request.ts';
import { promptIds, type EditRows } from './rows.ts';
import { spotCheck, type SpotCheck } from './spot-check.ts';
import type { SiteWrite } from './write.ts';

/** What was written at one site. */
export interface SiteProof {
  readonly site: string;
  /** The weight's name in the checkpoint. */
  readonly weightName: string;
  readonly rank: number;
  /** ‖ΔW‖ / ‖W‖, Frobenius. */
  readonly relativeNorm: number;
  /** Mean of s = kᵀ C₀⁻¹ k over the keys, and the key width it is to be judged by. */
  readonly s: number;
  readonly keyWidth: number;
  /** λ, and the share s / (λ + s) that a lone write would realise. */
  readonly lambda: number;
  readonly expectedShare: number;
  /** Mean share of the residuals that the solved patch realises at the edited keys. */
  readonly share: number;
  readonly memory: number;
  readonly ridge: number;
  readonly residual: number;
}

/** How the model takes a target, on the clean query. */
export interface TargetScore {
  /** Geometric mean of the target tokens' probabilities. */
  readonly probability: number;
  readonly logp: readonly number[];
  /** Rank of each target token, 0 the likeliest. */
  readonly rank: readonly number[];
}

/** Why an edit didn't take: what the screen explains and offers to change. */
export type Shortfall =
  | 'optimization' // the loss itself stayed high: more steps, a larger step, more layers
  | 'share' // the solve wrote too little of it: a smaller λ
  | 'cross-talk'; // written, yet the written model differs from the optimized one: more memory, other layers

/** The evidence for one request. */
export interface RequestProof {
  /** Greedy decoding of the clean query yields exactly the target. */
  readonly took: boolean;
  readonly before: TargetScore;
  readonly after: TargetScore;
  /** Mean NLL over all rows: where the optimization ended, and what the written model has. */
  readonly optimizedNll: number;
  readonly writtenNll: number;
  /** Greedy continuations of the clean query. */
  readonly original: string;
  readonly edited: string;
  /** Share of repeated 4-grams in each. */
  readonly repetition: { readonly original: number; readonly edited: number };
  readonly spotChecks: readonly SpotCheck[];
  readonly shortfall: readonly Shortfall[];
}

/** What an edit must show for itself.   [dem-readings.md 10: an edit optimized and an edit written are two models] */
export interface Proof {
  readonly sites: readonly SiteProof[];
  readonly requests: readonly RequestProof[];
  readonly drift: Drift | null;
}

/** What `proveEdit` takes. */
export interface ProofOptions {
  readonly requests: readonly ValidRequest[];
  readonly rows: EditRows;
  readonly hparams: Hparams;
  /** Of the optimization, per request. */
  readonly losses: readonly (readonly LossParts[])[];
  /** What was written where: see `proveSites`. */
  readonly sites: readonly SiteProof[];
  /** Patches before this edit, and with it. */
  readonly before: PlacedPatches;
  readonly after: PlacedPatches;
  /** Prefixes that the optimization hasn't seen. */
  readonly unseen: readonly string[];
  /** Unrelated sentences for the drift; null leaves it out. */
  readonly heldOut: readonly string[] | null;
  /** Leave out continuations, spot checks and drift. */
  readonly brief: boolean;
}

/** Tokens of the continuations in which loops are looked for. */
const CONTINUATION = 30;

/** Measures what an edit did: on its own rows, on paraphrases, and on unrelated text. */
export async function proveEdit(model: Model, options: ProofOptions, watch: Watch = {}): Promise<Proof> {
  const { requests, sites, before, after, heldOut, brief } = options;
  const total = requests.length + 2;
  const step = (done: number) => {
    throwIfAborted(watch, 'verify the edit');
    watch.progress?.({ stage: 'verify', done, total, unit: 'steps' });
  };
  step(0);
  const written = await scoreRows(model, options);
  const proofs: RequestProof[] = [];
  for (const i of requests.keys()) {
    step(1 + i);
    proofs.push(await proveRequest(model, options, i, written, watch));
  }
  step(total - 1);
  const drifted = !brief && heldOut && heldOut.length > 0 ? await drift(model, heldOut, before, after, watch) : null;
  step(total);
  return { sites, requests: proofs, drift: drifted };
}

/**
 * What was written at each site.
 *
 * @param ridges those of the factors, by site
 */
export async function proveSites(
  model: Model,
  writes: readonly SiteWrite[],
  ridges: ReadonlyMap<string, number>,
): Promise<SiteProof[]> {
  const proofs: SiteProof[] = [];
  for (const { site, patch, s, share, weight, memory, residual } of writes) {
    const { kernels, checkpoint, description } = model;
    const base = await checkpoint.read(SITES[site.kind].weight, site.layer);
    const [left, right] = [kernels.place(patch.left), kernels.place(patch.right)];
    const change = await kernels.lowrank(null, left, right, 1, siteOrientation(description, site.kind));
    const { data } = (await change.read()) as FloatTensor;
    for (const tensor of [left, right, change]) tensor.dispose();
    const meanS = mean(s);
    proofs.push({
      site: `${site.kind}.${site.layer}`,
      weightName: checkpoint.weightName(site),
      rank: patch.left.shape[1],
      relativeNorm: norm(data) / norm(base.data),
      s: meanS,
      keyWidth: patch.right.shape[1],
      lambda: weight,
      expectedShare: meanS / (weight + meanS),
      share: mean(share),
      memory,
      ridge: ridges.get(`${site.kind}.${site.layer}`) ?? 0,
      residual,
    });
  }
  return proofs;
}

// ---

/** Mean NLL of each request over all its rows, on the written model. */
async function scoreRows(model: Model, { rows, after }: ProofOptions): Promise<number[]> {
  const items = rows.rows.map(({ request, ids, queryLast }) => ({
    prompt: ids.slice(0, queryLast + 1),
    target: rows.targets[request],
  }));
  const scores = await scoreContinuations(model, items, after);
  return rows.targets.map((_, i) => {
    const own = scores.filter((__, row) => rows.rows[row].request === i);
    return -mean(own.map(({ logp }) => mean(logp)));
  });
}

async function proveRequest(
  model: Model,
  options: ProofOptions,
  i: number,
  written: readonly number[],
  watch: Watch,
): Promise<RequestProof> {
  const { requests, rows, losses, sites, hparams, before, after, brief } = options;
  const prompt = promptIds(model, requests[i].query);
  const item = { prompt, target: rows.targets[i] };
  const [start] = await scoreContinuations(model, [item], before);
  const [end] = await scoreContinuations(model, [item], after);
  const took = end.best.every((id, t) => id === item.target[t]);
  const original = brief ? [] : await continuation(model, prompt, before, watch);
  const edited = brief ? [] : await continuation(model, prompt, after, watch);
  const optimizedNll = losses[i].at(-1)?.nll ?? NaN;
  return {
    took,
    before: toTargetScore(start),
    after: toTargetScore(end),
    optimizedNll,
    writtenNll: written[i],
    original: model.tokenizer.decode(original, { skipSpecial: true }),
    edited: model.tokenizer.decode(edited, { skipSpecial: true }),
    repetition: { original: repetition(original), edited: repetition(edited) },
    spotChecks: brief ? [] : await spotCheck(model, requests[i], options.unseen, after, watch),
    shortfall: took ? [] : explain(optimizedNll, written[i], sites, hparams),
  };
}

/** Greedy tokens after a prompt, as many as the context has room for. */
async function continuation(
  model: Model,
  prompt: readonly number[],
  patches: PlacedPatches,
  watch: Watch,
): Promise<number[]> {
  const ids: number[] = [];
  const { eosId } = model.tokenizer;
  const stopIds = eosId === null ? [] : [eosId];
  for await (const { id } of generate(model, prompt, { maxTokens: CONTINUATION, patches, stopIds, watch }))
    ids.push(id);
  return ids;
}

/** From the numbers to the cause: the optimization, the solve, or what lies between them. */
function explain(optimized: number, written: number, sites: readonly SiteProof[], { stop }: Hparams): Shortfall[] {
  const causes: Shortfall[] = [];
  if (optimized > Math.max(0.2, 4 * stop)) causes.push('optimization');
  if (sites.some(({ share }) => share < 0.8)) causes.push('share');
  if (written > optimized + 0.2) causes.push('cross-talk');
  return causes.length > 0 ? causes : ['optimization'];
}

function toTargetScore({ logp, rank }: Score): TargetScore {
  return { probability: Math.exp(mean(logp)), logp, rank };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
