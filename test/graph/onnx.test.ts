import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Graph, type FloatDType } from '../../src/graph/graph.ts';
import { encodeModel, signatureOf } from '../../src/graph/onnx.ts';
import * as op from '../../src/graph/ops.ts';
import { extract, printGraph, type Subgraph } from '../../src/graph/subgraph.ts';
import { readModel } from '../support/onnx-reader.ts';

/** y = softmax(x w + 0.5) and the place of its maximum: every kind of field but a branch. */
function head(float: FloatDType = 'float32'): Subgraph {
  const graph = new Graph(float);
  const x = graph.input('x', ['N', 2]);
  const biased = op.add(op.gemm(x, graph.weight('w', [3, 2]), { transB: true }), 0.5);
  const y = op.softmax(op.layerNormalization(biased, graph.constant([1, 2, 3]), graph.constant([0, 0, 0]), 1e-5));
  return extract(graph, 'head', { y, rows: op.transpose(y, [1, 0]), best: op.cast(op.argMax(y, 1), 'int32') });
}

function scale(name: string, input: string, shape: readonly (string | number)[] = ['N', 2]): Subgraph {
  const graph = new Graph('float32');
  return extract(graph, name, { [`${name}.y`]: op.mul(graph.input(input, shape), graph.weight('w', [2])) });
}

describe('extract', () => {
  const graph = new Graph('float32');
  const [x, other] = [graph.input('x', ['N', 2]), graph.input('other', ['N', 2])];
  const hidden = op.exp(x);
  const y = op.mul(hidden, other);

  test('keeps what is needed, and renames outputs instead of copying them', () => {
    expect(printGraph(extract(graph, 'part', { hidden }))).toMatchInlineSnapshot(`
      "part
        input x float32[N, 2]
        hidden float32[N, 2] = Exp(x)
        output hidden"
    `);
  });

  test('stops at given edges', () => {
    expect(printGraph(extract(graph, 'part', { y }, [hidden]))).toMatchInlineSnapshot(`
      "part
        input other float32[N, 2]
        input exp.0 float32[N, 2]
        y float32[N, 2] = Mul(exp.0, other)
        output y"
    `);
    expect(printGraph(extract(graph, 'part', { y }, [[hidden, 'h']]))).toMatchInlineSnapshot(`
      "part
        input other float32[N, 2]
        input h float32[N, 2]
        y float32[N, 2] = Mul(h, other)
        output y"
    `);
  });

  test('copies only what has a name already', () => {
    expect(printGraph(extract(graph, 'part', { a: y, b: y, c: x, d: hidden }, [hidden]))).toMatchInlineSnapshot(`
      "part
        input x float32[N, 2]
        input other float32[N, 2]
        input exp.0 float32[N, 2]
        a float32[N, 2] = Mul(exp.0, other)
        b float32[N, 2] = Identity(a)
        c float32[N, 2] = Identity(x)
        d float32[N, 2] = Identity(exp.0)
        output a, b, c, d"
    `);
  });

  test('gives no two edges one name', () => {
    expect(() => extract(graph, 'part', { x: y })).toThrow('two of its edges would be called x');
    expect(() => extract(graph, 'part', { y }, [[hidden, 'other']])).toThrow('two of its edges would be called other');
  });

  test('leaves one piece of a split that was given', () => {
    const [left, right] = op.split(x, [1, 1], 1);
    expect(printGraph(extract(graph, 'part', { y: op.add(left, right) }, [left]))).toMatchInlineSnapshot(`
      "part
        input x float32[N, 2]
        input split.0 float32[N, 1]
        _, split.1 float32[N, 1] = Split(x, [1, 1], axis=1)
        y float32[N, 1] = Add(split.0, split.1)
        output y"
    `);
  });
});

describe('a model, read back through ONNX’s schema', () => {
  test('nodes, weights fed', () => {
    expect(printGraph(head())).toMatchInlineSnapshot(`
      "head
        input x float32[N, 2]
        weight w float32[3, 2]
        gemm.0 float32[N, 3] = Gemm(x, w, transB=1)
        add.0 float32[N, 3] = Add(gemm.0, 0.5)
        layerNormalization.0 float32[N, 3] = LayerNormalization(add.0, [1, 2, 3], [0, 0, 0], axis=-1, epsilon=0.00001)
        y float32[N, 3] = Softmax(layerNormalization.0, axis=-1)
        rows float32[3, N] = Transpose(y, perm=[1, 0])
        argMax.0 int64[N] = ArgMax(y, axis=1, keepdims=0)
        best int32[N] = Cast(argMax.0, to=int32)
        output y, rows, best"
    `);
    expect(show(readModel(encodeModel([head()], { weights: 'inputs' })))).toMatchInlineSnapshot(`
      "{
        irVersion: 10,
        producerName: 'palimpsest',
        graph: {
          node: [
            {
              input: [ 'x', 'w' ],
              output: [ 'gemm.0' ],
              name: 'Gemm gemm.0',
              opType: 'Gemm',
              attribute: [ { name: 'transB', i: 1, type: 2 } ]
            },
            { input: [ 'gemm.0', 'constant.0' ], output: [ 'add.0' ], name: 'Add add.0', opType: 'Add' },
            {
              input: [ 'add.0', 'constant.1', 'constant.2' ],
              output: [ 'layerNormalization.0' ],
              name: 'LayerNormalization layerNormalization.0',
              opType: 'LayerNormalization',
              attribute: [ { name: 'axis', i: -1, type: 2 }, { name: 'epsilon', f: 0.000009999999747378752, type: 1 } ]
            },
            {
              input: [ 'layerNormalization.0' ],
              output: [ 'y' ],
              name: 'Softmax y',
              opType: 'Softmax',
              attribute: [ { name: 'axis', i: -1, type: 2 } ]
            },
            {
              input: [ 'y' ],
              output: [ 'rows' ],
              name: 'Transpose rows',
              opType: 'Transpose',
              attribute: [ { name: 'perm', ints: [ 1, 0 ], type: 7 } ]
            },
            {
              input: [ 'y' ],
              output: [ 'argMax.0' ],
              name: 'ArgMax argMax.0',
              opType: 'ArgMax',
              attribute: [ { name: 'axis', i: 1, type: 2 }, { name: 'keepdims', i: 0, type: 2 } ]
            },
            {
              input: [ 'argMax.0' ],
              output: [ 'best' ],
              name: 'Cast best',
              opType: 'Cast',
              attribute: [ { name: 'to', i: 6, type: 2 } ]
            }
          ],
          name: 'head',
          initializer: [
            { dataType: 1, name: 'constant.0', rawData: 'AAAAPw==' },
            { dims: [ 3 ], dataType: 1, name: 'constant.1', rawData: 'AACAPwAAAEAAAEBA' },
            { dims: [ 3 ], dataType: 1, name: 'constant.2', rawData: 'AAAAAAAAAAAAAAAA' }
          ],
          input: [
            {
              name: 'x',
              type: { tensorType: { elemType: 1, shape: { dim: [ { dimParam: 'N' }, { dimValue: 2 } ] } } }
            },
            {
              name: 'w',
              type: { tensorType: { elemType: 1, shape: { dim: [ { dimValue: 3 }, { dimValue: 2 } ] } } }
            }
          ],
          output: [
            {
              name: 'y',
              type: { tensorType: { elemType: 1, shape: { dim: [ { dimParam: 'N' }, { dimValue: 3 } ] } } }
            },
            {
              name: 'rows',
              type: { tensorType: { elemType: 1, shape: { dim: [ { dimValue: 3 }, { dimParam: 'N' } ] } } }
            },
            { name: 'best', type: { tensorType: { elemType: 6, shape: { dim: [ { dimParam: 'N' } ] } } } }
          ]
        },
        opsetImport: [ { domain: '', version: 21 } ]
      }"
    `);
  });

  test('weights in a file', () => {
    const external = new Map([['w', { offset: 4096, length: 48 }]]);
    const { graph } = readModel(encodeModel([head('float64')], { weights: { external, location: 'w.bin' } }));
    const { input, initializer } = graph as { input: { name: string }[]; initializer: { name: string }[] };
    expect(input.map(({ name }) => name)).toEqual(['x']);
    expect(show(initializer.find(({ name }) => name === 'w'))).toMatchInlineSnapshot(`
      "{
        dims: [ 3, 2 ],
        dataType: 11,
        name: 'w',
        externalData: [ { key: 'location', value: 'w.bin' }, { key: 'offset', value: '4096' }, { key: 'length', value: '48' } ],
        dataLocation: 1
      }"
    `);
  });

  test('the same block built twice is the same bytes', () => {
    expect(encodeModel([head()], { weights: 'inputs' })).toEqual(encodeModel([head()], { weights: 'inputs' }));
  });

  test('integers of any size, both signs', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger(), { minLength: 1 }), (ints) => {
        const graph = new Graph('float32');
        const x = graph.input('x', [Math.abs(ints[0]), 'N']);
        const [y] = graph.append('Any', [x], [x], { ints });
        const model = readModel(encodeModel([extract(graph, 'any', { y })], { weights: 'inputs' }));
        const read = model.graph as { node: { attribute: unknown[] }[]; input: { type: object }[] };
        expect(read.node[0].attribute).toEqual([{ name: 'ints', type: 7, ints }]);
        const dim = [{ dimValue: Math.abs(ints[0]) }, { dimParam: 'N' }];
        expect(read.input[0].type).toEqual({ tensorType: { elemType: 1, shape: { dim } } });
      }),
    );
  });

  const places: [what: string, external: Map<string, { offset: number; length: number }>][] = [
    ['no place', new Map()],
    ['too little', new Map([['w', { offset: 0, length: 20 }]])],
  ];
  test.each(places)('refuses a weight with %s', (_, external) => {
    expect(() => encodeModel([head()], { weights: { external, location: 'w.bin' } })).toThrow(
      /cannot store weight w: .* for float32\[3, 2\]/,
    );
  });
});

describe('several subgraphs in one model', () => {
  const parts = [scale('a', 'x'), scale('b', 'x'), scale('c', 'a.y')];

  test('share inputs by name, switch with bools, and keep a residual’s two ends apart', () => {
    expect(show(signatureOf(parts))).toMatchInlineSnapshot(`
      "{
        inputs: [
          { name: 'run.a', edge: null, dtype: 'bool', shape: [] },
          { name: 'run.b', edge: null, dtype: 'bool', shape: [] },
          { name: 'x', edge: 'x', dtype: 'float32', shape: [ 'N', 2 ] },
          { name: 'given.a.y', edge: 'a.y', dtype: 'float32', shape: [ 'N', 2 ] }
        ],
        outputs: [
          { name: 'a.y', edge: 'a.y', dtype: 'float32', shape: [ 'N', 2 ] },
          { name: 'b.y', edge: 'b.y', dtype: 'float32', shape: [ 'N', 2 ] },
          { name: 'c.y', edge: 'c.y', dtype: 'float32', shape: [ 'N', 2 ] }
        ]
      }"
    `);
  });

  test('are nested Ifs', () => {
    expect(outline(readModel(encodeModel(parts, { weights: 'inputs' })).graph)).toMatchInlineSnapshot(`
      "a.y, b.y, c.y = If(run.a)
        then_branch
          a/nothing.b.y [0, 2]
          a/nothing.c.y [0, 2]
          a/a.y = Mul(x, w)
          a/b.y = Identity(a/nothing.b.y)
          a/c.y = Identity(a/nothing.c.y)
        else_branch
          not.a/a.y, not.a/b.y, not.a/c.y = If(run.b)
            then_branch
              not.a/b/nothing.a.y [0, 2]
              not.a/b/nothing.c.y [0, 2]
              not.a/b/b.y = Mul(x, w)
              not.a/b/a.y = Identity(not.a/b/nothing.a.y)
              not.a/b/c.y = Identity(not.a/b/nothing.c.y)
            else_branch
              not.a/not.b/nothing.a.y [0, 2]
              not.a/not.b/nothing.b.y [0, 2]
              not.a/not.b/c.y = Mul(given.a.y, w)
              not.a/not.b/a.y = Identity(not.a/not.b/nothing.a.y)
              not.a/not.b/b.y = Identity(not.a/not.b/nothing.b.y)"
    `);
  });

  test('must mean the same by a name', () => {
    expect(() => encodeModel([scale('a', 'x'), scale('b', 'x', [2])], { weights: 'inputs' })).toThrow(
      'input x is float32[N, 2] and float32[2]',
    );
  });
});

// ---

/** Plain data on few lines. */
function show(data: unknown): string {
  return inspect(data, { depth: null, compact: 12, breakLength: 116 });
}

interface GraphProto {
  readonly node: readonly {
    readonly opType: string;
    readonly input: readonly string[];
    readonly output: readonly string[];
    readonly attribute?: readonly { readonly name: string; readonly g?: GraphProto }[];
  }[];
  readonly initializer?: readonly { readonly name: string; readonly dims?: readonly number[] }[];
}

/** The nodes of a GraphProto and of the graphs in it, indented. */
function outline(graph: unknown, indent = ''): string {
  const { node, initializer = [] } = graph as GraphProto;
  const stored = initializer.map(({ name, dims = [] }) => `${indent}${name} [${dims.join(', ')}]`);
  const nodes = node.flatMap(({ opType, input, output, attribute = [] }) => [
    `${indent}${output.join(', ')} = ${opType}(${input.join(', ')})`,
    ...attribute.flatMap(({ name, g }) => (g ? [`${indent}  ${name}`, outline(g, `${indent}    `)] : [])),
  ]);
  return [...stored, ...nodes].join('\n');
}
