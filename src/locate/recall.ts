import { norm } from '../base/linalg.ts';
import type { Watch } from '../base/tasks.ts';
import { i32, type FloatTensor } from '../base/tensor.ts';
import { readMany, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { PAIRS } from '../edit/cosines.ts';
import { floats } from '../model/batch.ts';
import { forwardRows } from '../model/forward.ts';
import type { BlockHook } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { chunkRows, indicesOfLargest, notFinite } from '../model/score.ts';

/** What of a layer is compared with itself: each module's input with its output, the residual stream before with after it, or the whole block's. */
export const RECALL_PARTS = ['mlp', 'attn', 'mlp.residual', 'attn.residual', 'block'] as const;

/** One of them. */
export type RecallPart = (typeof RECALL_PARTS)[number];

/** How a hidden state is turned into words: `lens`, the final norm and the head; `embedding`, the embedding table alone. */
export const PROJECTIONS = ['lens', 'embedding'] as const;

/** One of them. */
export type Projection = (typeof PROJECTIONS)[number];

/** One part at each layer. Low similarity: it changes much, so it contributes; unless what it puts out is next to nothing. */
export interface RecallPartScores {
  /** Between what goes in and what comes out. */
  readonly cosine: Float64Array;
  /** Szymkiewicz–Simpson coefficient of the k likeliest ids of both: |A ∩ B| / min(|A|, |B|) = |A ∩ B| / k. */
  readonly overlap: Readonly<Record<Projection, Float64Array>>;
  /** ‖in‖ and ‖out‖: a low similarity of a near-zero output means nothing. */
  readonly normIn: Float64Array;
  readonly normOut: Float64Array;
}

/** What each layer recalls at a prompt's last token. Plain data. */
export type Recall = Readonly<Record<RecallPart, RecallPartScores>>;

/** How many ids of a distribution count as its words. */
export const TOP_K = 50;

/**
 * How much each layer changes what it reads, at each prompt's last token: as directions (cosine) and as words (overlap).
 * [methods.md 8.2; PMET's recall notebook, KLFT]
 *
 * @param prompts ids
 * @param k       size of the sets of ids
 * @returns       in the order given
 */
export async function measureRecall(
  model: Model,
  prompts: readonly (readonly number[])[],
  k = TOP_K,
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<Recall[]> {
  const found: Recall[] = [];
  for (const chunk of chunkRows(prompts)) {
    const rows = chunk.map((index) => prompts[index]);
    const at = rows.map((ids, row) => [row, ids.length - 1] as const);
    const { hooks } = await forwardRows(model, rows, { hooks: HOOKS, at, patches, watch });
    for (const [row, index] of chunk.entries()) {
      const states = hooks.map((layer) => HOOKS.map((hook) => lineOf(layer[hook], row)));
      found[index] = await compareStates(model, states, Math.min(k, model.description.d_vocab));
    }
  }
  return found;
}

/** |A ∩ B| / min(|A|, |B|) of two sets of ids. */
export function simpsonOverlap(a: readonly number[], b: readonly number[]): number {
  const other = new Set(b);
  return a.filter((id) => other.has(id)).length / Math.min(a.length, b.length);
}

// ---

const COMPARED: Readonly<Record<RecallPart, readonly [BlockHook, BlockHook]>> = {
  mlp: PAIRS.module.mlp,
  attn: PAIRS.module.attn,
  'mlp.residual': PAIRS.residual.mlp,
  'attn.residual': PAIRS.residual.attn,
  block: PAIRS.block.mlp,
};

const HOOKS = [...new Set(Object.values(COMPARED).flat())];

type Numbers = Float32Array | Float64Array;

function lineOf({ data, shape }: FloatTensor, row: number): Numbers {
  return data.subarray(row * shape[1], (row + 1) * shape[1]);
}

/** @param states by layer and, in their order, hook */
async function compareStates(model: Model, states: readonly (readonly Numbers[])[], k: number): Promise<Recall> {
  const { device, kernels, description } = model;
  const place = (lines: readonly Numbers[]) => {
    const data = floats(
      device.float,
      lines.flatMap((line) => [...line]),
      [lines.length, description.d_model],
    );
    return device.place(data, 'states to compare');
  };
  return scope(async (s) => {
    const [ins, outs] = [0, 1].map((side) =>
      states.flatMap((layer) => RECALL_PARTS.map((part) => layer[HOOKS.indexOf(COMPARED[part][side])])),
    );
    const cosines = (await s.add(await kernels.cosine(s.add(place(ins)), s.add(place(outs)))).read()) as FloatTensor;
    const bad = cosines.data.findIndex((value: number) => !Number.isFinite(value));
    if (bad >= 0) throw notFinite('compare hidden states', `cosine ${bad} is ${cosines.data[bad]}`);
    const words = await projectAll(model, s.add(place(states.flat())), k);
    const wordsOf = (projection: Projection, layer: number, hook: BlockHook) =>
      words[projection][layer * HOOKS.length + HOOKS.indexOf(hook)];
    const byLayer = (value: (layer: number) => number) => Float64Array.from(states, (_, layer) => value(layer));
    const scores = RECALL_PARTS.map((part, i): [RecallPart, RecallPartScores] => {
      const [before, after] = COMPARED[part];
      const overlap = (projection: Projection) =>
        byLayer((layer) => simpsonOverlap(wordsOf(projection, layer, before), wordsOf(projection, layer, after)));
      const line = (layer: number) => layer * RECALL_PARTS.length + i;
      return [
        part,
        {
          cosine: byLayer((layer) => cosines.data[line(layer)]),
          overlap: { lens: overlap('lens'), embedding: overlap('embedding') },
          normIn: byLayer((layer) => norm(ins[line(layer)])),
          normOut: byLayer((layer) => norm(outs[line(layer)])),
        },
      ];
    });
    return Object.fromEntries(scores) as Record<RecallPart, RecallPartScores>;
  });
}

/** The k likeliest ids of every row of x [n, d_model], under each projection. */
async function projectAll(model: Model, x: DeviceTensor, k: number): Promise<Record<Projection, number[][]>> {
  const [count] = x.shape;
  const feeds = {
    x,
    rows: i32(
      Int32Array.from({ length: count }, (_, i) => i),
      [count],
    ),
  };
  return scope(async (s) => {
    const { logits } = await model.ends.run('logits', feeds, ['logits']);
    const { projected } = await model.ends.run('project', feeds, ['projected']);
    const [lens, embedding] = await readMany([s.add(logits), s.add(projected)]);
    const top = (table: FloatTensor) =>
      Array.from({ length: count }, (_, row) => indicesOfLargest(lineOf(table, row), k));
    return { lens: top(lens as FloatTensor), embedding: top(embedding as FloatTensor) };
  });
}
