import { invariant } from '../base/errors.ts';
import { BYTES, sizeOf, zeros, type Tensor } from '../base/tensor.ts';
import type { Edge } from '../graph/graph.ts';
import { emptyShape, encodeModel, signatureOf, type Port } from '../graph/onnx.ts';
import type { Device, LoadedProgram } from './device.ts';
import { hostTensor, type DeviceTensor } from './memory.ts';
import type { OrtModule, OrtTensor } from './ort.ts';
import {
  createSession,
  enqueue,
  feedFor,
  fromOrt,
  graphOf,
  hostOf,
  readWeight,
  runSession,
  runtimeError,
  toOrt,
  weightsOf,
  type Program,
  type ReadWeight,
} from './session.ts';

/**
 * The WASM back end: per program one session that holds all its graphs behind `If`, its weights as external-data
 * initializers without prepacking, so that there is one copy of each weight.   [engine.md 2, 8.4]
 */
export function wasmDevice(ort: OrtModule, float: 'float32' | 'float64' = 'float32'): Device {
  return {
    kind: 'wasm',
    float,
    gpu: null,
    place: (tensor) => hostTensor(tensor),
    load: (program, read) => load(ort, float, program, read),
  };
}

// ---

const LOCATION = 'weights.bin';

async function load(
  ort: OrtModule,
  float: 'float32' | 'float64',
  program: Program,
  read: ReadWeight,
): Promise<LoadedProgram> {
  const { places, data } = await gatherExternal(program, weightsOf(program), read);
  const bytes = encodeModel(program.graphs, { weights: { external: places, location: LOCATION } });
  const session = await enqueue(ort, () =>
    createSession(ort, program.name, bytes, {
      executionProviders: ['wasm'],
      externalData: data.byteLength > 0 ? [{ path: LOCATION, data }] : [],
      // Beyond basic, ORT fuses into operators that have no float64 kernel.
      graphOptimizationLevel: float === 'float64' ? 'basic' : 'all',
      extra: { session: { disable_prepacking: '1' } },
    }),
  );
  let isDisposed = false;
  const ports = signatureOf(program.graphs).inputs;
  const idle = new Map(ports.map(({ name, dtype, shape }) => [name, toOrt(ort, zeros(dtype, emptyShape(shape)))]));
  return {
    run: async (name, feeds, fetch) => {
      const what = `run ${program.name}.${name}`;
      const graph = graphOf(program, name, fetch);
      const given = new Map(graph.inputs.map((edge) => [edge.name, feedFor(program, graph, edge, feeds)]));
      return enqueue(ort, async () => {
        invariant(!isDisposed, what, 'it was disposed');
        const results = await runSession(session, what, bind(ort, ports, idle, name, given), fetch);
        const wrapped = fetch.map((output) => [output, hostTensor(fromOrt(results[output]))] as const);
        return Object.fromEntries(wrapped) as Record<(typeof fetch)[number], DeviceTensor>;
      });
    },
    dispose: () =>
      enqueue(ort, async () => {
        if (!isDisposed) await session.release();
        isDisposed = true;
      }),
  };
}

/** Every port of the session: those of the graph that runs get its feeds, switches say which graph that is, others idle. */
function bind(
  ort: OrtModule,
  ports: readonly Port[],
  idle: ReadonlyMap<string, OrtTensor>,
  name: string,
  given: ReadonlyMap<string, Tensor | DeviceTensor>,
): Record<string, OrtTensor> {
  const bound = Object.fromEntries(idle);
  for (const { name: port, edge } of ports) {
    const feed = edge === null ? undefined : given.get(edge);
    if (feed) bound[port] = toOrt(ort, hostOf(feed));
    else if (edge === null) bound[port] = new ort.Tensor('bool', Uint8Array.of(port === `run.${name}` ? 1 : 0), []);
  }
  return bound;
}

/** One blob of all weights, each on a 64-byte boundary, and where each lies. */
async function gatherExternal(program: Program, weights: ReadonlyMap<string, Edge>, read: ReadWeight) {
  const places = new Map<string, { offset: number; length: number }>();
  let end = 0;
  for (const [name, edge] of weights) {
    const length = sizeOf(edge.shape.map(Number)) * BYTES[edge.dtype];
    places.set(name, { offset: end, length });
    end = Math.ceil((end + length) / 64) * 64;
  }
  const data = allocate(end, program);
  for (const [name, edge] of weights) {
    const { buffer, byteOffset, byteLength } = (await readWeight(program, edge, read)).data;
    data.set(new Uint8Array(buffer, byteOffset, byteLength), places.get(name)?.offset ?? 0);
  }
  return { places, data };
}

/** @throws EditorError `out-of-memory` */
function allocate(bytes: number, { name }: Program): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw runtimeError(`load ${name} (${bytes} bytes)`, error);
  }
}
