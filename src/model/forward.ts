import { invariant } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { i32, zeros, type FloatTensor, type Tensor } from '../base/tensor.ts';
import type { Device } from '../device/device.ts';
import { hostTensor, readMany, type DeviceTensor } from '../device/memory.ts';
import { scope, type Scope } from '../device/scope.ts';
import { flatIndex, rightPadded, type Batch } from './batch.ts';
import { SITE_KINDS, type BlockHook } from './hooks.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';

/** A batch whose tensors are where the device reads them; made once, used by every layer. */
export interface PlacedBatch {
  readonly batch: Batch;
  readonly feeds: Readonly<Record<string, DeviceTensor>>;
  dispose(): void;
}

/** Keys and values [B, K, P, d_head] that a batch continues. */
export interface Past {
  readonly k: DeviceTensor;
  readonly v: DeviceTensor;
}

/** Vectors added to a block's module outputs: row j of `attn` and `mlp` where column j of `sel` [N, n] has a one. */
export interface Deltas {
  readonly sel: DeviceTensor;
  readonly attn: DeviceTensor;
  readonly mlp: DeviceTensor;
}

/** What a block may be run with, besides its input. */
export interface BlockOptions {
  readonly patches?: PlacedPatches | undefined;
  readonly past?: Past | undefined;
  readonly deltas?: Deltas | undefined;
}

/** What a block's forward graph yields. */
export type BlockOutput = Exclude<BlockHook, 'hook_resid_pre'> | 'present_q' | 'present_k' | 'present_v';

/** Puts a batch on the device. */
export function placeBatch(device: Device, batch: Batch): PlacedBatch {
  const feeds: Record<string, DeviceTensor> = {
    mask: device.place(batch.mask, 'mask'),
    head_shape: hostTensor(batch.headShape),
    past_length: hostTensor(batch.pastLength),
  };
  if (batch.rotary) {
    feeds['cos'] = device.place(batch.rotary.cos, 'cos');
    feeds['sin'] = device.place(batch.rotary.sin, 'sin');
  }
  return {
    batch,
    feeds,
    dispose: () => {
      for (const tensor of Object.values(feeds)) tensor.dispose();
    },
  };
}

/** Token and position embedding: x [N, d_model]. */
export async function embed(model: Model, batch: Batch): Promise<DeviceTensor> {
  const { hook_embed } = await model.ends.run('embed', { ids: batch.ids, positions: batch.positions }, ['hook_embed']);
  return hook_embed;
}

/** Runs one block forward and returns the outputs named in `fetch`; residuals of its gradients may be among them. */
export function runBlock<F extends string>(
  model: Model,
  layer: number,
  x: DeviceTensor,
  placed: PlacedBatch,
  options: BlockOptions,
  fetch: readonly F[],
): Promise<Record<F, DeviceTensor>> {
  return model.blocks[layer].run('forward', { x, ...blockFeeds(model, layer, placed, options) }, fetch);
}

/** Everything a block reads besides activations and gradients. */
export function blockFeeds(
  model: Model,
  layer: number,
  { batch, feeds }: PlacedBatch,
  { patches, past, deltas }: BlockOptions,
): Record<string, DeviceTensor> {
  const all: Record<string, DeviceTensor> = { ...feeds, ...patchFeeds(model, layer, patches) };
  const { n_kv_heads, d_head } = model.description;
  invariant(past || batch.past === 0, 'run a block', `the batch continues ${batch.past} tokens that it isn't given`);
  const nothing = () => hostTensor(zeros(model.device.float, [batch.rows, n_kv_heads, 0, d_head]) as Tensor);
  all['past_k'] = past?.k ?? nothing();
  all['past_v'] = past?.v ?? nothing();
  const tokens = batch.rows * batch.width;
  all['sel'] = deltas?.sel ?? hostTensor(zeros(model.device.float, [tokens, 0]) as Tensor);
  all['delta.attn'] = deltas?.attn ?? model.empty.delta;
  all['delta.mlp'] = deltas?.mlp ?? model.empty.delta;
  return all;
}

/** The patches of a layer; of rank 0 where there is none. */
export function patchFeeds(
  model: Model,
  layer: number,
  patches: PlacedPatches | undefined,
): Record<string, DeviceTensor> {
  const feeds: Record<string, DeviceTensor> = {};
  for (const kind of SITE_KINDS) {
    const patch = patches?.get(`${kind}.${layer}`);
    feeds[`${kind}.left`] = patch?.left ?? model.empty[`${kind}.left`];
    feeds[`${kind}.right`] = patch?.right ?? model.empty[`${kind}.right`];
  }
  return feeds;
}

/** What `walk` runs. */
export interface Walk {
  /** First and last + 1 of the layers. */
  readonly from?: number;
  readonly to: number;
  /** Patches, past and deltas of a layer. */
  readonly options?: (layer: number) => BlockOptions;
  /** Outputs that `visit` wants of a layer; `hook_resid_post` is always there. */
  readonly fetch?: (layer: number) => readonly BlockOutput[];
  /** Sees each layer's input and outputs. They are freed when it returns, except those it takes out of the scope. */
  readonly visit?: (layer: number, outputs: LayerOutputs, s: Scope) => Promise<void>;
  readonly watch?: Watch | undefined;
}

/** A block's input, as `hook_resid_pre`, and the outputs that were fetched. */
export type LayerOutputs = Readonly<Record<BlockOutput | 'hook_resid_pre', DeviceTensor>>;

/**
 * Carries x through blocks from the bottom up.
 *
 * @param x what enters the first of them; it stays the caller's
 * @returns what leaves the last one, the caller's too: x itself when there is no layer to pass
 */
export async function walk(model: Model, placed: PlacedBatch, x: DeviceTensor, plan: Walk): Promise<DeviceTensor> {
  const { from = 0, to, options, fetch, visit, watch } = plan;
  let h = x;
  for (let layer = from; layer < to; layer++) {
    h = await scope(async (s) => {
      if (h !== x) s.add(h);
      throwIfAborted(watch, 'run the model');
      const wanted = new Set<BlockOutput>([...(fetch?.(layer) ?? []), 'hook_resid_post']);
      const out = await runBlock(model, layer, h, placed, options?.(layer) ?? {}, [...wanted]);
      for (const tensor of Object.values(out)) s.add(tensor);
      await visit?.(layer, { ...out, hook_resid_pre: h }, s);
      return s.release(out.hook_resid_post);
    });
  }
  return h;
}

/**
 * Logits [R, V] at some rows of x [N, d_model], on the host.
 *
 * @param rows indices into N
 */
export function logitsAt(model: Model, x: DeviceTensor, rows: readonly number[]): Promise<FloatTensor> {
  return endAt(model, 'logits', x, rows);
}

/** A token of a batch. */
export type TokenAt = readonly [row: number, column: number];

/** What `forwardRows` is asked for. */
export interface ForwardOptions<H extends BlockHook> {
  readonly patches?: PlacedPatches | undefined;
  /** Hooks to keep, at these layers or at all. */
  readonly hooks?: readonly H[];
  readonly layers?: readonly number[];
  /** Which tokens' hooks to keep; all tokens, pads included, when absent. */
  readonly at?: readonly TokenAt[];
  /** Which tokens' logits to compute; none when absent. */
  readonly logits?: readonly TokenAt[];
  /** Also keep the final norm's output at those tokens. */
  readonly normalized?: boolean;
  readonly watch?: Watch | undefined;
}

/** Captured rows by layer and hook, each [n, width] in the order of `at`; and what was asked of the model's end. */
export interface Captured<H extends BlockHook> {
  readonly hooks: readonly Readonly<Record<H, FloatTensor>>[];
  /** [m, d_vocab] */
  readonly logits: FloatTensor | null;
  /** [m, d_model] */
  readonly normalized: FloatTensor | null;
}

/**
 * One forward pass over rows of tokens, right-padded, with what is asked captured on the way. Only captured rows leave the
 * device. Layers above the last one needed don't run.
 */
export async function forwardRows<H extends BlockHook = never>(
  model: Model,
  rows: readonly (readonly number[])[],
  { patches, hooks = [], layers, at, logits, normalized = false, watch }: ForwardOptions<H>,
): Promise<Captured<H>> {
  const { n_layers } = model.description;
  const batch = rightPadded(model.description, model.device.float, rows);
  const flat = (tokens: readonly TokenAt[]) => tokens.map(([row, column]) => flatIndex(batch, row, column));
  const kept = Int32Array.from(at ? flat(at) : batch.ids.data.keys());
  const wanted = (layer: number) => (!layers || layers.includes(layer) ? hooks : []);
  const highest = hooks.length > 0 ? Math.max(...(layers ?? [n_layers - 1])) : -1;
  return scope(async (s) => {
    const placed = s.add(placeBatch(model.device, batch));
    const captured: { layer: number; hook: H; tensor: DeviceTensor }[] = [];
    const top = await walk(model, placed, s.add(await embed(model, batch)), {
      to: logits ? n_layers : highest + 1,
      options: () => ({ patches }),
      fetch: (layer) => wanted(layer).filter((hook): hook is H & BlockOutput => hook !== 'hook_resid_pre'),
      visit: async (layer, outputs) => {
        for (const hook of wanted(layer)) {
          captured.push({ layer, hook, tensor: s.add(await model.kernels.capture(outputs[hook], kept)) });
        }
      },
      watch,
    });
    s.add(top);
    const found = await readMany(captured.map(({ tensor }) => tensor));
    const byLayer = Array.from({ length: n_layers }, () => ({}) as Record<H, FloatTensor>);
    captured.forEach(({ layer, hook }, i) => (byLayer[layer][hook] = found[i] as FloatTensor));
    const rowsAt = flat(logits ?? []);
    return {
      hooks: byLayer,
      logits: logits ? await endAt(model, 'logits', top, rowsAt) : null,
      normalized: logits && normalized ? await endAt(model, 'ln_final.hook_normalized', top, rowsAt) : null,
    };
  });
}

// ---

function endAt(
  model: Model,
  output: 'logits' | 'ln_final.hook_normalized',
  x: DeviceTensor,
  rows: readonly number[],
): Promise<FloatTensor> {
  return scope(async (s) => {
    const result = await model.ends.run('logits', { x, rows: i32(rows, [rows.length]) }, [output]);
    const [host] = await readMany([s.add(result[output])]);
    return host as FloatTensor;
  });
}
