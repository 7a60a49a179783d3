import { EditorError, invariant } from '../base/errors.ts';
import { breatheIfDue, makeQueue } from '../base/tasks.ts';
import { formatShape, makeTensor, type DType, type Tensor, type TensorData } from '../base/tensor.ts';
import type { Edge } from '../graph/graph.ts';
import type { Subgraph } from '../graph/subgraph.ts';
import type { DeviceTensor } from './memory.ts';
import type { OrtFloatTensor, OrtModule, OrtSession, OrtSessionOptions, OrtTensor } from './ort.ts';

/** Graphs that share one set of weights: a block's forward pass and its vector-Jacobian products, say. */
export interface Program {
  readonly name: string;
  readonly graphs: readonly Subgraph[];
}

/** Hands out a program's weights one at a time, so that a large model is never held twice. */
export type ReadWeight = (name: string) => Promise<Tensor>;

/** What a run takes: host numbers, or a tensor that already lives on the device. */
export type Feeds = Readonly<Record<string, Tensor | DeviceTensor>>;

/**
 * The one run queue of a runtime: everything that enters its WASM goes through here, one call at a time, whichever device
 * it belongs to. While a call waits for the GPU its WASM is suspended in the middle, and must not be entered again.
 */
export function enqueue<T>(ort: OrtModule, job: () => Promise<T>): Promise<T> {
  const queue = queues.get(ort) ?? makeQueue();
  queues.set(ort, queue);
  return queue(job);
}

/** Opens a session. Only inside `enqueue`. */
export async function createSession(
  ort: OrtModule,
  name: string,
  bytes: Uint8Array,
  options: OrtSessionOptions,
): Promise<OrtSession> {
  try {
    return await ort.InferenceSession.create(bytes, options);
  } catch (error) {
    throw runtimeError(`create the session of ${name}`, error);
  } finally {
    await breatheIfDue();
  }
}

/**
 * Runs one graph of a program and returns ORT's tensors of the outputs in `fetch`. Only inside `enqueue`.
 *
 * On WASM a run blocks its thread: between two runs the event loop gets a turn, so that an abort is heard.
 */
export async function runSession(
  session: OrtSession,
  what: string,
  feeds: Record<string, OrtTensor>,
  fetch: readonly string[],
): Promise<Record<string, OrtTensor>> {
  try {
    return await session.run(feeds, [...fetch]);
  } catch (error) {
    throw runtimeError(what, error);
  } finally {
    await breatheIfDue();
  }
}

/** The graph of that name, after checking that it yields what is asked. Throws `internal` otherwise. */
export function graphOf(program: Program, name: string, fetch: readonly string[]): Subgraph {
  const graph = program.graphs.find((each) => each.name === name);
  invariant(graph, `run ${program.name}.${name}`, `it has ${program.graphs.map((each) => each.name).join(', ')}`);
  const unknown = fetch.filter((output) => !graph.outputs.has(output));
  invariant(unknown.length === 0, `run ${program.name}.${name}`, `it has no output ${unknown.join(', ')}`);
  return graph;
}

/** The feed of one input, after checking its type and shape. Throws `internal` otherwise. */
export function feedFor(program: Program, graph: Subgraph, edge: Edge, feeds: Feeds): Tensor | DeviceTensor {
  const what = `run ${program.name}.${graph.name}`;
  const feed = feeds[edge.name];
  invariant(feed, what, `the feed ${edge.name} is missing`);
  const fits =
    feed.dtype === edge.dtype &&
    feed.shape.length === edge.shape.length &&
    edge.shape.every((dim, i) => typeof dim === 'string' || dim === feed.shape[i]);
  const shapes = `${feed.dtype} ${formatShape(feed.shape)}, it takes ${edge.dtype} ${formatShape(edge.shape)}`;
  invariant(fits, what, `the feed ${edge.name} is ${shapes}`);
  return feed;
}

/** All weights that a program's graphs read, each once. */
export function weightsOf(program: Program): Map<string, Edge> {
  return new Map(program.graphs.flatMap((graph) => graph.weights.map((edge) => [edge.name, edge] as const)));
}

/** Reads one weight and checks that it is what the graph declares. Throws `internal` otherwise. */
export async function readWeight(program: Program, edge: Edge, read: ReadWeight): Promise<Tensor> {
  const tensor = await read(edge.name);
  const shape = edge.shape.map(Number);
  const fits = tensor.dtype === edge.dtype && formatShape(tensor.shape) === formatShape(shape);
  const kinds = `${tensor.dtype} ${formatShape(tensor.shape)}, it must be ${edge.dtype} ${formatShape(shape)}`;
  invariant(fits, `load ${program.name}`, `the weight ${edge.name} is ${kinds}`);
  return tensor;
}

/** The numbers of a feed that lives on the host. Throws `internal` for one that doesn't. */
export function hostOf(feed: Tensor | DeviceTensor): Tensor {
  if (!('host' in feed)) return feed;
  invariant(feed.host, 'feed a tensor', 'its numbers are on the GPU');
  return feed.host;
}

/** Our tensor as ORT's, over the same data. */
export function toOrt(ort: OrtModule, { dtype, data, shape }: Tensor): OrtTensor {
  return new ort.Tensor(dtype, data as never, [...shape]);
}

/** ORT's host tensor as ours, over the same data. */
export function fromOrt(result: OrtTensor): Tensor {
  const { type, data, dims } = result as OrtFloatTensor;
  return makeTensor(type as DType, data as TensorData as never, dims);
}

/** Whatever ONNX Runtime or the platform threw, as one of ours. */
export function runtimeError(what: string, error: unknown): EditorError {
  const text = error instanceof Error ? error.message : String(error);
  return NO_MEMORY.test(text)
    ? new EditorError('out-of-memory', what, text, 'close other tabs or use a smaller model', {}, { cause: error })
    : new EditorError('internal', what, text, 'report this with the steps that led here', {}, { cause: error });
}

// ---

const queues = new WeakMap<OrtModule, ReturnType<typeof makeQueue>>();

/** What running out of memory is called by C++, by Emscripten, by ONNX Runtime, by JavaScript and by WebGPU. */
const NO_MEMORY =
  /bad_alloc|out[ -]of[ -]memory|OOM|failed to allocate|memory access out of bounds|array buffer allocation|invalid (typed )?array (buffer )?length/i;
