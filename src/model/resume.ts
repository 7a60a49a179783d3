import { invariant } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { i32, i64, type FloatTensor } from '../base/tensor.ts';
import { hostTensor, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { floats, resumed, rightPadded, type Batch } from './batch.ts';
import { embed, patchFeeds, placeBatch, runBlock, type Past } from './forward.ts';
import { SITE_KINDS, type SiteKind } from './hooks.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';

/** Everything that a forward pass over whole rows of equal length leaves behind: R rows of T tokens, L layers. */
export interface KeptStates {
  readonly rows: number;
  readonly width: number;
  /** What enters layer l [R·T, d_model]; entry L is what leaves the last one. */
  readonly streams: readonly DeviceTensor[];
  /** What the modules of each layer put out [R·T, d_model]. */
  readonly outputs: readonly Readonly<Record<SiteKind, DeviceTensor>>[];
  readonly pasts: readonly Past[];
  dispose(): void;
}

/** A row that goes on from a kept row's token `from`, up to before `to`, and sees that row's tokens before `from`. */
export interface Tail {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

/** Tails where the device reads them: B of them, A columns wide, padded on the right; of their M = B·A tokens, N ask. */
export interface PlacedTails {
  readonly tails: readonly Tail[];
  readonly width: number;
  /** Index in M of each token that asks. */
  readonly asked: Int32Array;
  readonly feeds: Readonly<Record<string, DeviceTensor>>;
  dispose(): void;
}

/** Rows of a tensor; an index beyond its last counts on in `given`, and beyond that in `more`. */
export interface Picked {
  readonly from: DeviceTensor;
  readonly given?: DeviceTensor | undefined;
  readonly more?: DeviceTensor | undefined;
  readonly rows: Int32Array;
}

/** What a block takes for its module's output: rows of what the module puts out [N, d_model], or, beyond its last, of `given`. */
export interface Exchange {
  readonly given: DeviceTensor;
  readonly rows: Int32Array;
}

/**
 * Runs rows of equal length through all layers and keeps what can be gone on from.
 *
 * @param added [R·T, d_model], on top of the embeddings
 */
export async function keepStates(
  model: Model,
  rows: readonly (readonly number[])[],
  added: FloatTensor,
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<KeptStates> {
  const { device, blocks } = model;
  const batch = rightPadded(model.description, device.float, rows);
  const { width } = batch;
  invariant(
    rows.every((row) => row.length === width),
    'keep states',
    'the rows differ in length',
  );
  return scope(async (s) => {
    const placed = s.add(placeBatch(device, batch));
    const embedded = (await s.add(await embed(model, batch)).read()) as FloatTensor;
    const sum = floats(
      device.float,
      added.data.map((value, i) => value + embedded.data[i]),
      embedded.shape,
    );
    const streams = [s.add(device.place(sum, 'embedded'))];
    const outputs: Record<SiteKind, DeviceTensor>[] = [];
    const pasts: Past[] = [];
    for (const layer of blocks.keys()) {
      throwIfAborted(watch, 'run the model');
      const out = await runBlock(model, layer, streams[layer], placed, { patches }, KEPT);
      for (const tensor of Object.values(out)) s.add(tensor);
      streams.push(out.hook_resid_post);
      outputs.push({ attn: out.hook_attn_out, mlp: out.hook_mlp_out });
      pasts.push({ k: out.present_k, v: out.present_v });
    }
    const all = [
      ...streams,
      ...outputs.flatMap(({ attn, mlp }) => [attn, mlp]),
      ...pasts.flatMap(({ k, v }) => [k, v]),
    ];
    for (const tensor of all) s.release(tensor);
    return { rows: rows.length, width, streams, outputs, pasts, dispose: () => all.forEach((each) => each.dispose()) };
  });
}

/**
 * Puts tails of kept rows on the device.
 *
 * @param asking tokens of each tail that ask, as many in each; all of them, pads included, when absent
 */
export function placeTails(
  { device, description }: Model,
  states: KeptStates,
  tails: readonly Tail[],
  asking?: (tail: Tail) => readonly number[],
): PlacedTails {
  const lengths = tails.map(({ from, to }) => to - from);
  const starts = tails.map(({ from }) => from);
  const batch = resumed(description, device.float, lengths, starts, states.width);
  const columns = (tail: Tail) => asking?.(tail).map((token) => token - tail.from) ?? range(batch.width);
  const asked = Int32Array.from(tails.flatMap((tail, b) => columns(tail).map((column) => b * batch.width + column)));
  const shape = i64([tails.length, asked.length / tails.length, -1, description.d_head]);
  const host: Record<string, Parameters<typeof device.place>[0]> = {
    asked: i32(asked, [asked.length]),
    kept_rows: i32(
      tails.map(({ row }) => row),
      [tails.length],
    ),
    mask: linesOf(batch.mask, asked, batch),
  };
  if (batch.rotary) {
    const { cos, sin } = batch.rotary;
    Object.assign(host, {
      all_cos: cos,
      all_sin: sin,
      cos: linesOf(cos, asked, batch),
      sin: linesOf(sin, asked, batch),
    });
  }
  const feeds: Record<string, DeviceTensor> = {
    head_shape: hostTensor(shape),
    all_shape: hostTensor(batch.headShape),
  };
  for (const [name, tensor] of Object.entries(host)) feeds[name] = device.place(tensor, name);
  const dispose = () => Object.values(feeds).forEach((each) => each.dispose());
  return { tails, width: batch.width, asked, feeds, dispose };
}

/**
 * Runs one block over tails.
 *
 * @param x what enters it, [M, d_model] after picking
 * @returns what leaves it at the tokens that ask [N, d_model]
 */
export async function resumeBlock(
  model: Model,
  layer: number,
  { pasts }: KeptStates,
  { asked, feeds }: PlacedTails,
  x: Picked,
  exchange: Partial<Readonly<Record<SiteKind, Exchange>>> = {},
  patches?: PlacedPatches,
): Promise<DeviceTensor> {
  const all: Record<string, DeviceTensor> = { ...feeds, ...patchFeeds(model, layer, patches) };
  all['kept_k'] = pasts[layer].k;
  all['kept_v'] = pasts[layer].v;
  all['from'] = x.from;
  all['from.given'] = x.given ?? model.empty.delta;
  all['from.more'] = x.more ?? model.empty.delta;
  all['from.rows'] = indices(x.rows);
  for (const kind of SITE_KINDS) {
    const { given, rows } = exchange[kind] ?? { given: model.empty.delta, rows: everyRow(asked.length) };
    all[`${kind}.given`] = given;
    all[`${kind}.rows`] = indices(rows);
  }
  const { hook_resid_post } = await model.blocks[layer].run('resumed', all, ['hook_resid_post']);
  return hook_resid_post;
}

/** 0 … n − 1: every row, in its place. */
export function everyRow(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

// ---

const KEPT = ['hook_attn_out', 'hook_mlp_out', 'hook_resid_post', 'present_k', 'present_v'] as const;

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function indices(rows: Int32Array): DeviceTensor {
  return hostTensor(i32(Int32Array.from(rows), [rows.length]));
}

/** The lines of a table [B, 1, A, n] that belong to the tokens that ask: [B, 1, T, n]. */
function linesOf(table: FloatTensor, asked: Int32Array, { rows }: Batch): FloatTensor {
  const size = table.shape[3];
  const data = new Float64Array(asked.length * size);
  asked.forEach((index, i) => data.set(table.data.subarray(index * size, (index + 1) * size), i * size));
  return floats(table.dtype, data, [rows, 1, asked.length / rows, size]);
}
