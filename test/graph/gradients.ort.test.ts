import { describe, expect, test } from 'vitest';
import { f64, sizeOf } from '../../src/base/tensor.ts';
import { GRADIENTS } from '../../src/graph/gradients.ts';
import { Graph, type Edge } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/ops.ts';
import { extract, printGraph } from '../../src/graph/subgraph.ts';
import { differentiate } from '../../src/graph/vjp.ts';
import { OPS, type Op } from '../../src/graph/vocabulary.ts';
import { finiteDifferences, relativeError } from '../support/finite.ts';
import { runOnce } from '../support/ort.ts';
import { checkGradients, declare, type Input } from './check.ts';

type Row = [op: Op, what: string, inputs: readonly Input[], build: (...edges: Edge[]) => Edge | readonly Edge[]];

/** Rules that pass a gradient, each against central differences. */
const ROWS: Row[] = [
  [
    'Add',
    'same shape',
    [
      ['N', 2],
      ['N', 2],
    ],
    (a, b) => op.add(a, b),
  ],
  [
    'Add',
    'a row and a column',
    [
      [1, 2],
      ['N', 1],
    ],
    (a, b) => op.add(a, b),
  ],
  ['Add', 'a vector and a scalar', [['N', 2], [2], []], (a, b, c) => op.add(op.add(a, b), c)],
  ['Add', 'to itself', [['N', 2]], (a) => op.add(a, a)],
  ['Sub', 'broadcast', [['N', 2], [2]], (a, b) => op.sub(a, b)],
  ['Sub', 'from a number', [['N', 2]], (a) => op.sub(1, a)],
  [
    'Mul',
    'broadcast',
    [
      ['N', 2],
      ['N', 1],
    ],
    (a, b) => op.mul(a, b),
  ],
  ['Mul', 'by itself', [['N', 2]], (a) => op.mul(a, a)],
  ['Div', 'broadcast', [['N', 2], [2]], (a, b) => op.div(a, b)],
  ['Div', 'of a number', [['N', 2]], (a) => op.div(1, a)],
  ['Neg', '', [['N', 2]], (a) => op.neg(a)],
  ['Exp', '', [['N', 2]], (a) => op.exp(a)],
  ['Log', '', [['N', 2]], (a) => op.log(a)],
  ['Sqrt', '', [['N', 2]], (a) => op.sqrt(a)],
  ['Tanh', '', [['N', 2]], (a) => op.tanh(a)],
  ['Sigmoid', '', [['N', 2]], (a) => op.sigmoid(a)],
  [
    'Where',
    'broadcast',
    [['N', 2], [2], { ids: [0, 1, 0, 0], shape: ['N', 1] }],
    (a, b, c) => op.where(op.equal(c, 0), a, b),
  ],
  ['Where', 'a number', [['N', 2], { ids: [0, 1, 0, 0], shape: ['N', 1] }], (a, c) => op.where(op.equal(c, 0), 2, a)],
  ['Cast', 'to float32 and back', [['N', 2]], (a) => op.cast(op.cast(a, 'float32'), a.dtype)],
  ['Identity', '', [['N', 2]], (a) => op.identity(a)],

  [
    'Reshape',
    'a name that moves',
    [['N', 6]],
    (a) => op.mul(op.reshape(a, [2, -1, 3], [2, 'N', 3]), numbers(a, [2, 1, 3])),
  ],
  [
    'Reshape',
    'two names told by a shape input',
    [['B', 'T', 6], { sizes: ['B', 'T', -1, 3] }],
    (a, s) => op.exp(op.reshape(op.reshape(a, [-1, 6], ['N', 6]), s, ['B', 'T', 2, 3])),
  ],
  ['Reshape', 'two names told by nobody', [['B', 'T', 6]], (a) => op.exp(op.reshape(a, [-1, 6], ['N', 6]))],
  ['Transpose', '', [['B', 2, 3]], (a) => op.mul(op.transpose(a, [2, 0, 1]), numbers(a, [3, 1, 2]))],
  [
    'Concat',
    'known sizes',
    [
      ['N', 2],
      ['N', 3],
      ['N', 1],
    ],
    (...parts) => op.concat(parts, 1),
  ],
  [
    'Concat',
    'a past, told by a shape input',
    [[2, 'P', 2], [2, 'T', 2], { sizes: ['P'] }],
    (a, b) => op.concat([a, b], 1, 'S'),
  ],
  [
    'Concat',
    'a past, told by its own shape',
    [
      [2, 'P', 2],
      [2, 'T', 2],
    ],
    (a, b) => op.concat([a, b], 1, 'S'),
  ],
  ['Slice', 'inside', [['N', 5]], (a) => op.slice(a, 1, 4, 1)],
  ['Slice', 'to the end', [['N', 5]], (a) => op.slice(a, 2, Infinity, 1)],
  ['Split', 'all pieces', [['N', 6]], (a) => op.split(a, [1, 2, 3], 1)],
  ['Split', 'the first piece', [['N', 6]], (a) => op.split(a, [1, 2, 3], 1)[0]],
  ['Split', 'the middle piece', [['N', 6]], (a) => op.split(a, [1, 2, 3], 1)[1]],
  ['Split', 'all but the middle', [['N', 6]], (a) => op.split(a, [1, 2, 3], 1).filter((_, i) => i !== 1)],
  ['Pad', '', [['N', 2]], (a) => op.pad(a, [0, 1], [0, 2])],
  ['Expand', 'known sizes', [[3, 1]], (a) => op.expand(a, [2, 3, 4])],
  ['Expand', 'names', [[1, 2], { sizes: ['N', 2] }], (a, s) => op.expand(a, ['N', 2], s)],
  ['Gather', 'rows, one twice', [[4, 2], { ids: [3, 0, 3, 1], shape: ['R'] }], (a, ids) => op.gather(a, ids)],
  [
    'Gather',
    'rows of an open table by a matrix',
    [['N', 2], { ids: [2, 0, 2, 1], shape: ['B', 'T'] }],
    (a, ids) => op.gather(a, ids),
  ],
  [
    'ScatterND',
    'rows, two at one place',
    [['N', 2], ['R', 2], { ids: [2, 0, 2, 1], shape: ['R', 1] }],
    (a, rows, ids) => op.scatterAdd(a, op.cast(ids, 'int64'), rows),
  ],

  ['ReduceSum', 'the last axis', [['N', 2]], (a) => op.reduceSum(a, [-1])],
  ['ReduceSum', 'to a scalar', [['N', 2]], (a) => op.reduceSum(a, [0, 1], false)],
  ['ReduceSum', 'an axis that goes, squared', [['N', 2, 3]], (a) => square(op.reduceSum(square(a), [1], false))],
  ['ReduceMean', 'the last axis, squared', [['N', 2]], (a) => square(op.reduceMean(square(a), [-1]))],
  ['ReduceMean', 'an axis that goes', [['N', 2]], (a) => op.reduceMean(a, [1], false)],
  ['Softmax', '', [['N', 4]], (a) => op.softmax(op.mul(a, 3))],
  [
    'LayerNormalization',
    'input, weight and bias',
    [['N', 4], [4], [4]],
    (a, w, b) => op.layerNormalization(op.mul(a, a), w, b, 1e-5),
  ],

  [
    'MatMul',
    'matrices',
    [
      ['N', 2],
      [2, 3],
    ],
    (a, b) => op.matmul(a, b),
  ],
  [
    'MatMul',
    'batches that broadcast',
    [
      ['B', 1, 'T', 2],
      [3, 2, 4],
    ],
    (a, b) => op.matmul(a, b),
  ],
  ['Gemm', 'with a bias', [['N', 2], [2, 3], [3]], (a, b, c) => op.gemm(a, b, { plus: c })],
  [
    'Gemm',
    'A transposed, with a column',
    [
      [2, 'N'],
      [2, 3],
      ['N', 1],
    ],
    (a, b, c) => op.gemm(a, b, { transA: true, plus: c }),
  ],
  [
    'Gemm',
    'B transposed, with a matrix',
    [
      ['N', 2],
      [3, 2],
      ['N', 3],
    ],
    (a, b, c) => op.gemm(a, b, { transB: true, plus: c }),
  ],
  [
    'Gemm',
    'both transposed',
    [
      [2, 'N'],
      [3, 2],
    ],
    (a, b) => op.gemm(a, b, { transA: true, transB: true }),
  ],
  [
    'Gemm',
    'inner size 0',
    [
      ['N', 'r'],
      [2, 'r'],
      ['N', 2],
    ],
    (a, b, c) => op.gemm(a, b, { transB: true, plus: square(c) }),
  ],
];

/** Rules that pass nothing: the result is no float, or a constant by decision. */
const BLOCKED: Row[] = [
  ['Equal', '', [['N', 2]], (a) => op.cast(op.equal(a, a), a.dtype)],
  ['Shape', '', [['N', 2]], (a) => op.cast(op.shapeOf(a), a.dtype)],
  ['ReduceMax', '', [['N', 2]], (a) => op.reduceMax(a, [1])],
  ['ArgMax', '', [['N', 2]], (a) => op.cast(op.argMax(a, 1), a.dtype)],
];

describe('the rules against central differences, in float64', () => {
  test.each(ROWS)('%s %s', async (name, _, inputs, build) => {
    // With values and steps of few bits, a cast to float32 loses nothing.
    const { ops, errors } = await checkGradients('float64', inputs, build, name === 'Cast' ? 0.25 : 1e-3);
    expect(ops).toContain(name);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });

  // ORT has no float64 Erf. Its rule needs none: the gradient alone runs in float64, the differences are of a series.
  test('Erf', async () => {
    const graph = new Graph('float64');
    const x = graph.input('x', ['N']);
    const [y] = graph.append('Erf', [x], [x]);
    const [dx] = differentiate(graph, [[y, null]], [x]);
    const values = Float64Array.of(-2, -0.3, 0, 0.7, 1.9);
    const found = await runOnce(extract(graph, 'rule', { dx }), { x: f64(values, [5]) });
    const expected = await finiteDifferences(async () => values.reduce((sum, value) => sum + erf(value), 0), values);
    expect(relativeError(found.dx.data as Float64Array, expected)).toBeLessThan(1e-8);
  });

  test('Erf whole, in float32', async () => {
    const { ops, errors } = await checkGradients('float32', [['N', 2]], (a) => op.erf(a), 0.02);
    expect(ops).toContain('Erf');
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  });
});

describe('the rules that pass nothing', () => {
  test.each(BLOCKED)('%s', (name, _, inputs, build) => {
    const graph = new Graph('float64');
    const [x] = declare(graph, inputs);
    const y = build(x) as Edge;
    expect(GRADIENTS[name]).toBeNull();
    expect(graph.nodes.map((node) => node.op)).toContain(name);
    expect(() => differentiate(graph, [[y, null]], [x])).toThrow('depends on x0 [N, 2]');
  });

  test('beside one that does, they count as constants', () => {
    const graph = new Graph('float64');
    const x = graph.input('x', ['N', 2]);
    const y = op.mul(x, op.reduceMax(x, [1]));
    const [dx] = differentiate(graph, [[y, graph.input('dy', ['N', 2])]], [x]);
    expect(printGraph(extract(graph, 'backward', { dx }))).toMatchInlineSnapshot(`
      "backward
        input x float64[N, 2]
        input dy float64[N, 2]
        reduceMax.0 float64[N, 1] = ReduceMax(x, [1], keepdims=1)
        dx float64[N, 2] = Mul(dy, reduceMax.0)
        output dx"
    `);
  });
});

test('rows tested, rows of the table and operations that verbs emit are the same', () => {
  const tested = new Set([...ROWS, ...BLOCKED].map(([name]) => name)).add('Erf');
  expect([...tested].sort()).toEqual(Object.keys(GRADIENTS).sort());
  expect([...OPS].sort()).toEqual(Object.keys(GRADIENTS).sort());
});

// ---

/** erf by its power series, exact to double precision for |z| ≤ 2. */
function erf(z: number): number {
  let term = z;
  let total = z;
  for (let n = 1; n < 60; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * total;
}

function square(x: Edge): Edge {
  return op.mul(x, x);
}

/** Distinct weights, so that a gradient that lands in the wrong place shows. */
function numbers(x: Edge, shape: readonly number[]): Edge {
  return x.graph.constant(
    Array.from({ length: sizeOf(shape) }, (_, i) => 1 + i / 3),
    shape,
  );
}
