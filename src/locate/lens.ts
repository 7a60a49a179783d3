import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { hostTensor } from '../device/memory.ts';
import { forwardRows, logitsAt } from '../model/forward.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { logSoftmax, rankAt, topCandidates } from '../model/score.ts';

/** What the lens looks at: the residual stream behind a layer, and what its modules add. */
export const LENS_HOOKS = { residual: 'hook_resid_post', mlp: 'hook_mlp_out', attn: 'hook_attn_out' } as const;

/** One of them. */
export type LensPlace = keyof typeof LENS_HOOKS;

/** What each cell would say, [prompt tokens, layers] row by row. */
export interface LensCells {
  /** Of the target's first token, and how many ids are likelier. */
  readonly probability: Float64Array;
  readonly rank: Int32Array;
  /** The k likeliest ids of each cell, likeliest first, and their probabilities: [tokens, layers, k]. */
  readonly topIds: Int32Array;
  readonly topProbability: Float64Array;
}

/** Plain data. */
export interface Lens {
  readonly tokens: number;
  readonly layers: number;
  readonly k: number;
  readonly places: Readonly<Record<LensPlace, LensCells>>;
}

/**
 * Logit lens: hidden states of every token and layer as if they were the last, through the final norm and the head. What
 * modules add isn't on the scale of the residual stream; the norm hides that.   [methods.md 8.2]
 *
 * @param ids    a prompt's
 * @param target the id whose probability is followed
 * @throws EditorError `not-finite`, `aborted`
 */
export async function measureLens(
  model: Model,
  ids: readonly number[],
  target: number,
  k = 10,
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<Lens> {
  const { n_layers, d_vocab } = model.description;
  const count = Math.min(k, d_vocab);
  const everyToken = [...ids.keys()];
  const { hooks } = await forwardRows(model, [ids], { hooks: Object.values(LENS_HOOKS), patches, watch });
  const cells = () => emptyCells(ids.length * n_layers, count);
  const places: Record<LensPlace, LensCells> = { residual: cells(), mlp: cells(), attn: cells() };
  for (const [layer, states] of hooks.entries()) {
    throwIfAborted(watch, 'look through the lens');
    watch?.progress?.({ stage: 'lens', done: layer, total: n_layers, unit: 'layers' });
    for (const [place, hook] of Object.entries(LENS_HOOKS)) {
      const logits = await logitsAt(model, hostTensor(states[hook]), everyToken);
      for (const token of everyToken) {
        const logq = logSoftmax(logits.data.subarray(token * d_vocab, (token + 1) * d_vocab));
        fillCell(places[place as LensPlace], token * n_layers + layer, logq, target, count);
      }
    }
  }
  return { tokens: ids.length, layers: n_layers, k: count, places };
}

// ---

function emptyCells(size: number, k: number): LensCells {
  return {
    probability: new Float64Array(size),
    rank: new Int32Array(size),
    topIds: new Int32Array(size * k),
    topProbability: new Float64Array(size * k),
  };
}

/** Writes into `cells`. */
function fillCell(cells: LensCells, cell: number, logq: Float64Array, target: number, k: number): void {
  cells.probability[cell] = Math.exp(logq[target]);
  cells.rank[cell] = rankAt(logq, target);
  topCandidates(logq, k).forEach(({ id, probability }, i) => {
    cells.topIds[cell * k + i] = id;
    cells.topProbability[cell * k + i] = probability;
  });
}
