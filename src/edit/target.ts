import { norm } from '../base/linalg.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { makeTensor, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { floats } from '../model/batch.ts';
import { formatSite, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { prepareSuffix, type StepResult } from '../model/suffix.ts';
import { adamStep, clampNorm, makeAdam, type AdamState } from './adam.ts';
import type { Hparams } from './hparams.ts';
import { cleanPlaces, klWeights, lossPlan, makeLossRows, measureLoss, nllWeights, type LossParts } from './loss.ts';
import { slotCount, type EditRows } from './rows.ts';

/** What the optimization found. Tensors are float64 [slots, d_model], by site ("mlp.3"). */
export interface Targets {
  /** The site's output at the edited tokens of the clean row, before. */
  readonly initial: ReadonlyMap<string, Tensor<'float64'>>;
  /** What must be added to it. */
  readonly delta: ReadonlyMap<string, Tensor<'float64'>>;
  /** Per request, one entry per evaluation of the loss; the last belongs to `delta`. */
  readonly losses: readonly (readonly LossParts[])[];
}

/** What `optimizeTargets` takes. */
export interface OptimizeOptions {
  readonly rows: EditRows;
  /** Where deltas are added. */
  readonly sites: readonly Site[];
  readonly hparams: Hparams;
  /** One per request. */
  readonly learningRates: readonly number[];
  /** Earlier edits. */
  readonly patches?: PlacedPatches | undefined;
  /** Compute everything anew in each step: for tests and the benchmark. */
  readonly naive?: boolean;
}

/**
 * Optimizes the vectors that the edited modules should put out in addition: one per site and slot, jointly, with Adam.
 *
 * loss = nllFactor · mean NLL of the target over the rows + klFactor · KL(edited ‖ original) on the KL row
 *      + weightDecay · Σ ‖δ‖ / ‖v₀‖²   [methods.md 3.1–3.3, 10.2; dem-readings.md 8]
 *
 * At most `steps` evaluations and `steps − 1` updates; each δ stays within clampFactor · ‖v₀‖. Requests are independent: a
 * finished one leaves the batch.
 *
 * @throws EditorError `not-finite` when a loss is no number, `aborted`
 */
export async function optimizeTargets(model: Model, options: OptimizeOptions, watch: Watch = {}): Promise<Targets> {
  const { rows, sites, hparams, learningRates } = options;
  const { float } = model.device;
  const jobs = rows.targets.map((_, request) => makeJob(model, rows, request, sites, hparams, learningRates[request]));
  let running = jobs;
  let view = makeLossRows(rows, [...rows.targets.keys()]);
  let suffix = await prepareSuffix(model, lossPlan(view, options), watch);
  try {
    const { values, logQ } = await suffix.observe(new Map(), cleanPlaces(view));
    suffix.setReference(logQ);
    for (const job of jobs) measureLengths(job, values, rows);

    for (let step = 1; step <= hparams.steps; step++) {
      throwIfAborted(watch, 'optimize the target');
      const wNll = nllWeights(
        view,
        running.map((job) => job.factor),
      );
      const found = await suffix.step(join(running, float), wNll, klWeights(view, hparams.klFactor));
      const still = running.filter((job, local) => {
        const { parts, allBest } = measureLoss(view, local, found, job.factor, hparams.klFactor, decayOf(job, hparams));
        job.losses.push(parts);
        return !isFinished(job, parts, allBest, hparams);
      });
      report(watch, step, hparams.steps, jobs);
      if (step === hparams.steps || still.length === 0) break;
      for (const job of still) descend(job, step, found, view.rows.firstSlot[running.indexOf(job)], hparams);
      if (still.length < running.length) {
        const left = view.owners.flatMap((local, row) => (still.includes(running[local]) ? [row] : []));
        const lines = view.readings.flatMap((reading, i) => (still.includes(running[reading.request]) ? [i] : []));
        running = still;
        view = makeLossRows(
          rows,
          running.map((job) => job.request),
        );
        suffix = await suffix.narrow(left, lines, lossPlan(view, options));
      }
    }
    return {
      initial: asFloat64(values),
      delta: asFloat64(join(jobs, 'float64')),
      losses: jobs.map((job) => job.losses),
    };
  } finally {
    suffix.dispose();
  }
}

// --- One request's part

interface Job {
  readonly request: number;
  readonly width: number;
  readonly learningRate: number;
  /** By site: the deltas of this request's slots. */
  readonly deltas: ReadonlyMap<string, AdamState>;
  /** By site: ‖v₀‖ of each slot. */
  readonly lengths: Map<string, number[]>;
  readonly losses: LossParts[];
  /** Weight of the NLL now: `adaptive` changes it. */
  factor: number;
}

function makeJob(
  { description: { d_model } }: Model,
  rows: EditRows,
  request: number,
  sites: readonly Site[],
  { nllFactor }: Hparams,
  learningRate: number,
): Job {
  const size = slotCount(rows, request) * d_model;
  const deltas = new Map(sites.map((site) => [formatSite(site), makeAdam(size)]));
  return { request, width: d_model, learningRate, deltas, lengths: new Map(), losses: [], factor: nllFactor };
}

function measureLengths(
  { request, width, lengths }: Job,
  values: ReadonlyMap<string, FloatTensor>,
  rows: EditRows,
): void {
  for (const [key, { data }] of values) {
    const slots = Array.from({ length: slotCount(rows, request) }, (_, i) => rows.firstSlot[request] + i);
    lengths.set(
      key,
      slots.map((slot) => norm(data.subarray(slot * width, (slot + 1) * width))),
    );
  }
}

function isFinished(job: Job, parts: LossParts, allBest: boolean, hparams: Hparams): boolean {
  if ((hparams.stopOn === 'nll' ? parts.nll : parts.loss) < hparams.stop) return true;
  if (!hparams.adaptive) return false;
  job.factor = (allBest ? 0.1 : 1) * hparams.nllFactor;
  return allBest && parts.kl <= 0.01;
}

/** Σ over sites and slots of ‖δ‖ / ‖v₀‖²: the numerator isn't squared, as published. */
function decayOf({ deltas, lengths, width }: Job, { weightDecay }: Hparams): number {
  let sum = 0;
  for (const [key, { values }] of deltas) {
    lengths.get(key)?.forEach((length, slot) => {
      sum += norm(values.subarray(slot * width, (slot + 1) * width)) / length ** 2;
    });
  }
  return weightDecay * sum;
}

/** One Adam step of every delta, then each back into its ball. */
function descend(job: Job, step: number, { gradients }: StepResult, firstSlot: number, hparams: Hparams): void {
  const { deltas, lengths, width, learningRate } = job;
  for (const [key, state] of deltas) {
    const slots = lengths.get(key) ?? [];
    const from = firstSlot * width;
    const slope = Float64Array.from(gradients.get(key)?.data.subarray(from, from + slots.length * width) ?? []);
    const parts = slots.map((length, slot) => ({ length, range: [slot * width, (slot + 1) * width] as const }));
    for (const { length, range } of parts) {
      addDecaySlope(slope.subarray(...range), state.values.subarray(...range), hparams.weightDecay / length ** 2);
    }
    adamStep(state, slope, learningRate, step);
    for (const { length, range } of parts) clampNorm(state.values.subarray(...range), hparams.clampFactor * length);
  }
}

/** d (factor ‖δ‖) / dδ = factor δ / ‖δ‖, 0 at 0; added in place. */
function addDecaySlope(slope: Float64Array, delta: Float64Array, factor: number): void {
  const length = norm(delta);
  if (factor === 0 || length === 0) return;
  for (let i = 0; i < slope.length; i++) slope[i] += (factor * delta[i]) / length;
}

// --- All requests

/** Deltas of several requests one after another: by site [slots, d_model]. */
function join<D extends FloatTensor['dtype']>(jobs: readonly Job[], float: D): Map<string, FloatTensor> {
  const keys = [...jobs[0].deltas.keys()];
  return new Map(
    keys.map((key) => {
      const parts = jobs.map((job) => job.deltas.get(key)?.values ?? new Float64Array());
      const all = parts.flatMap((part) => Array.from(part));
      return [key, floats(float, all, [all.length / jobs[0].width, jobs[0].width])];
    }),
  );
}

function asFloat64(tensors: ReadonlyMap<string, FloatTensor>): Map<string, Tensor<'float64'>> {
  return new Map(
    [...tensors].map(([key, { data, shape }]) => [key, makeTensor('float64', Float64Array.from(data), shape)]),
  );
}

function report(watch: Watch, done: number, total: number, jobs: readonly Job[]): void {
  const mean = (part: keyof LossParts) =>
    jobs.reduce((sum, { losses }) => sum + (losses.at(-1)?.[part] ?? 0), 0) / jobs.length;
  const detail = { loss: mean('loss'), nll: mean('nll'), kl: mean('kl') };
  watch.progress?.({ stage: 'optimize', done, total, unit: 'steps', detail });
}
