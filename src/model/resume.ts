import { invariant } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { i32, type FloatTensor, type Tensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { causalMask, floats, rightPadded, rotaryTables } from './batch.ts';
import { embed, patchFeeds, placeBatch, runBlock } from './forward.ts';
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
  /** Queries [R, H, T, d_head], keys and values [R, K, T, d_head] of each layer, turned where the model turns them. */
  readonly heads: readonly Readonly<Record<'q' | 'k' | 'v', DeviceTensor>>[];
  dispose(): void;
}

/** B rows that go on from kept ones through a layer, as wide as these. */
export interface Resumed {
  /**
   * With what each token [B·T] enters: a row of the kept states, or, beyond their last, of `given`, and beyond that of
   * `more`. Queries, keys and values of kept tokens are kept too; only for the others are they computed, once for each.
   */
  readonly tokens: Int32Array;
  readonly given?: DeviceTensor | undefined;
  readonly more?: DeviceTensor | undefined;
  /** Columns of the tokens that ask, the same in each row: A = B · as many. */
  readonly asking: readonly number[];
  /** The tokens that leave. */
  readonly left: readonly Left[];
  /** Outputs that modules' own are exchanged for. */
  readonly outputs?: { readonly kind: SiteKind; readonly rows: DeviceTensor } | undefined;
}

/** A token that leaves: which of the A that ask it is, and the row of `outputs` that takes the place of its module's own, if any. */
export interface Left {
  readonly asked: number;
  readonly exchange: number | null;
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
    const heads: Record<'q' | 'k' | 'v', DeviceTensor>[] = [];
    for (const layer of blocks.keys()) {
      throwIfAborted(watch, 'run the model');
      const out = await runBlock(model, layer, streams[layer], placed, { patches }, KEPT);
      for (const tensor of Object.values(out)) s.add(tensor);
      streams.push(out.hook_resid_post);
      outputs.push({ attn: out.hook_attn_out, mlp: out.hook_mlp_out });
      heads.push({ q: out.present_q, k: out.present_k, v: out.present_v });
    }
    const all = [...streams, ...[...outputs, ...heads].flatMap((each) => Object.values<DeviceTensor>(each))];
    for (const tensor of all) s.release(tensor);
    return { rows: rows.length, width, streams, outputs, heads, dispose: () => all.forEach((each) => each.dispose()) };
  });
}

/**
 * Runs one block over rows that go on from kept ones.
 *
 * @returns what leaves it [N, d_model]
 */
export async function resumeBlock(
  model: Model,
  layer: number,
  states: KeptStates,
  { tokens, given, more, asking, left, outputs }: Resumed,
  patches?: PlacedPatches,
): Promise<DeviceTensor> {
  const { description, device, empty } = model;
  const { width } = states;
  const rows = tokens.length / width;
  const asked = Int32Array.from({ length: rows * asking.length }, (_, i) => {
    return tokens[Math.floor(i / asking.length) * width + asking[i % asking.length]];
  });
  const exchanged = (kind: SiteKind) => left.map(({ exchange }) => (outputs?.kind === kind ? exchange : null));
  const own = exchanged('mlp').flatMap((row, i) => (row === null ? [i] : []));
  let next = 0;
  const fresh = freshTokens(tokens, states);
  const places = (of: Int32Array, heads: number) => headPlaces(of, rows, heads, states, fresh);
  const positions = [...fresh.values()].map(({ column }) => column);
  const rotary = rotaryTables(description, device.float, positions, positions.length, 1);
  const { q, k, v } = states.heads[layer];
  const feeds: Record<string, Tensor | DeviceTensor> = {
    ...patchFeeds(model, layer, patches),
    from: states.streams[layer],
    'from.given': given ?? empty.delta,
    'from.more': more ?? empty.delta,
    'new.rows': indices([...fresh.keys()]),
    'left.rows': indices(left.map((token) => asked[token.asked])),
    'attn.rows': indices(exchanged('attn').map((row, i) => (row === null ? left[i].asked : asked.length + row))),
    'mlp.own': indices(own),
    'mlp.rows': indices(exchanged('mlp').map((row) => (row === null ? next++ : own.length + row))),
    kept_q: q,
    kept_k: k,
    kept_v: v,
    queries: places(asked, description.n_heads),
    keys: places(tokens, description.n_kv_heads),
    causal: causalMask(device.float, asking, width) as Tensor,
  };
  if (rotary) Object.assign(feeds, { 'new.cos': rotary.cos, 'new.sin': rotary.sin });
  for (const kind of SITE_KINDS) feeds[`${kind}.given`] = outputs?.kind === kind ? outputs.rows : empty.delta;
  const { hook_resid_post } = await model.blocks[layer].run('resumed', feeds, ['hook_resid_post']);
  return hook_resid_post;
}

// ---

const KEPT = ['hook_attn_out', 'hook_mlp_out', 'hook_resid_post', 'present_q', 'present_k', 'present_v'] as const;

/** Those of the tokens that are none of the kept ones, each once: how many come before it, and in which column it stands. */
function freshTokens(tokens: Int32Array, { rows, width }: KeptStates): Map<number, { index: number; column: number }> {
  const fresh = new Map<number, { index: number; column: number }>();
  tokens.forEach((token, i) => {
    if (token >= rows * width && !fresh.has(token)) fresh.set(token, { index: fresh.size, column: i % width });
  });
  return fresh;
}

/** Where the heads of tokens [B, T] are: among the kept ones [R, heads, width], or behind these among the fresh ones [M, heads]. */
function headPlaces(
  tokens: Int32Array,
  rows: number,
  heads: number,
  { rows: keptRows, width }: KeptStates,
  fresh: ReadonlyMap<number, { readonly index: number }>,
): Tensor<'int32'> {
  const columns = tokens.length / rows;
  const places = new Int32Array(tokens.length * heads);
  tokens.forEach((token, i) => {
    const { index } = fresh.get(token) ?? {};
    const [first, step] =
      index === undefined
        ? [Math.floor(token / width) * heads * width + (token % width), width]
        : [(keptRows * width + index) * heads, 1];
    const to = Math.floor(i / columns) * heads * columns + (i % columns);
    for (let head = 0; head < heads; head++) places[to + head * columns] = first + head * step;
  });
  return i32(places, [rows, heads, columns]);
}

function indices(rows: readonly number[]): Tensor<'int32'> {
  return i32(Int32Array.from(rows), [rows.length]);
}
