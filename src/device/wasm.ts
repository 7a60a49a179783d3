import { makeQueue } from '../base/tasks.ts';
import { BYTES, sizeOf, zeros } from '../base/tensor.ts';
import type { Edge } from '../graph/graph.ts';
import { emptyShape, encodeModel, signatureOf } from '../graph/onnx.ts';
import type { Device, LoadedProgram } from './device.ts';
import { hostTensor } from './memory.ts';
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
 * The WASM back end: per program one session that holds all its graphs behind `If`, its weights as external-data
 * initializers without prepacking, so that there is one copy of each weight.   [engine.md 2, 8.4]
 */
export function wasmDevice(ort: OrtModule, float: 'float32' | 'float64' = 'float32'): Device {
  const enqueue = makeQueue();
  return {
    kind: 'wasm',
    float,
    gpu: null,
    place: (tensor) => hostTensor(tensor),
    load: (program, read) => load(ort, float, program, read, enqueue),
  };
}

// ---

const LOCATION = 'weights.bin';

async function load(
  ort: OrtModule,
  float: 'float32' | 'float64',
  program: Program,
  read: ReadWeight,
  enqueue: ReturnType<typeof makeQueue>,
): Promise<LoadedProgram> {
  const { places, data } = await gatherExternal(program, weightsOf(program), read);
  const bytes = encodeModel(program.graphs, { weights: { external: places, location: LOCATION } });
  const session = await enqueue(() =>
    createSession(ort, program.name, bytes, {
      executionProviders: ['wasm'],
      externalData: data.byteLength > 0 ? [{ path: LOCATION, data }] : [],
      // Beyond basic, ORT fuses into operators that have no float64 kernel.
      graphOptimizationLevel: float === 'float64' ? 'basic' : 'all',
      extra: { session: { disable_prepacking: '1' } },
    }),
  );
  const ports = signatureOf(program.graphs).inputs;
  const idle = new Map(ports.map(({ name, dtype, shape }) => [name, toOrt(ort, zeros(dtype, emptyShape(shape)))]));
  return {
    run: (name, feeds, fetch) => {
      const graph = graphOf(program, name, fetch);
      const edges = new Map(graph.inputs.map((edge) => [edge.name, edge]));
      const given = Object.fromEntries(idle);
      for (const { name: port, edge } of ports) {
        const wanted = edge === null ? undefined : edges.get(edge);
        if (wanted) given[port] = toOrt(ort, hostOf(feedFor(program, graph, wanted, feeds)));
        else if (edge === null) given[port] = new ort.Tensor('bool', Uint8Array.of(port === `run.${name}` ? 1 : 0), []);
      }
      return enqueue(async () => {
        const results = await runSession(session, `run ${program.name}.${name}`, given, fetch);
        const wrapped = fetch.map((output) => [output, hostTensor(fromOrt(results[output]))] as const);
        return Object.fromEntries(wrapped) as Record<(typeof fetch)[number], ReturnType<typeof hostTensor>>;
      });
    },
    dispose: () => enqueue(() => session.release()),
  };
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
  const data = new Uint8Array(end);
  for (const [name, edge] of weights) {
    const { buffer, byteOffset, byteLength } = (await readWeight(program, edge, read)).data;
    data.set(new Uint8Array(buffer, byteOffset, byteLength), places.get(name)?.offset ?? 0);
  }
  return { places, data };
}
