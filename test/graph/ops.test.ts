import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { formatShape } from '../../src/base/tensor.ts';
import { Graph, type Dim, type Edge } from '../../src/graph/graph.ts';
import * as op from '../../src/graph/ops.ts';

/** A fresh edge of this shape. */
function float(graph: Graph, shape: readonly Dim[]): Edge {
  return graph.input(`x${graph.inputs.length}`, shape);
}

type Row = [
  what: string,
  inputs: readonly (readonly Dim[])[],
  build: (...edges: Edge[]) => Edge,
  shape: readonly Dim[],
];

const ROWS: Row[] = [
  ['two scalars', [[], []], (a, b) => op.add(a, b), []],
  ['a number', [['N', 4]], (a) => op.mul(2, a), ['N', 4]],
  [
    'a row and a column',
    [
      [1, 4],
      ['N', 1],
    ],
    (a, b) => op.add(a, b),
    ['N', 4],
  ],
  [
    'a vector below a batch',
    [
      ['B', 2, 'T', 4],
      ['T', 4],
    ],
    (a, b) => op.sub(a, b),
    ['B', 2, 'T', 4],
  ],
  ['a choice of three widths', [['N', 1], [4], []], (a, b, c) => op.where(op.equal(a, b), c, b), ['N', 4]],

  ['reshape: a name kept, the rest merged', [['B', 'T', 2, 3]], (a) => op.reshape(a, [0, -1], ['B', 'r']), ['B', 'r']],
  ['reshape: the −1 is computed', [['N', 4]], (a) => op.reshape(a, [0, 2, -1]), ['N', 2, 2]],
  ['reshape: to the same shape', [['N', 4]], (a) => op.reshape(a, [-1, 4], ['N', 4]), ['N', 4]],
  ['reshape: a scalar', [[1, 1]], (a) => op.reshape(a, []), []],
  ['transpose', [['B', 'T', 2, 3]], (a) => op.transpose(a, [0, 2, 1, 3]), ['B', 2, 'T', 3]],
  [
    'concat of numbers',
    [
      ['N', 2],
      ['N', 3],
    ],
    (a, b) => op.concat([a, b], -1),
    ['N', 5],
  ],
  [
    'concat of names',
    [
      [2, 'P'],
      [2, 'T'],
    ],
    (a, b) => op.concat([a, b], 1, 'S'),
    [2, 'S'],
  ],
  ['slice of numbers', [['N', 5]], (a) => op.slice(a, 1, 3, 1), ['N', 2]],
  ['slice past the end', [['N', 5]], (a) => op.slice(a, 1, Infinity, 1), ['N', 4]],
  ['slice of a name', [['S', 5]], (a) => op.slice(a, 1, Infinity, 0, 'T'), ['T', 5]],
  ['split', [['N', 5]], (a) => op.split(a, [2, 3], 1)[1], ['N', 3]],
  ['pad', [['N', 5]], (a) => op.pad(a, [0, 1], [0, 2]), ['N', 8]],
  ['expand', [[1, 4]], (a) => op.expand(a, [2, 3, 4]), [2, 3, 4]],
  ['shape', [['N', 5, 2]], (a) => op.shapeOf(a, 1), [2]],

  ['sum that keeps', [['N', 4]], (a) => op.reduceSum(a, [-1]), ['N', 1]],
  ['sum over a name', [['N', 4]], (a) => op.reduceSum(a, [0], false), [4]],
  ['sum to a scalar', [['N', 4]], (a) => op.reduceSum(a, [0, 1], false), []],
  ['mean', [['N', 4]], (a) => op.reduceMean(a, [1]), ['N', 1]],
  ['maximum', [['N', 4]], (a) => op.reduceMax(a, [0]), [1, 4]],
  ['place of the maximum', [['N', 4]], (a) => op.argMax(a, -1), ['N']],
  ['softmax', [['N', 4]], (a) => op.softmax(a), ['N', 4]],
  ['layer normalization', [['N', 4], [4], [4]], (a, w, b) => op.layerNormalization(a, w, b, 1e-5), ['N', 4]],

  [
    'matmul',
    [
      ['N', 2],
      [2, 3],
    ],
    (a, b) => op.matmul(a, b),
    ['N', 3],
  ],
  [
    'matmul in batches',
    [
      ['B', 1, 'T', 2],
      [4, 2, 'S'],
    ],
    (a, b) => op.matmul(a, b),
    ['B', 4, 'T', 'S'],
  ],
  ['gemm', [['N', 'r'], ['r', 3], [3]], (a, b, plus) => op.gemm(a, b, { plus }), ['N', 3]],
  [
    'gemm, A transposed',
    [
      ['N', 2],
      ['N', 3],
    ],
    (a, b) => op.gemm(a, b, { transA: true }),
    [2, 3],
  ],
  [
    'gemm, B transposed',
    [
      ['N', 2],
      [3, 2],
    ],
    (a, b) => op.gemm(a, b, { transB: true }),
    ['N', 3],
  ],
  ['rows by number', [[9, 4]], (a) => op.gather(a, a.graph.input('ids', ['B', 'T'], 'int32')), ['B', 'T', 4]],
];

test.each(ROWS)('%s', (_, inputs, build, shape) => {
  const graph = new Graph('float32');
  const y = build(...inputs.map((input) => float(graph, input)));
  expect(formatShape(y.shape)).toBe(formatShape(shape));
});

describe('element types', () => {
  const graph = new Graph('float64');
  const [x, n, ids] = [graph.input('x', ['N', 2]), graph.input('n', ['N'], 'int32'), graph.input('ids', [2], 'int64')];
  const rows: [what: string, edge: Edge, dtype: string][] = [
    ['a graph’s float', x, 'float64'],
    ['a number takes the other’s', op.add(x, 1), 'float64'],
    ['a comparison', op.equal(n, 3), 'bool'],
    ['a cast', op.cast(n, 'int64'), 'int64'],
    ['a shape', op.shapeOf(x), 'int64'],
    ['a place', op.argMax(x, 1), 'int64'],
    ['rows by int64', op.gather(x, ids), 'float64'],
    ['erf', op.erf(x), 'float64'],
  ];
  test.each(rows)('%s', (_, edge, dtype) => expect(edge.dtype).toBe(dtype));
});

describe('nothing is made twice', () => {
  const graph = new Graph('float32');
  const x = graph.input('x', ['B', 'T', 4]);
  const same: [what: string, a: Edge, b: Edge][] = [
    ['constants', graph.constant([1, 2]), graph.constant([1, 2], [2])],
    ['nodes', op.exp(x), op.exp(x)],
    ['a cast to the type it has', op.cast(x, 'float32'), x],
    ['transposing back', op.transpose(op.transpose(x, [1, 2, 0]), [2, 0, 1]), x],
    ['transposing twice', op.transpose(op.transpose(x, [1, 2, 0]), [1, 2, 0]), op.transpose(x, [2, 0, 1])],
    ['reshaping back', op.reshape(op.reshape(x, [0, -1], ['B', 'r']), [0, -1, 4], ['B', 'T', 4]), x],
    ['expanding to its own shape', op.expand(x, ['B', 'T', 4]), x],
  ];
  test.each(same)('%s', (_, a, b) => expect(a).toBe(b));

  const different: [what: string, a: Edge, b: Edge][] = [
    ['constants of another type', graph.constant(1), graph.constant(1, [], 'int32')],
    ['constants of another shape', graph.constant([1, 2], [2, 1]), graph.constant([1, 2])],
    ['zeros of another sign', graph.constant(0), graph.constant(-0)],
    ['nodes with another setting', op.reduceSum(x, [2]), op.reduceSum(x, [2], false)],
    ['nodes with operands exchanged', op.sub(x, 1), op.sub(1, x)],
  ];
  test.each(different)('but %s', (_, a, b) => expect(a).not.toBe(b));
});

describe('an ill-formed graph can’t be built', () => {
  const graph = new Graph('float32');
  const other = new Graph('float32');
  const [n4, n3, m4] = [graph.input('n4', ['N', 4]), graph.input('n3', ['N', 3]), graph.input('m4', ['M', 4])];
  const [ids, sizes] = [graph.input('ids', ['R'], 'int32'), graph.shapeInput('sizes', ['N', 2, 2])];
  const faults: [what: string, build: () => unknown][] = [
    ['widths differ', () => op.add(n4, n3)],
    ['names differ', () => op.add(n4, m4)],
    ['types differ', () => op.add(n4, ids)],
    ['no floats', () => op.exp(ids)],
    ['two numbers', () => op.add(1, 2)],
    ['a condition of floats', () => op.where(n4, n4, n4)],
    ['reshape to another size', () => op.reshape(graph.constant([1, 2, 3]), [2, 2])],
    ['reshape to a size nobody knows', () => op.reshape(n4, [-1, 2])],
    ['reshape to something else than declared', () => op.reshape(n4, [0, 2, 2], ['N', 4, 1])],
    ['reshape by sizes of another rank', () => op.reshape(n4, sizes, ['N', 4])],
    ['reshape by sizes without a declaration', () => op.reshape(n4, sizes)],
    ['an order that names an axis twice', () => op.transpose(n4, [0, 0])],
    ['an axis that isn’t there', () => op.reduceSum(n4, [2])],
    ['a mean over a name', () => op.reduceMean(n4, [0])],
    ['parts of other widths', () => op.concat([n4, n3], 0, 'M')],
    ['names put together without a declaration', () => op.concat([n4, n4], 0)],
    ['a slice outside', () => op.slice(n4, 4, 6, 1)],
    ['a slice of a name without a declaration', () => op.slice(n4, 0, 1, 0)],
    ['pieces that don’t add up', () => op.split(n4, [1, 2], 1)],
    ['padding a name', () => op.pad(n4, [1, 0], [0, 0])],
    ['expanding to less', () => op.expand(n4, ['N', 1])],
    ['expanding to a size nobody knows', () => op.expand(graph.constant([1]), ['N'])],
    ['rows by floats', () => op.gather(n4, n3)],
    ['rows added where there are none', () => op.scatterAdd(n4, op.cast(ids, 'int64'), n4)],
    ['a product of other depths', () => op.matmul(n4, n3)],
    ['a gemm of other depths', () => op.gemm(n4, n3, { transB: true })],
    ['a gemm of three axes', () => op.gemm(op.reshape(n4, [0, 2, 2]), n4)],
    ['a gemm with too wide an addend', () => op.gemm(n4, n4, { transB: true, plus: n4 })],
    ['a weight of another width', () => op.layerNormalization(n4, graph.constant([1]), graph.constant([1]), 1)],
    ['an edge of another graph', () => op.add(n4, other.input('x', ['N', 4]))],
    ['a name that is taken', () => graph.input('n4', ['N'])],
    ['a constant with too few values', () => graph.constant([1, 2], [3])],
  ];

  const messages = faults.map(([what, build]) => {
    try {
      build();
    } catch (error) {
      return `${what}: ${error instanceof EditorError ? error.message.split(';')[0] : error}`;
    }
    return `${what}: nothing thrown`;
  });
  test('each fault says what it found', () =>
    expect(messages).toMatchInlineSnapshot(`
    [
      "widths differ: cannot build Add: shapes [N, 4] and [N, 3] don't broadcast",
      "names differ: cannot build Add: shapes [N, 4] and [M, 4] don't broadcast",
      "types differ: cannot build Add: float32[N, 4] and int32[R]",
      "no floats: cannot compute with floats: ids is int32",
      "two numbers: cannot build Add: 1 and 2 are two numbers",
      "a condition of floats: cannot build Where: the condition is float32",
      "reshape to another size: cannot reshape [3] by [2, 2]: 3 values don't fill [2, 2]",
      "reshape to a size nobody knows: cannot reshape [N, 4] by [-1, 2]: nothing says how large the −1 is",
      "reshape to something else than declared: cannot reshape [N, 4] by [0, 2, 2]: it yields [N, 2, 2], not [N, 4, 1]",
      "reshape by sizes of another rank: cannot build Reshape: int64[3] tells the sizes of [N, 4]",
      "reshape by sizes without a declaration: cannot build Reshape: int64[3] tells the sizes of nothing",
      "an order that names an axis twice: cannot build Transpose: order [0, 0] for shape [N, 4]",
      "an axis that isn’t there: cannot build ReduceSum: axis 2 of a tensor of rank 2",
      "a mean over a name: cannot build ReduceMean: axes [0] of float32[N, 4] have no size yet",
      "parts of other widths: cannot build Concat: float32[N, 3] does not continue float32[N, 4] along axis 0",
      "names put together without a declaration: cannot build Concat: sizes [N, N] along axis 0 and nothing declared",
      "a slice outside: cannot build Slice: 4 … 6 of axis 1 in float32[N, 4], nothing declared",
      "a slice of a name without a declaration: cannot build Slice: axis 0 of float32[N, 4] has no size yet and none is declared",
      "pieces that don’t add up: cannot build Split: sizes [1, 2] for axis 1 of float32[N, 4]",
      "padding a name: cannot build Pad: 1 and 0 more along axis 0 of float32[N, 4]",
      "expanding to less: cannot build Expand: shape [N, 4] is wider than [N, 1]",
      "expanding to a size nobody knows: cannot build Expand: nothing says how large [N] is",
      "rows by floats: cannot build Gather: the ids are float32",
      "rows added where there are none: cannot build ScatterND: float32[N, 4] at int64[R] of float32[N, 4]",
      "a product of other depths: cannot build MatMul: float32[N, 4] by float32[N, 3]",
      "a gemm of other depths: cannot build Gemm: float32[N, 4] by float32[N, 3] transposed",
      "a gemm of three axes: cannot build Gemm: float32[N, 2, 2] by float32[N, 4]",
      "a gemm with too wide an addend: cannot build Gemm: shapes [N, 4] and [N, N] don't broadcast",
      "a weight of another width: cannot build LayerNormalization: float32[1] for float32[N, 4]",
      "an edge of another graph: cannot add Add: its input x is not of this graph",
      "a name that is taken: cannot name n4: the graph has an edge of that name",
      "a constant with too few values: cannot make a constant: 2 values for shape [3]",
    ]
  `));
});
