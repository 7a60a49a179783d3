import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web/wasm';
import type { DType, Tensor } from '../../src/base/tensor.ts';
import { makeTensor, sizeOf, zeros } from '../../src/base/tensor.ts';
import { emptyShape, encodeModel, signatureOf } from '../../src/graph/onnx.ts';
import type { Subgraph } from '../../src/graph/subgraph.ts';

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = readFileSync('node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm').buffer;
ort.env.logLevel = 'error';

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Runs one of the subgraphs that share a session. */
export type Run = (feeds: Tensors, subgraph?: string) => Promise<Record<string, Tensor>>;

/**
 * One ORT session (WASM, this thread) for some subgraphs.
 *
 * @param weights where given, they are stored beside the model as external data; else they are fed with the rest
 */
export async function createRun(subgraphs: readonly Subgraph[], weights?: Tensors): Promise<Run> {
  const [bytes, externalData] = weights
    ? withExternalData(subgraphs, weights)
    : [encodeModel(subgraphs, { weights: 'inputs' }), []];
  // ORT's fusions assume float32: one has no float64 kernel (QuickGelu), others round a factor to float32 (MatMul scales).
  const double = subgraphs.some(({ outputs }) => [...outputs.values()].some((edge) => edge.dtype === 'float64'));
  const graphOptimizationLevel = double ? 'basic' : 'all';
  const session = await ort.InferenceSession.create(bytes, { externalData, graphOptimizationLevel });
  const { inputs } = signatureOf(subgraphs);
  const stored = new Set(Object.keys(weights ?? {}));

  return async (feeds, name = subgraphs[0].name) => {
    const chosen = subgraphs.find((subgraph) => subgraph.name === name);
    if (!chosen) throw new Error(`no subgraph ${name}`);
    const given: Record<string, ort.Tensor> = {};
    for (const port of inputs) {
      const own = chosen.inputs.find((edge) => edge.name === port.edge);
      if (port.edge === null) given[port.name] = new ort.Tensor('bool', [port.name === `run.${name}`], []);
      else given[port.name] = toOrt(own ? feeds[own.name] : zeros(port.dtype, emptyShape(port.shape)));
    }
    for (const edge of subgraphs.flatMap((subgraph) => subgraph.weights)) {
      if (!stored.has(edge.name)) given[edge.name] = toOrt(feeds[edge.name]);
    }
    const results = await session.run(given, [...chosen.outputs.keys()]);
    return Object.fromEntries(Object.entries(results).map(([key, value]) => [key, fromOrt(value)]));
  };
}

/** Creates a session and runs it once. */
export async function runOnce(subgraph: Subgraph, feeds: Tensors): Promise<Record<string, Tensor>> {
  const run = await createRun([subgraph]);
  return run(feeds);
}

// ---

const LOCATION = 'weights.bin';

function withExternalData(subgraphs: readonly Subgraph[], weights: Tensors) {
  const external = new Map<string, { offset: number; length: number }>();
  const pieces: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { data }] of Object.entries(weights)) {
    external.set(name, { offset, length: data.byteLength });
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const data = new Uint8Array(Buffer.concat(pieces));
  return [encodeModel(subgraphs, { weights: { external, location: LOCATION } }), [{ path: LOCATION, data }]] as const;
}

function toOrt(tensor: Tensor): ort.Tensor {
  return new ort.Tensor(tensor.dtype, tensor.data as never, tensor.shape);
}

function fromOrt({ type, data, dims }: ort.Tensor): Tensor {
  if (data.length !== sizeOf(dims)) throw new Error(`${data.length} values for [${dims.join()}]`);
  return makeTensor(type as DType, data as never, dims);
}
