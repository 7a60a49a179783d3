import { EditorError, invariant } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { f64, zeros, type FloatTensor, type Tensor } from '../base/tensor.ts';
import type { LoadedProgram } from '../device/device.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { Graph } from '../graph/graph.ts';
import { gemm, slice } from '../graph/ops.ts';
import { extract } from '../graph/subgraph.ts';
import { mirrorLower } from '../kernels/gram.ts';
import { rightPadded } from './batch.ts';
import { keyWidth } from './description.ts';
import { embed, placeBatch, walk } from './forward.ts';
import { formatSite, SITES, type Site } from './hooks.ts';
import type { Model } from './model.ts';
import { chunkRows } from './score.ts';

/** Mean of k kᵀ over the keys of some text, [p, p], both triangles filled. */
export type SecondMoment = Tensor<'float64'>;

/** What `secondMoments` takes. */
export interface MomentOptions {
  /** Leave out the first token of every document: under a BOS it is one token's massive activation.  [methods.md 5.1] */
  readonly skipFirst: boolean;
  readonly watch?: Watch;
}

/**
 * C₀ = (1/M) Σ k kᵀ over M tokens, uncentred, for the keys of several sites, in one pass over the documents.
 *
 * Keys don't leave the device. On WebGPU our kernel adds them up in float32; on WASM a matrix product of ONNX Runtime does
 * a batch in float32 (seven times as fast as the kernel's twin) and the batches are summed in float64.
 *
 * @param documents ids, each tokenized alone
 * @throws EditorError `invalid-input` when they hold no token, `aborted`
 */
export async function secondMoments(
  model: Model,
  documents: readonly (readonly number[])[],
  sites: readonly Site[],
  { skipFirst, watch }: MomentOptions,
): Promise<{ moments: Map<string, SecondMoment>; tokens: number }> {
  const sums = new Map<string, MomentSum>();
  const first = skipFirst ? 1 : 0;
  const texts = documents.filter((document) => document.length > first);
  const total = texts.reduce((sum, document) => sum + document.length - first, 0);
  if (total === 0) {
    throw new EditorError('invalid-input', 'gather statistics', 'the text has no token', 'give a longer text');
  }
  let tokens = 0;
  try {
    for (const site of sites) sums.set(formatSite(site), await makeSum(model, keyWidth(model.description, site.kind)));
    for (const chunk of chunkRows(texts)) {
      throwIfAborted(watch, 'gather statistics');
      watch?.progress?.({ stage: 'covariance', done: tokens, total, unit: 'tokens' });
      const rows = chunk.map((index) => texts[index]);
      tokens += await addChunk(model, rows, { sites, first, sums }, watch);
    }
    watch?.progress?.({ stage: 'covariance', done: tokens, total, unit: 'tokens' });
    const moments = new Map<string, SecondMoment>();
    for (const [key, sum] of sums) moments.set(key, scaled(await sum.read(), 1 / tokens));
    return { moments, tokens };
  } finally {
    for (const sum of sums.values()) await sum.dispose();
  }
}

// ---

/** Σ k kᵀ so far. */
interface MomentSum {
  add(keys: DeviceTensor): Promise<void>;
  read(): Promise<SecondMoment>;
  dispose(): Promise<void>;
}

/** What one pass over the documents fills. */
interface Gathering {
  readonly sites: readonly Site[];
  /** Position of the first token that counts. */
  readonly first: number;
  /** By site ("mlp.3"). */
  readonly sums: ReadonlyMap<string, MomentSum>;
}

/** Adds the keys of some documents; returns how many tokens counted. */
async function addChunk(
  model: Model,
  rows: readonly (readonly number[])[],
  { sites, first, sums }: Gathering,
  watch: Watch | undefined,
): Promise<number> {
  const batch = rightPadded(model.description, model.device.float, rows);
  const real = rows.flatMap((ids, b) => Array.from({ length: ids.length }, (_, t) => b * batch.width + t).slice(first));
  await scope(async (s) => {
    const placed = s.add(placeBatch(model.device, batch));
    const at = (layer: number) => sites.filter((site) => site.layer === layer);
    const x = await walk(model, placed, s.add(await embed(model, batch)), {
      to: Math.max(...sites.map((site) => site.layer)) + 1,
      fetch: (layer) => at(layer).map((site) => SITES[site.kind].key),
      visit: async (layer, outputs, layerScope) => {
        for (const site of at(layer)) {
          const keys = layerScope.add(
            await model.kernels.capture(outputs[SITES[site.kind].key], Int32Array.from(real)),
          );
          await sums.get(formatSite(site))?.add(keys);
        }
      },
      watch,
    });
    s.add(x);
  });
  return real.length;
}

function makeSum(model: Model, width: number): Promise<MomentSum> {
  return model.device.gpu ? makeGpuSum(model, width) : makeHostSum(model, width);
}

async function makeGpuSum({ kernels }: Model, width: number): Promise<MomentSum> {
  const moment = kernels.place(zeros('float32', [width, width]), 'second moment');
  return {
    add: (keys) => kernels.gram(moment, keys, 1, 1),
    read: async () => {
      const lower = (await moment.read()) as FloatTensor;
      return mirrored(Float64Array.from(lower.data), width);
    },
    dispose: async () => moment.dispose(),
  };
}

async function makeHostSum({ device }: Model, width: number): Promise<MomentSum> {
  const product = await loadProduct(device, width);
  const strips = stripsOf(width);
  const sum = new Float64Array(width * width);
  return {
    add: async (keys) => {
      const found = await product.run(
        'gram',
        { keys },
        strips.map(({ name }) => name),
      );
      for (const { name, start, end } of strips) {
        const { data } = (await found[name].read()) as FloatTensor;
        found[name].dispose();
        for (let i = start, at = 0; i < end; i++) {
          for (let j = i * width; j < i * width + end; j++) sum[j] += data[at++];
        }
      }
    },
    read: async () => mirrored(sum, width),
    dispose: () => product.dispose(),
  };
}

/** Rows `start` to `end` of keysᵀ keys, up to the diagonal's block. */
interface Strip {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The product is symmetric: four strips of its lower half take 10 sixteenths of the work. */
function stripsOf(width: number): Strip[] {
  const count = width % 4 === 0 ? 4 : 1;
  const size = width / count;
  return Array.from({ length: count }, (_, i) => ({ name: `strip.${i}`, start: i * size, end: (i + 1) * size }));
}

/** The strips of keysᵀ keys as a graph. */
function loadProduct(device: Model['device'], width: number): Promise<LoadedProgram> {
  const graph = new Graph(device.float);
  const keys = graph.input('keys', ['n', width]);
  const columns = (start: number, end: number) => (end - start < width ? slice(keys, start, end, 1) : keys);
  const products = stripsOf(width).map(
    ({ name, start, end }) => [name, gemm(columns(start, end), columns(0, end), { transA: true })] as const,
  );
  const program = { name: `gram ${width}`, graphs: [extract(graph, 'gram', Object.fromEntries(products))] };
  return device.load(program, async (name): Promise<Tensor> => {
    invariant(false, `load ${program.name}`, `it has no weight ${name}`);
  });
}

function mirrored(data: Float64Array<ArrayBuffer>, width: number): SecondMoment {
  const moment = f64(data, [width, width]);
  mirrorLower(moment);
  return moment;
}

function scaled({ data, shape }: SecondMoment, factor: number): SecondMoment {
  return f64(
    data.map((value) => value * factor),
    shape,
  );
}
