import { EditorError } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { i32 } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { forwardRows } from './forward.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';

/** A text and what should follow it, as ids. */
export interface Continuation {
  readonly prompt: readonly number[];
  readonly target: readonly number[];
}

/** How likely each token of a target is, given the prompt and the target's tokens before it. Natural logarithms. */
export interface Score {
  readonly logp: readonly number[];
  /** How many ids are likelier; 0 is the best. */
  readonly rank: readonly number[];
  /** The likeliest id at each place. */
  readonly best: readonly number[];
}

/** One id and its probability. */
export interface Candidate {
  readonly id: number;
  readonly probability: number;
}

/**
 * Teacher-forced scores: row = prompt + target without its last token, read where each target token is predicted.
 *
 * @param continuations any number; they are run in batches of about `BATCH_TOKENS` tokens, shortest first
 * @returns             in the order given
 */
export async function scoreContinuations(
  model: Model,
  continuations: readonly Continuation[],
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<Score[]> {
  const scores: Score[] = [];
  const rows = continuations.map(({ prompt, target }) => [...prompt, ...target.slice(0, -1)]);
  for (const chunk of chunkRows(rows)) {
    throwIfAborted(watch, 'score continuations');
    const at = chunk.flatMap((index, row) => {
      const { prompt, target } = continuations[index];
      return target.map((_, i): [number, number] => [row, prompt.length - 1 + i]);
    });
    const logits = await logitsOf(
      model,
      chunk.map((index) => rows[index]),
      at,
      patches,
      watch,
    );
    let line = 0;
    for (const index of chunk) {
      const lines = continuations[index].target.map((id) => ({ id, q: logSoftmax(logits[line++]) }));
      scores[index] = {
        logp: lines.map(({ id, q }) => q[id]),
        rank: lines.map(({ id, q }) => rankAt(q, id)),
        best: lines.map(({ q }) => indexOfMax(q)),
      };
    }
  }
  return scores;
}

/**
 * log q(label) at some rows of what leaves the last block. Only these numbers leave the device.
 *
 * @param x    [N, d_model]
 * @param rows indices into N, each with the id whose probability is asked
 * @throws EditorError `not-finite`
 */
export async function labelScores(
  model: Model,
  x: DeviceTensor,
  rows: readonly number[],
  labels: readonly number[],
): Promise<Float64Array> {
  const { d_vocab } = model.description;
  const logp = new Float64Array(rows.length);
  const most = Math.max(1, Math.floor(LOGITS_AT_ONCE / d_vocab));
  for (let start = 0; start < rows.length; start += most) {
    const some = rows.slice(start, start + most);
    const at = some.map((_, i) => i * d_vocab + labels[start + i]);
    const feeds = { x, rows: i32(some, [some.length]), labels_at: i32(at, [at.length]) };
    const found = await model.ends.run('score', feeds, ['logp']);
    logp.set((await found.logp.read()).data as Float32Array, start);
    found.logp.dispose();
  }
  const bad = logp.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw notFinite('predict the next token', `a log probability is ${bad}`);
  return logp;
}

/**
 * Log probabilities [d_vocab] of the token after each prompt.
 *
 * @returns in the order given
 */
export async function nextDistributions(
  model: Model,
  prompts: readonly (readonly number[])[],
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<Float64Array[]> {
  const found: Float64Array[] = [];
  for (const chunk of chunkRows(prompts)) {
    throwIfAborted(watch, 'predict the next token');
    const rows = chunk.map((index) => prompts[index]);
    const logits = await logitsOf(
      model,
      rows,
      rows.map((ids, row): [number, number] => [row, ids.length - 1]),
      patches,
      watch,
    );
    chunk.forEach((index, i) => (found[index] = logSoftmax(logits[i])));
  }
  return found;
}

/** The k likeliest ids of a distribution of log probabilities, likeliest first; ties go to the lower id. */
export function topCandidates(logq: Float64Array, k: number): Candidate[] {
  return indicesOfLargest(logq, k).map((id) => ({ id, probability: Math.exp(logq[id]) }));
}

/** Indices of the k largest values, largest first; ties go to the lower index. One pass when k is small, else a sort. */
export function indicesOfLargest(values: ArrayLike<number>, k: number): number[] {
  if (8 * k >= values.length) {
    const order = Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
    return order.slice(0, Math.max(0, k));
  }
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    let at = best.length;
    while (at > 0 && values[i] > values[best[at - 1]]) at--;
    if (at >= k) continue;
    best.splice(at, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}

/**
 * z − ln Σ eᶻ in double precision.
 *
 * @throws EditorError `not-finite` when a logit is NaN or infinite: an edit at too high a dose, or a failing device
 */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i] > max) max = logits[i];
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i] - max);
  // Not as max + ln Σ, which would round off the sum's digits.
  const logSum = Math.log(sum);
  if (!Number.isFinite(max + logSum)) {
    throw notFinite('predict the next token', `the logits sum to ${sum} over a largest of ${max}`);
  }
  return Float64Array.from(logits, (value) => value - max - logSum);
}

/** The error of numbers that are none: an edit at too high a dose, or a failing device. */
export function notFinite(what: string, found: string): EditorError {
  const advice = 'lower the dose of the edits or switch them off, or run on the CPU';
  return new EditorError('not-finite', what, found, advice);
}

/** KL(p ‖ q) of two distributions of log probabilities, in nats. */
export function divergence(logp: Float64Array, logq: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < logp.length; i++) sum += Math.exp(logp[i]) * (logp[i] - logq[i]);
  return sum;
}

/** How many values are larger than the one at `index`. */
export function rankAt(values: Float64Array, index: number): number {
  let larger = 0;
  for (const value of values) if (value > values[index]) larger += 1;
  return larger;
}

/** Index of the largest value, the first of equal ones. */
export function indexOfMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Largest rectangle of tokens run at once: enough to keep the matrix products busy, small enough to answer an abort. */
export const BATCH_TOKENS = 768;

/** Indices of rows in batches of at most `BATCH_TOKENS` padded tokens, shortest rows first, so that little is padding. */
export function chunkRows(rows: readonly (readonly number[])[]): number[][] {
  const order = Array.from(rows.keys()).sort((a, b) => rows[a].length - rows[b].length);
  const chunks: number[][] = [];
  for (const index of order) {
    const last = chunks.at(-1);
    if (last && (last.length + 1) * rows[index].length <= BATCH_TOKENS) last.push(index);
    else chunks.push([index]);
  }
  return chunks;
}

// ---

/** Logits that are computed in one run at most: 64 MB of float32. */
const LOGITS_AT_ONCE = 2 ** 24;

async function logitsOf(
  model: Model,
  rows: readonly (readonly number[])[],
  at: readonly (readonly [number, number])[],
  patches: PlacedPatches | undefined,
  watch: Watch | undefined,
): Promise<ArrayLike<number>[]> {
  const { logits } = await forwardRows(model, rows, { logits: at, patches, watch });
  const { d_vocab } = model.description;
  return at.map((_, i) => (logits ? logits.data.subarray(i * d_vocab, (i + 1) * d_vocab) : []));
}
