import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web';
import { makeQueue, memoize } from '../base/tasks.ts';
import { sizeOf, zeros, type DType, type Tensor } from '../base/tensor.ts';
import { encodeModel } from '../graph/onnx.ts';
import type { Subgraph } from '../graph/subgraph.ts';
import type { Device, LoadedProgram } from './device.ts';
import { lostError, type Gpu } from './gpu.ts';
import { bufferTensor, hostTensor, uploadTensor, type DeviceTensor } from './memory.ts';
import type { OrtModule } from './ort.ts';
import {
  createSession,
  feedFor,
  fromOrt,
  graphOf,
  hostOf,
  readWeight,
  runSession,
  toOrt,
  weightsOf,
  type Program,
  type ReadWeight,
} from './session.ts';

/**
 * The WebGPU back end: one session per distinct graph, shared by every layer of that shape; weights are gpu-buffer
 * inputs, uploaded once; results stay in GPU buffers.   [engine.md 3, 8.3]
 */
export function webgpuDevice(ort: OrtModule, gpu: Gpu): Device {
  const enqueue = makeQueue();
  const encoded = new Map<string, Uint8Array>();
  const sessionOf = memoize((key: string) =>
    enqueue(() =>
      createSession(ort, key, encoded.get(key) ?? new Uint8Array(), {
        // Every session gets our device: the last session's release would destroy a device of ORT's own.
        executionProviders: [{ name: 'webgpu', device: gpu.device } as InferenceSession.WebGpuExecutionProviderOption],
        preferredOutputLocation: 'gpu-buffer',
      }),
    ),
  );
  const open = async (graph: Subgraph): Promise<InferenceSession> => {
    const bytes = encodeModel([graph], { weights: 'inputs' });
    const key = `${graph.name} ${await digest(bytes)}`;
    encoded.set(key, bytes);
    return sessionOf(key);
  };
  return {
    kind: 'webgpu',
    float: 'float32',
    gpu,
    place: (tensor, label) => uploadTensor(gpu, tensor, label),
    load: async (program, read) => {
      const weights = await uploadWeights(gpu, program, read);
      const sessions = new Map<string, InferenceSession>();
      for (const graph of program.graphs) sessions.set(graph.name, await open(graph));
      return loaded(ort, gpu, program, sessions, weights, enqueue);
    },
  };
}

// ---

async function uploadWeights(gpu: Gpu, program: Program, read: ReadWeight): Promise<Map<string, DeviceTensor>> {
  const weights = new Map<string, DeviceTensor>();
  for (const [name, edge] of weightsOf(program)) {
    weights.set(name, uploadTensor(gpu, await readWeight(program, edge, read), `${program.name} ${name}`));
  }
  return weights;
}

function loaded(
  ort: OrtModule,
  gpu: Gpu,
  program: Program,
  sessions: ReadonlyMap<string, InferenceSession>,
  weights: ReadonlyMap<string, DeviceTensor>,
  enqueue: ReturnType<typeof makeQueue>,
): LoadedProgram {
  const weightFeeds = new Map([...weights].map(([name, tensor]) => [name, toGpuFeed(ort, tensor)]));
  return {
    run: (name, feeds, fetch) => {
      const what = `run ${program.name}.${name}`;
      const graph = graphOf(program, name, fetch);
      const session = sessions.get(name);
      const given: Record<string, OrtTensor> = {};
      for (const { name: weight } of graph.weights) {
        const feed = weightFeeds.get(weight);
        if (feed) given[weight] = feed;
      }
      for (const edge of graph.inputs) given[edge.name] = toGpuFeed(ort, feedFor(program, graph, edge, feeds));
      return enqueue(async () => {
        if (gpu.isLost || !session) throw lostError(what);
        const results = await runSession(session, what, given, fetch).catch((error: unknown) => {
          throw gpu.isLost ? lostError(what) : error;
        });
        const wrapped = fetch.map((output) => [output, wrapResult(gpu, results[output])] as const);
        return Object.fromEntries(wrapped) as Record<(typeof fetch)[number], DeviceTensor>;
      });
    },
    // Sessions are shared with other programs of the same graph, so only the weights are ours to free.
    dispose: async () => {
      for (const tensor of weights.values()) tensor.dispose();
    },
  };
}

/** Host numbers go in as CPU tensors, which ORT uploads; so do tensors without numbers, for which there is no binding. */
function toGpuFeed(ort: OrtModule, feed: Tensor | DeviceTensor): OrtTensor {
  const buffer = 'buffer' in feed ? feed.buffer : null;
  if (!buffer) return toOrt(ort, hostOf(feed));
  if (sizeOf(feed.shape) === 0) return toOrt(ort, zeros(feed.dtype, feed.shape));
  const dataType = feed.dtype as 'float32' | 'int32' | 'int64' | 'bool';
  return ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: feed.shape });
}

function wrapResult(gpu: Gpu, result: OrtTensor): DeviceTensor {
  if (result.location !== 'gpu-buffer') return hostTensor(fromOrt(result));
  const buffer = result.gpuBuffer as unknown as GPUBuffer;
  return bufferTensor(gpu, buffer, result.type as DType, result.dims, () => result.dispose());
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
