import { describe, expect, test } from 'vitest';
import { makeRandom, normal } from '../../src/base/random.ts';
import { f64, sizeOf, type Tensor } from '../../src/base/tensor.ts';
import { cut } from '../../src/graph/cut.ts';
import { Graph, type Edge } from '../../src/graph/graph.ts';
import { layerNorm } from '../../src/graph/layers.ts';
import * as op from '../../src/graph/ops.ts';
import { extract, printGraph } from '../../src/graph/subgraph.ts';
import { differentiate } from '../../src/graph/vjp.ts';
import { createRun, runOnce } from '../support/ort.ts';
import { checkGradients } from './check.ts';

function random(shape: readonly number[], seed: number): Tensor {
  const draw = makeRandom(seed);
  return f64(
    Array.from({ length: sizeOf(shape) }, () => normal(draw)),
    shape,
  );
}

/** The nodes that differentiation adds, as text. */
function gradientText(y: Edge, wrt: Record<string, Edge>, seed: Edge | null = null): string {
  const gradients = differentiate(y.graph, [[y, seed]], Object.values(wrt));
  const names = Object.keys(wrt).map((name, i) => [`d${name}`, gradients[i]] as const);
  return printGraph(extract(y.graph, 'gradient', Object.fromEntries(names)));
}

describe('sums back over what broadcasting repeated', () => {
  const rows: [what: string, inputs: (string | number)[][], build: (...edges: Edge[]) => Edge][] = [
    [
      'leading axes',
      [
        ['B', 2, 'T', 3],
        ['T', 3],
      ],
      (a, b) => op.mul(a, b),
    ],
    [
      'inner axes',
      [
        ['B', 2, 'T', 3],
        ['B', 1, 'T', 1],
      ],
      (a, b) => op.mul(a, b),
    ],
    [
      'both',
      [
        ['B', 2, 'T', 3],
        [2, 1, 1],
      ],
      (a, b) => op.mul(a, b),
    ],
    ['all axes', [['N', 3], []], (a, b) => op.mul(a, b)],
    ['a gradient that only repeats', [['N', 3], [3]], (a, b) => op.reduceSum(op.add(a, b), [1])],
    [
      'one that repeats where the input does',
      [
        ['N', 3],
        ['N', 1],
      ],
      (a, b) => op.reduceSum(op.add(a, b), [1]),
    ],
    [
      'a gradient that only repeats, into a product',
      [
        ['N', 3],
        [3, 2],
      ],
      (a, b) => op.reduceSum(op.gemm(a, b), [0, 1], false),
    ],
    ['an edge read three times', [['N', 3]], (a) => op.add(op.mul(a, op.exp(a)), op.div(a, op.reduceSum(a, [1])))],
    ['a diamond', [['N', 3]], (a) => diamond(op.mul(a, a))],
    ['an operand on both sides of a product', [[3, 3]], (a) => op.matmul(a, a)],
  ];
  test.each(rows)('%s', async (_, inputs, build) => {
    const { errors } = await checkGradients('float64', inputs, build);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });
});

describe('adds only what is wanted', () => {
  const graph = new Graph('float32');
  const [x, w, v] = [graph.input('x', ['N', 4]), graph.weight('w', [4, 3]), graph.weight('v', [3, 2])];
  const hidden = op.tanh(op.gemm(x, w));
  const y = op.gemm(hidden, v);
  const dy = graph.input('dy', ['N', 2]);

  test('no weight gradients, no transposed weights', () => {
    expect(gradientText(y, { x }, dy)).toMatchInlineSnapshot(`
      "gradient
        input x float32[N, 4]
        input dy float32[N, 2]
        weight w float32[4, 3]
        weight v float32[3, 2]
        gemm.0 float32[N, 3] = Gemm(x, w)
        tanh.0 float32[N, 3] = Tanh(gemm.0)
        gemm.2 float32[N, 3] = Gemm(dy, v, transB=1)
        mul.0 float32[N, 3] = Mul(tanh.0, tanh.0)
        sub.0 float32[N, 3] = Sub(1, mul.0)
        mul.1 float32[N, 3] = Mul(gemm.2, sub.0)
        dx float32[N, 4] = Gemm(mul.1, w, transB=1)
        output dx"
    `);
  });

  test('nothing below an edge in between', () => {
    expect(gradientText(y, { hidden }, dy)).toMatchInlineSnapshot(`
      "gradient
        input dy float32[N, 2]
        weight v float32[3, 2]
        dhidden float32[N, 3] = Gemm(dy, v, transB=1)
        output dhidden"
    `);
  });

  test('a sum’s gradient is not written out', () => {
    expect(gradientText(op.reduceSum(op.exp(x), [0, 1], false), { x })).toMatchInlineSnapshot(`
      "gradient
        input x float32[N, 4]
        exp.0 float32[N, 4] = Exp(x)
        reshape.0 float32[1, 1] = Reshape(1, [1, 1])
        dx float32[N, 4] = Mul(reshape.0, exp.0)
        output dx"
    `);
  });

  test('unless it is asked for itself', () => {
    expect(gradientText(op.reduceSum(x, [1]), { x })).toMatchInlineSnapshot(`
      "gradient
        input x float32[N, 4]
        shape.0 int64[2] = Shape(x)
        dx float32[N, 4] = Expand([1], shape.0)
        output dx"
    `);
  });
});

describe('refuses', () => {
  const graph = new Graph('float32');
  const [x, y] = [graph.input('x', ['N', 4]), graph.input('y', ['N', 4])];
  const rows: [what: string, attempt: () => unknown][] = [
    ['an operation without a rule', () => differentiate(graph, [[graph.append('Mish', [x], [x])[0], null]], [x])],
    ['what no seed depends on', () => differentiate(graph, [[op.exp(x), null]], [x, y])],
    ['a seed of another shape', () => differentiate(graph, [[op.exp(x), graph.input('seed', ['N', 1])]], [x])],
  ];
  test('with the name of what it can’t do', () => {
    const messages = rows.map(([what, attempt]) => {
      try {
        attempt();
      } catch (error) {
        return `${what}: ${(error as Error).message}`;
      }
      return `${what}: nothing thrown`;
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "an operation without a rule: cannot differentiate Mish: no rule for it in the gradient table; add a row",
        "what no seed depends on: cannot differentiate: nothing that has a gradient depends on y [N, 4]; report this with the steps that led here",
        "a seed of another shape: cannot differentiate: the seed of exp.0 [N, 4] is seed [N, 1]; report this with the steps that led here",
      ]
    `);
  });
});

describe('cut into forward and backward', () => {
  /** Two layers with a norm, a gate and a residual stream; small, but with every kind of value a cut meets. */
  function build() {
    const graph = new Graph('float64');
    const x = graph.input('x', ['N', 4]);
    const normal = layerNorm(x, graph.weight('norm.w', [4]), graph.weight('norm.b', [4]), 1e-5);
    const inner = op.gemm(normal, graph.weight('in', [4, 6]));
    const gated = op.mul(inner, op.sigmoid(inner));
    const mid = op.add(x, op.gemm(gated, graph.weight('out', [6, 4])));
    const turned = op.transpose(op.reshape(mid, [-1, 2, 2], ['N', 2, 2]), [1, 0, 2]);
    const scores = op.matmul(turned, op.transpose(turned, [0, 2, 1]));
    const y = op.add(
      mid,
      op.reshape(op.transpose(op.matmul(op.softmax(scores), turned), [1, 0, 2]), [-1, 4], ['N', 4]),
    );
    const dy = graph.input('dy', ['N', 4]);
    const [dx, dInner] = differentiate(graph, [[y, dy]], [x, inner]);
    return { graph, y, dx, dInner, mid };
  }
  const weights = { 'norm.w': random([4], 1), 'norm.b': random([4], 2), in: random([4, 6], 3), out: random([6, 4], 4) };
  const feeds = { x: random([5, 4], 5), dy: random([5, 4], 6), ...weights };

  test('equals uncut to the last digit, in two models and in one', async () => {
    const { graph, y, dx, dInner } = build();
    const whole = await runOnce(extract(graph, 'whole', { y, dx, dInner }), feeds);
    const parts = cut(graph, { name: 'forward', outputs: { y } }, [
      { name: 'vjp', outputs: { dx, dInner } },
      { name: 'edge', outputs: { dInner } },
    ]);
    const apart = await Promise.all(parts.map((part) => createRun([part])));
    const together = await createRun(parts, weights);
    for (const run of [
      (name: string, given: Record<string, Tensor>) =>
        apart[parts.findIndex((part) => part.name === name)](given, name),
      (name: string, given: Record<string, Tensor>) => together(given, name),
    ]) {
      const forward = await run('forward', feeds);
      const vjp = await run('vjp', { ...feeds, ...forward });
      const edge = await run('edge', { ...feeds, ...forward });
      expect({ y: forward.y, ...vjp }).toEqual(whole);
      expect(edge.dInner).toEqual(whole.dInner);
    }
  });

  test('stores the least from which the rest follows without a product', () => {
    const { graph, y, dx } = build();
    const [forward, vjp] = cut(graph, { name: 'forward', outputs: { y } }, [{ name: 'vjp', outputs: { dx } }]);
    expect([...forward.outputs.keys()]).toMatchInlineSnapshot(`
      [
        "y",
        "residual.gemm.0",
        "residual.add.0",
        "residual.softmax.0",
      ]
    `);
    expect(vjp.inputs.map((edge) => edge.name)).toMatchInlineSnapshot(`
      [
        "x",
        "dy",
        "residual.gemm.0",
        "residual.add.0",
        "residual.softmax.0",
      ]
    `);
  });

  test('reads what is an output anyway under its own name', () => {
    const { graph, y, dx, mid } = build();
    const outputs = { y, mid };
    const [forward, vjp] = cut(graph, { name: 'forward', outputs }, [{ name: 'vjp', outputs: { dx } }]);
    expect([...forward.outputs.keys()]).toMatchInlineSnapshot(`
      [
        "y",
        "mid",
        "residual.gemm.0",
        "residual.softmax.0",
      ]
    `);
    expect(vjp.inputs.map((edge) => edge.name)).toContain('mid');
    expect(forward.nodes.filter((node) => node.op === 'Identity')).toEqual([]);
  });

  test('prefers one wide value to two, and two narrow ones to one wide', () => {
    const graph = new Graph('float32');
    const [x, w] = [graph.input('x', ['N', 4]), graph.weight('w', [4, 8])];
    const both = (a: Edge, b: Edge) => {
      const y = op.exp(op.add(a, b));
      const [dx] = differentiate(graph, [[y, null]], [x]);
      const [forward] = cut(graph, { name: 'forward', outputs: { sum: op.reduceSum(y, [0, 1], false) } }, [
        { name: 'vjp', outputs: { dx } },
      ]);
      return [...forward.outputs.values()].map((edge) => edge.shape).slice(1);
    };
    expect(both(op.gemm(x, w), op.gemm(op.tanh(x), w))).toEqual([['N', 8]]);
    const narrow = graph.weight('narrow', [4, 1]);
    const column = op.gemm(op.tanh(x), narrow);
    expect(both(op.gemm(x, narrow), op.mul(column, graph.weight('row', [1, 8])))).toEqual([
      ['N', 1],
      ['N', 1],
    ]);
  });
});

// ---

function diamond(a: Edge): Edge {
  return op.add(op.mul(a, op.sqrt(a)), op.log(a));
}
