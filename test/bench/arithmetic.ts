import { f32, sizeOf } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import type { Feeds } from '../../src/device/session.ts';
import { Graph, type Dim } from '../../src/graph/graph.ts';
import { gemm } from '../../src/graph/ops.ts';
import { extract, type Subgraph } from '../../src/graph/subgraph.ts';

/** A device that counts what the matrix products of all its runs come to. */
export interface CountedDevice {
  readonly device: Device;
  /** Additions and multiplications since the last time it was asked. */
  taken(): number;
}

/** Counts beside another device's runs, from the sizes of what they are fed. */
export function countedDevice(device: Device): CountedDevice {
  let count = 0;
  return {
    device: {
      ...device,
      load: async (program, read) => {
        const loaded = await device.load(program, read);
        return {
          ...loaded,
          run: (name, feeds, fetch) => {
            const graph = program.graphs.find((each) => each.name === name);
            count += graph ? arithmeticOf(graph, feeds) : NaN;
            return loaded.run(name, feeds, fetch);
          },
        };
      },
    },
    taken: () => {
      const taken = count;
      count = 0;
      return taken;
    },
  };
}

/**
 * How fast this machine is at matrix products just now: rows × 256 × 1024, as ONNX Runtime does them, their operands copied in
 * and their results out.
 *
 * @returns additions and multiplications in a second
 */
export async function measureProducts(device: Device, rows = 840): Promise<number> {
  const graph = new Graph('float32');
  const y = gemm(graph.input('x', ['N', 256]), graph.weight('w', [256, 1024]));
  const numbers = (shape: readonly number[]) => f32(Float32Array.from({ length: sizeOf(shape) }, Math.random), shape);
  const program = { name: 'product', graphs: [extract(graph, 'product', { y })] };
  const product = await device.load(program, () => Promise.resolve(numbers([256, 1024])));
  const x = numbers([rows, 256]);
  const run = async () => {
    const { y } = await product.run('product', { x }, ['y']);
    // A graphics card answers before it has computed: what is read is done.
    await y.read();
    y.dispose();
  };
  await run();
  const start = performance.now();
  for (let i = 0; i < PRODUCTS; i++) await run();
  const seconds = (performance.now() - start) / 1000;
  await product.dispose();
  return (PRODUCTS * 2 * rows * 256 * 1024) / seconds;
}

// ---

const PRODUCTS = 10;

/** 2·m·k·n for each product of matrices. */
function arithmeticOf(graph: Subgraph, feeds: Feeds): number {
  const sizes = new Map<Dim, number>();
  for (const { name, shape } of graph.inputs) shape.forEach((dim, i) => sizes.set(dim, feeds[name].shape[i]));
  // The one size that no input has: the tokens that ask.
  sizes.set('A', (sizes.get('B') ?? NaN) * (sizes.get('T') ?? NaN));
  const size = (dim: Dim) => (typeof dim === 'number' ? dim : (sizes.get(dim) ?? NaN));
  let total = 0;
  for (const { op, inputs, outputs, attributes } of graph.nodes) {
    const [a, result] = [inputs[0], outputs[0]];
    if ((op !== 'MatMul' && op !== 'Gemm') || !a || !result) continue;
    const inner = size(a.shape[attributes.transA ? a.shape.length - 2 : a.shape.length - 1]);
    total += 2 * inner * result.shape.reduce((all: number, dim) => all * size(dim), 1);
  }
  return total;
}
