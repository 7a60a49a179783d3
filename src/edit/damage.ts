import type { Watch } from '../base/tasks.ts';
import { throwIfAborted } from '../base/tasks.ts';
import { forwardRows, type TokenAt } from '../model/forward.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { chunkRows, divergence, logSoftmax } from '../model/score.ts';

/** How far an edit moved the model on text that has nothing to do with it. */
export interface Drift {
  /** Mean KL(before ‖ after) of the next-token distribution, in nats a token. */
  readonly kl: number;
  /** exp of the mean rise of −log q of the text's own tokens: 1 is none. */
  readonly perplexityRatio: number;
  readonly texts: number;
  readonly tokens: number;
}

/** Measures drift over every token of some texts.   [methods.md 9.5; dem-readings.md head] */
export async function drift(
  model: Model,
  texts: readonly string[],
  before: PlacedPatches,
  after: PlacedPatches,
  watch?: Watch,
): Promise<Drift> {
  const { n_ctx } = model.description;
  const rows = texts
    .map((text) => model.tokenizer.encode(text, { specialTokens: true }).ids.slice(0, n_ctx))
    .filter((ids) => ids.length > 1);
  return driftOfRows(model, rows, before, after, watch);
}

/** As `drift`, of texts that are ids already. */
export async function driftOfRows(
  model: Model,
  rows: readonly (readonly number[])[],
  before: PlacedPatches,
  after: PlacedPatches,
  watch?: Watch,
): Promise<Drift> {
  let [kl, rise, tokens, predicted] = [0, 0, 0, 0];
  for (const chunk of chunkRows(rows)) {
    throwIfAborted(watch, 'measure drift');
    const ids = chunk.map((index) => rows[index]);
    const at = ids.flatMap((row, b) => row.map((_, t): TokenAt => [b, t]));
    const [p, q] = [await distributions(model, ids, at, before), await distributions(model, ids, at, after)];
    at.forEach(([row, column], i) => {
      const [logp, logq] = [logSoftmax(p(i)), logSoftmax(q(i))];
      kl += divergence(logp, logq);
      tokens += 1;
      const next = ids[row][column + 1];
      if (next === undefined) return;
      rise += logp[next] - logq[next];
      predicted += 1;
    });
  }
  return { kl: kl / tokens, perplexityRatio: Math.exp(rise / Math.max(1, predicted)), texts: rows.length, tokens };
}

/** Share of 4-grams that occurred before: near 1 is a loop.   [dem-readings.md 2] */
export function repetition(ids: readonly number[]): number {
  const grams = ids.slice(0, Math.max(0, ids.length - 3)).map((_, i) => ids.slice(i, i + 4).join(' '));
  return grams.length === 0 ? 0 : 1 - new Set(grams).size / grams.length;
}

/** Above this share of repeated 4-grams, a continuation counts as looping. */
export const LOOPING = 0.5;

// ---

async function distributions(
  model: Model,
  ids: readonly (readonly number[])[],
  at: readonly TokenAt[],
  patches: PlacedPatches,
): Promise<(i: number) => ArrayLike<number>> {
  const { logits } = await forwardRows(model, ids, { patches, logits: at });
  const { d_vocab } = model.description;
  return (i) => logits?.data.subarray(i * d_vocab, (i + 1) * d_vocab) ?? [];
}
