import { expect } from 'vitest';
import { makeRandom } from '../../src/base/random.ts';
import { f32, f64, i32, i64, sizeOf, type Tensor } from '../../src/base/tensor.ts';
import { Graph, type Dim, type Edge, type FloatDType } from '../../src/graph/graph.ts';
import { extract } from '../../src/graph/subgraph.ts';
import { differentiate } from '../../src/graph/vjp.ts';
import { finiteDifferences, relativeError } from '../support/finite.ts';
import { createRun } from '../support/ort.ts';

/** Sizes of the names that rows use. */
const SIZES: Readonly<Record<string, number>> = { B: 2, T: 2, N: 4, P: 3, S: 5, R: 4, r: 0 };

/** An input of a row: the shape of floats from 0.5 to 1.5, or the int32 given, or a shape input. */
export type Input =
  | readonly Dim[]
  | { readonly ids: readonly number[]; readonly shape: readonly Dim[] }
  | { readonly sizes: readonly Dim[] };

/** Declares inputs x0, x1, … */
export function declare(graph: Graph, inputs: readonly Input[]): Edge[] {
  return inputs.map((input, i) => {
    if ('sizes' in input) return graph.shapeInput(`x${i}`, input.sizes);
    return 'ids' in input ? graph.input(`x${i}`, input.shape, 'int32') : graph.input(`x${i}`, input);
  });
}

/** Relative errors of each float input's gradient, for L = Σ w·y with random w; and the operations of the forward graph. */
export async function checkGradients(
  float: FloatDType,
  inputs: readonly Input[],
  build: (...edges: Edge[]) => Edge | readonly Edge[],
  step = 1e-3,
  sizes: Readonly<Record<string, number>> = SIZES,
) {
  const sized = (shape: readonly Dim[]) => shape.map((dim) => (typeof dim === 'number' ? dim : sizes[dim]));
  const random = makeRandom(7);
  const make = float === 'float64' ? f64 : f32;
  const uniform = (shape: readonly Dim[]) =>
    make(
      Array.from({ length: sizeOf(sized(shape)) }, () => 0.5 + Math.round(random() * 65536) / 65536),
      sized(shape),
    );

  const graph = new Graph(float);
  const edges = declare(graph, inputs);
  const built = build(...edges);
  const results = 'graph' in built ? [built] : built;
  const ops = graph.nodes.map((node) => node.op);
  const seeds = results.map((y, i) => [y, graph.input(`seed${i}`, y.shape)] as const);
  const wrt = edges.filter((edge) => edge.dtype === float);
  const gradients = differentiate(graph, seeds, wrt);
  expect(gradients.map((edge) => edge.shape)).toEqual(wrt.map((edge) => edge.shape));

  const feeds: Record<string, Tensor> = {};
  inputs.forEach((input, i) => {
    if ('sizes' in input) feeds[`x${i}`] = i64(sized(input.sizes));
    else feeds[`x${i}`] = 'ids' in input ? i32(input.ids, sized(input.shape)) : uniform(input);
  });
  seeds.forEach(([y], i) => (feeds[`seed${i}`] = uniform(y.shape)));

  const named = (kind: string, list: readonly Edge[]) =>
    Object.fromEntries(list.map((edge, i) => [`${kind}${i}`, edge]));
  const run = await createRun([
    extract(graph, 'forward', named('y', results)),
    extract(graph, 'backward', named('g', gradients)),
  ]);
  const loss = async () => {
    const values = await run(feeds, 'forward');
    return results.reduce((sum, _, i) => sum + dot(values[`y${i}`], feeds[`seed${i}`]), 0);
  };
  const found = await run(feeds, 'backward');
  const errors: number[] = [];
  for (const [i, { name }] of wrt.entries()) {
    const expected = await finiteDifferences(loss, feeds[name].data as Float64Array, step);
    errors.push(relativeError(found[`g${i}`].data as Float64Array, expected));
  }
  return { ops, errors, feeds, values: await run(feeds, 'forward') };
}

// ---

function dot(a: Tensor, b: Tensor): number {
  const [left, right] = [a.data as Float64Array, b.data as Float64Array];
  return left.reduce((sum, value, i) => sum + value * right[i], 0);
}
