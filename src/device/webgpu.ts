import { invariant } from '../base/errors.ts';
import { breathe } from '../base/tasks.ts';
import { sizeOf, zeros, type DType, type Tensor } from '../base/tensor.ts';
import type { Device, LoadedProgram } from './device.ts';
import { lostError, type Gpu } from './gpu.ts';
import { bufferTensor, hostTensor, uploadTensor, type DeviceTensor } from './memory.ts';
import type { OrtModule, OrtSessionOptions, OrtTensor } from './ort.ts';
import {
  enqueue,
  feedFor,
  fromOrt,
  graphOf,
  hostOf,
  readWeight,
  toOrt,
  weightsOf,
  type Program,
  type ReadWeight,
} from './session.ts';
import { SharedSessions, type SharedSession } from './shared-sessions.ts';

/**
 * The WebGPU back end: one session per distinct graph, shared by every layer of that shape; weights are gpu-buffer
 * inputs, uploaded once; results stay in GPU buffers.   [engine.md 3, 8.3]
 */
export function webgpuDevice(ort: OrtModule, gpu: Gpu): Device {
  const sessions = new SharedSessions(ort, sessionOptions(gpu));
  return {
    kind: 'webgpu',
    float: 'float32',
    gpu,
    place: (tensor, label) => uploadTensor(gpu, tensor, label),
    load: (program, read) => load(ort, gpu, sessions, program, read),
  };
}

/** How sessions on our device are made. */
export function sessionOptions(gpu: Gpu): OrtSessionOptions {
  return {
    // Every session gets our device: the last session's release would destroy a device of ORT's own. And the provider is
    // an object, because ORT ignores the device of one that is named by a string.
    executionProviders: [{ name: 'webgpu', device: gpu.device } as const],
    preferredOutputLocation: 'gpu-buffer',
  };
}

// ---

async function load(
  ort: OrtModule,
  gpu: Gpu,
  shared: SharedSessions,
  program: Program,
  read: ReadWeight,
): Promise<LoadedProgram> {
  const sessions = new Map<string, SharedSession>();
  const weights = new Map<string, DeviceTensor>();
  let isDisposed = false;
  const free = async () => {
    isDisposed = true;
    for (const session of sessions.values()) await session.release();
    for (const tensor of weights.values()) tensor.dispose();
    // Weights are the largest buffers there are, and the next model's will hardly be of their size.
    gpu.pool.trim();
  };
  try {
    for (const graph of program.graphs) {
      if (gpu.isLost) throw lostError(`load ${program.name}`);
      sessions.set(graph.name, await shared.acquire(graph));
    }
    for (const [name, edge] of weightsOf(program)) {
      const tensor = await readWeight(program, edge, read);
      weights.set(name, uploadTensor(gpu, tensor, `${program.name} ${name}`));
    }
  } catch (error) {
    await free();
    throw await lostInstead(gpu, `load ${program.name}`, error);
  }
  return {
    run: async (name, feeds, fetch) => {
      const what = `run ${program.name}.${name}`;
      const graph = graphOf(program, name, fetch);
      const given = graph.inputs.map((edge) => [edge.name, feedFor(program, graph, edge, feeds)] as const);
      const session = sessions.get(name);
      invariant(session, what, 'it has no session');
      return enqueue(ort, async () => {
        if (gpu.isLost) throw lostError(what);
        invariant(!isDisposed, what, 'it was disposed');
        // Only now: a tensor that was disposed in the meantime is refused here, instead of read when it is another's.
        const inputs = [...given, ...graph.weights.map((edge) => [edge.name, weightIn(weights, edge.name)] as const)];
        const bound = Object.fromEntries(inputs.map(([edge, feed]) => [edge, toGpuFeed(ort, feed)]));
        try {
          const results = await session.run(what, bound, fetch);
          const wrapped = fetch.map((output) => [output, wrapResult(ort, gpu, results[output])] as const);
          return Object.fromEntries(wrapped) as Record<(typeof fetch)[number], DeviceTensor>;
        } catch (error) {
          throw await lostInstead(gpu, what, error);
        }
      });
    },
    // Behind the runs that wait: they still read the weights.
    dispose: async () => {
      await enqueue(ort, async () => undefined);
      if (!isDisposed) await free();
    },
  };
}

function weightIn(weights: ReadonlyMap<string, DeviceTensor>, name: string): DeviceTensor {
  const tensor = weights.get(name);
  invariant(tensor, `feed ${name}`, 'it was not uploaded');
  return tensor;
}

/** ORT finds out about a lost device before the device says so, and words it differently each time. */
async function lostInstead(gpu: Gpu, what: string, error: unknown): Promise<unknown> {
  if (!gpu.isLost) await breathe();
  return gpu.isLost ? lostError(what) : error;
}

/** Host numbers go in as CPU tensors, which ORT uploads; so do tensors without numbers, for which there is no binding. */
function toGpuFeed(ort: OrtModule, feed: Tensor | DeviceTensor): OrtTensor {
  const buffer = 'buffer' in feed ? feed.buffer : null;
  if (!buffer) return toOrt(ort, hostOf(feed));
  if (sizeOf(feed.shape) === 0) return toOrt(ort, zeros(feed.dtype, feed.shape));
  const dataType = feed.dtype as 'float32' | 'int32' | 'int64' | 'bool';
  return ort.Tensor.fromGpuBuffer(buffer, { dataType, dims: feed.shape });
}

/** The buffer stays ONNX Runtime's: it goes back there when the tensor is disposed, to be the output of a later run. */
function wrapResult(ort: OrtModule, gpu: Gpu, result: OrtTensor): DeviceTensor {
  if (result.location !== 'gpu-buffer') return hostTensor(fromOrt(result));
  const buffer = result.gpuBuffer as unknown as GPUBuffer;
  const release = () => void enqueue(ort, async () => result.dispose());
  return bufferTensor(gpu, buffer, result.type as DType, result.dims, release);
}
