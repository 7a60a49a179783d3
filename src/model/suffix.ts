import type { Watch } from '../base/tasks.ts';
import { sizeOf, zeros, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { readMany, reshapeTensor, writeTensor, type DeviceTensor } from '../device/memory.ts';
import { scope, type Scope } from '../device/scope.ts';
import { continued, flatIndex, floats } from './batch.ts';
import {
  blockFeeds,
  placeBatch,
  runBlock,
  type BlockOptions,
  type BlockOutput,
  type Deltas,
  type Past,
} from './forward.ts';
import { formatSite, SITES } from './hooks.ts';
import type { Model } from './model.ts';
import { disposeKept, keepBelow, releaseKept, type Kept } from './prefix.ts';
import { placeFixed, type Fixed, type Place, type SuffixPlan } from './suffix-plan.ts';

/** What one step computed. `nll`, `kl` and `best` follow the plan's readings. */
export interface StepResult {
  /** −log q(label) */
  readonly nll: Float64Array;
  /** KL(q ‖ reference) */
  readonly kl: Float64Array;
  /** The likeliest id. */
  readonly best: Int32Array;
  /** By site ("mlp.3"): dL/dδ [slots, d_model] of L = Σ wNll·nll + wKl·kl. */
  readonly gradients: ReadonlyMap<string, FloatTensor>;
}

/** What a forward pass without a gradient may tell. */
export interface Observation {
  /** By site: its output [places, d_model], deltas included. */
  readonly values: ReadonlyMap<string, FloatTensor>;
  /** Log probabilities [readings, d_vocab]. */
  readonly logQ: FloatTensor;
}

/**
 * Steps of an optimization that compute only what changes: layers below the lowest edited one, and tokens before the first
 * edited token of each row, were run once; a step runs the suffix tokens through the layers above, logits only where the
 * loss reads, and the gradient only down to the lowest edited layer. Exactly the naive computation, because a masked
 * score's exponential is exactly 0.   [design.md D6]
 */
export class Suffix {
  readonly #model: Model;
  readonly #plan: SuffixPlan;
  readonly #kept: Kept;
  readonly #fixed: Fixed;
  readonly #lowestSite: number;

  /** Use `prepareSuffix`. */
  constructor(model: Model, plan: SuffixPlan, kept: Kept) {
    this.#model = model;
    this.#plan = plan;
    this.#kept = kept;
    this.#lowestSite = Math.min(...plan.sites.map((site) => site.layer));
    this.#fixed = placeFixed(model, plan, kept);
  }

  /** Sets the log probabilities that the KL compares with: [readings, d_vocab]. */
  setReference(logQ: FloatTensor): void {
    writeTensor(this.#fixed.reference, logQ);
  }

  /**
   * One forward and one backward pass.
   *
   * @param deltas by site ("mlp.3"): [slots, d_model]
   * @param wNll, wKl weight of each reading
   */
  step(deltas: ReadonlyMap<string, FloatTensor>, wNll: ArrayLike<number>, wKl: ArrayLike<number>): Promise<StepResult> {
    return scope(async (s) => {
      this.#write(deltas);
      const { inputs, outputs, top } = await this.#forward(s, residualNames(this.#model));
      const feeds = { x: top, ...this.#lossFeeds(wNll, wKl) };
      const loss = addAll(s, await this.#model.ends.run('loss', feeds, ['nll', 'kl', 'best', 'dx']));
      const gradients = await this.#backward(s, loss.dx, inputs, outputs);
      const found = await readMany([loss.nll, loss.kl, loss.best, ...gradients.values()]);
      return {
        nll: Float64Array.from((found[0] as FloatTensor).data),
        kl: Float64Array.from((found[1] as FloatTensor).data),
        best: Int32Array.from((found[2] as Tensor<'int64'>).data, Number),
        gradients: new Map([...gradients.keys()].map((key, i) => [key, found[i + 3] as FloatTensor])),
      };
    });
  }

  /** One forward pass with deltas, reading what modules put out at some tokens and the distributions at the readings. */
  observe(deltas: ReadonlyMap<string, FloatTensor>, places: readonly Place[]): Promise<Observation> {
    return scope(async (s) => {
      this.#write(deltas);
      const values = [...new Set(this.#plan.sites.map((site) => SITES[site.kind].value))];
      const { outputs, top } = await this.#forward(s, values);
      const none = new Float64Array(this.#plan.readings.length);
      const { log_q } = await this.#model.ends.run('loss', { x: top, ...this.#lossFeeds(none, none) }, ['log_q']);
      const rows = Int32Array.from(places, (place) => this.#flat(place));
      const captured: DeviceTensor[] = [s.add(log_q)];
      for (const { kind, layer } of this.#plan.sites) {
        captured.push(s.add(await this.#model.kernels.capture(outputs[layer][SITES[kind].value], rows)));
      }
      const [logQ, ...found] = (await readMany(captured)) as FloatTensor[];
      return { logQ, values: new Map(this.#plan.sites.map((site, i) => [formatSite(site), found[i]])) };
    });
  }

  /**
   * The same suffix without the rows of finished requests. This one is freed.
   *
   * @param rows, readings those that stay, ascending; `plan` numbers rows and slots as they are afterwards
   */
  narrow(rows: readonly number[], readings: readonly number[], plan: SuffixPlan): Promise<Suffix> {
    const { batch, pasts, x, lowest, starts } = this.#kept;
    const { description, device, kernels } = this.#model;
    return scope(async (s) => {
      // Lets go of the old tensor as soon as its rows are picked.
      const pick = async (tensor: DeviceTensor, shape: readonly number[]): Promise<DeviceTensor> => {
        const lines = s.add(reshapeTensor(tensor, [batch.rows, sizeOf(tensor.shape) / batch.rows]));
        const picked = await kernels.capture(lines, Int32Array.from(rows));
        lines.dispose();
        return s.add(reshapeTensor(picked, shape));
      };
      const tails = plan.rows.map((ids, b) => ids.slice(starts[rows[b]]));
      const narrowStarts = rows.map((row) => starts[row]);
      // The old width stays, so that the kept states still fit.
      const narrowBatch = continued(description, device.float, tails, narrowStarts, batch.past, batch.width);
      const reference = s.add(await kernels.capture(this.#fixed.reference, Int32Array.from(readings)));
      const logQ = (await reference.read()) as FloatTensor;
      const narrowPasts: (Past | undefined)[] = [];
      for (const [layer, past] of pasts.entries()) {
        if (!past) continue;
        const shape = [rows.length, ...past.k.shape.slice(1)];
        narrowPasts[layer] = { k: await pick(past.k, shape), v: await pick(past.v, shape) };
      }
      const kept: Kept = {
        batch: narrowBatch,
        placed: s.add(placeBatch(device, narrowBatch)),
        pasts: narrowPasts,
        x: await pick(x, [rows.length * batch.width, x.shape[1]]),
        lowest,
        starts: narrowStarts,
      };
      const narrowed = new Suffix(this.#model, plan, kept);
      narrowed.setReference(logQ);
      releaseKept(s, kept);
      this.dispose();
      return narrowed;
    });
  }

  dispose(): void {
    disposeKept(this.#kept);
    this.#fixed.dispose();
  }

  #flat({ row, position }: Place): number {
    return flatIndex(this.#kept.batch, row, position - this.#kept.starts[row]);
  }

  /** A site without a delta gets zeros. */
  #write(deltas: ReadonlyMap<string, FloatTensor>): void {
    for (const [key, target] of this.#fixed.deltas) {
      writeTensor(target, deltas.get(key) ?? zeros(this.#model.device.float, target.shape));
    }
  }

  #options(layer: number): BlockOptions {
    const { sel, zero, deltas } = this.#fixed;
    const [attn, mlp] = [deltas.get(`attn.${layer}`), deltas.get(`mlp.${layer}`)];
    const here: Deltas | undefined = attn || mlp ? { sel, attn: attn ?? zero, mlp: mlp ?? zero } : undefined;
    return { patches: this.#plan.patches, past: this.#kept.pasts[layer], deltas: here };
  }

  #lossFeeds(wNll: ArrayLike<number>, wKl: ArrayLike<number>) {
    const { pick, labels, reference } = this.#fixed;
    const weight = (w: ArrayLike<number>) => floats(this.#model.device.float, w, [this.#plan.readings.length, 1]);
    return { pick, labels, ref: reference, w_nll: weight(wNll), w_kl: weight(wKl) };
  }

  /** All layers from the kept states up; `fetch` is wanted of every layer that the gradient passes. */
  async #forward(s: Scope, fetch: readonly BlockOutput[]) {
    const inputs: DeviceTensor[] = [];
    const outputs: Record<string, DeviceTensor>[] = [];
    let x = this.#kept.x;
    for (let layer = this.#kept.lowest; layer < this.#model.blocks.length; layer++) {
      const wanted = layer >= this.#lowestSite ? fetch.filter((name) => name !== 'hook_resid_post') : [];
      const all: BlockOutput[] = [...wanted, 'hook_resid_post'];
      inputs[layer] = x;
      outputs[layer] = addAll(s, await runBlock(this.#model, layer, x, this.#kept.placed, this.#options(layer), all));
      x = outputs[layer]['hook_resid_post'];
    }
    return { inputs, outputs, top: x };
  }

  async #backward(
    s: Scope,
    top: DeviceTensor,
    inputs: readonly DeviceTensor[],
    outputs: readonly Record<string, DeviceTensor>[],
  ): Promise<Map<string, DeviceTensor>> {
    const gradients = new Map<string, DeviceTensor>();
    const edited = new Set(this.#plan.sites.map(formatSite));
    let dy = top;
    for (let layer = this.#model.blocks.length - 1; layer >= this.#lowestSite; layer--) {
      const [attn, mlp] = [edited.has(`attn.${layer}`), edited.has(`mlp.${layer}`)];
      const graph = layer > this.#lowestSite ? 'vjp' : attn ? 'edge' : 'mlp_edge';
      const fetch = [...(graph === 'vjp' ? ['dx'] : []), ...(attn ? ['d_attn'] : []), ...(mlp ? ['d_mlp'] : [])];
      const feeds = blockFeeds(this.#model, layer, this.#kept.placed, this.#options(layer));
      const given = { x: inputs[layer], dy, ...feeds, ...outputs[layer] };
      const out = addAll(s, await this.#model.blocks[layer].run(graph, given, fetch));
      if (attn) gradients.set(`attn.${layer}`, out['d_attn']);
      if (mlp) gradients.set(`mlp.${layer}`, out['d_mlp']);
      dy = out['dx'];
    }
    return gradients;
  }
}

/** Computes what the steps of a plan have in common; see `Suffix`. */
export async function prepareSuffix(model: Model, plan: SuffixPlan, watch?: Watch): Promise<Suffix> {
  const firsts = plan.rows.map((ids, row) => {
    const used = [...plan.injections, ...plan.readings].filter((place) => place.row === row);
    return Math.min(ids.length - 1, ...used.map(({ position }) => position));
  });
  const starts = plan.naive ? firsts.map(() => 0) : firsts;
  const lowest = plan.naive ? 0 : Math.min(...plan.sites.map((site) => site.layer));
  return new Suffix(model, plan, await keepBelow(model, plan.rows, starts, lowest, plan.patches, watch));
}

// ---

/** Forward outputs that the gradient of a block reads. */
function residualNames({ blockProgram }: Model): BlockOutput[] {
  const [forward, ...backward] = blockProgram.graphs;
  const read = new Set(backward.flatMap((graph) => graph.inputs.map((edge) => edge.name)));
  return [...forward.outputs.keys()].filter((name) => read.has(name)) as BlockOutput[];
}

function addAll<T extends Record<string, DeviceTensor>>(s: Scope, tensors: T): T {
  for (const tensor of Object.values(tensors)) s.add(tensor);
  return tensors;
}
