import { f32, type Tensor } from '../../src/base/tensor.ts';
import type { Program, ReadWeight } from '../../src/device/session.ts';
import { Graph } from '../../src/graph/graph.ts';
import { extract } from '../../src/graph/subgraph.ts';
import { add, gemm, mul, reshape } from '../../src/graph/ops.ts';

/** `double`: x [n, 3] → y = 2 x W + x; `square`: x → y = (x W)². Two graphs over one weight W [3, 3]. */
export function linearProgram(name = 'linear'): Program {
  const graph = new Graph('float32');
  const x = graph.input('x', ['n', 3]);
  const w = graph.weight('w', [3, 3]);
  const product = gemm(x, w);
  return {
    name,
    graphs: [
      extract(graph, 'double', { y: add(mul(product, graph.constant(2)), x) }),
      extract(graph, 'square', { y: mul(product, product) }),
    ],
  };
}

/** `pick`: rows of x [n, 2] at `at`, as `shape`. A shape that doesn't hold them fails inside ONNX Runtime, not before. */
export function failingProgram(): Program {
  const graph = new Graph('float32');
  const x = graph.input('x', ['n', 2]);
  const shape = graph.shapeInput('shape', ['a', 'b']);
  return {
    name: 'failing',
    graphs: [extract(graph, 'pick', { y: add(reshape(x, shape, ['a', 'b']), graph.constant(1)) })],
  };
}

/** Weights of `linearProgram`: the identity times a factor. */
export function scaledIdentity(factor: number): ReadWeight {
  return (): Promise<Tensor> => Promise.resolve(f32([factor, 0, 0, 0, factor, 0, 0, 0, factor], [3, 3]));
}

/** For programs without weights. */
export const noWeights: ReadWeight = (name) => Promise.reject(new Error(`${name} was asked for`));
