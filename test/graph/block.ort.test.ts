import { beforeAll, describe, expect, test } from 'vitest';
import { makeRandom, normal } from '../../src/base/random.ts';
import { f32, f64, i64, sizeOf, type Tensor } from '../../src/base/tensor.ts';
import { cut } from '../../src/graph/cut.ts';
import { Graph, type Dim, type Edge, type FloatDType } from '../../src/graph/graph.ts';
import * as layer from '../../src/graph/layers.ts';
import { add, concat, split } from '../../src/graph/ops.ts';
import { extract, printGraph, type Subgraph } from '../../src/graph/subgraph.ts';
import { differentiate } from '../../src/graph/vjp.ts';
import { finiteDifferences, relativeError } from '../support/finite.ts';
import { createRun, runOnce, type Run, type Tensors } from '../support/ort.ts';

const [D, F, H] = [8, 12, 2];
const SIZE = D / H;

/**
 * A transformer block as GPT-2 has it, with all that an edit needs: a past, a low-rank patch at both projections, deltas at
 * the rows that `sel` chooses.
 */
function block(float: FloatDType) {
  const graph = new Graph(float);
  const x = graph.input('x', ['N', D]);
  const heads = graph.shapeInput('heads', ['B', 'T', -1, SIZE]);
  graph.shapeInput('past_length', ['P']);
  const past = (name: string) => graph.input(name, ['B', H, 'P', SIZE]);
  const [mask, sel] = [graph.input('mask', ['B', 1, 'T', 'S']), graph.input('sel', ['N', 'n'])];
  const deltas = { attn: graph.input('delta_attn', ['n', D]), mlp: graph.input('delta_mlp', ['n', D]) };
  const matrix = (name: string, rows: number, columns: number) =>
    ({ weight: graph.weight(name, [rows, columns]), layout: 'in,out' }) as const;
  const vector = (name: string, size = D) => graph.weight(name, [size]);
  const patched = (y: Edge, key: Edge, site: 'attn' | 'mlp') => {
    const [left, right] = [graph.input(`${site}.left`, [D, 'r']), graph.input(`${site}.right`, ['r', key.shape[1]])];
    return layer.addRows(layer.addLowRank(y, key, left, right), sel, deltas[site]);
  };

  const attnIn = layer.layerNorm(x, vector('ln1.w'), vector('ln1.b'), 1e-5);
  const fused = layer.linear(attnIn, matrix('qkv', D, 3 * D), vector('qkv.b', 3 * D));
  const [q, k, v] = split(fused, [D, D, D], 1).map((part) => layer.splitHeads(part, heads, SIZE));
  const presentK = concat([past('past_k'), k], 2, 'S');
  const presentV = concat([past('past_v'), v], 2, 'S');
  const z = layer.mergeHeads(layer.attention(q, presentK, presentV, { mask, scale: 1 / Math.sqrt(SIZE) }));
  const mid = add(x, patched(layer.linear(z, matrix('o', D, D), vector('o.b')), z, 'attn'));
  const mlpIn = layer.layerNorm(mid, vector('ln2.w'), vector('ln2.b'), 1e-5);
  const post = layer.geluTanh(layer.linear(mlpIn, matrix('in', D, F), vector('in.b', F)));
  const y = add(mid, patched(layer.linear(post, matrix('out', F, D), vector('out.b')), post, 'mlp'));

  const dy = graph.input('dy', ['N', D]);
  const [dx, dAttn, dMlp] = differentiate(graph, [[y, dy]], [x, deltas.attn, deltas.mlp]);
  return {
    graph,
    forward: { y, present_k: presentK, present_v: presentV },
    gradients: { dx, d_attn: dAttn, d_mlp: dMlp },
  };
}

function parts(float: FloatDType): Subgraph[] {
  const { graph, forward, gradients } = block(float);
  const { d_attn, d_mlp } = gradients;
  return cut(graph, { name: 'forward', outputs: forward }, [
    { name: 'vjp', outputs: gradients },
    { name: 'edge', outputs: { d_attn, d_mlp } },
    { name: 'mlp_edge', outputs: { d_mlp } },
  ]);
}

/** Random numbers for every input and weight of the parts; the mask hides what comes later. */
function draw(subgraphs: readonly Subgraph[], sizes: Record<string, number>, float: FloatDType) {
  const random = makeRandom(3);
  const make = float === 'float64' ? f64 : f32;
  const drawn = (shape: readonly Dim[]) => {
    const dims = shape.map((dim) => (typeof dim === 'number' ? dim : sizes[dim]));
    return make(
      Array.from({ length: sizeOf(dims) }, () => normal(random) / 2),
      dims,
    );
  };
  const fill = (edges: readonly Edge[]) => Object.fromEntries(edges.map((edge) => [edge.name, drawn(edge.shape)]));
  const weights: Tensors = fill(subgraphs[0].weights);
  const { B, T, P, S } = sizes;
  const hidden = Array.from({ length: B * T * S }, (_, i) => (i % S > P + (Math.floor(i / S) % T) ? -1e9 : 0));
  const feeds: Tensors = {
    ...fill(
      subgraphs
        .flatMap((part) => part.inputs)
        .filter((edge) => edge.dtype === float && !edge.name.startsWith('residual')),
    ),
    mask: make(hidden, [B, 1, T, S]),
    heads: i64([B, T, -1, SIZE]),
    past_length: i64([P]),
  };
  return { weights, feeds };
}

const CASES: [what: string, sizes: Record<string, number>][] = [
  ['a past, two patches, one delta for two rows', { B: 2, T: 3, N: 6, P: 2, S: 5, r: 2, n: 1 }],
  ['no past, no patch', { B: 2, T: 3, N: 6, P: 0, S: 3, r: 0, n: 2 }],
  ['one token, no delta', { B: 1, T: 1, N: 1, P: 4, S: 5, r: 1, n: 0 }],
];

describe('one session for forward and three backward parts', () => {
  const [f64Parts, f32Parts] = [parts('float64'), parts('float32')];
  let wide: Run;
  let narrow: Run;
  // The weights are the same in every case, whatever is fed.
  beforeAll(async () => {
    wide = await createRun(f64Parts, draw(f64Parts, CASES[0][1], 'float64').weights);
    narrow = await createRun(f32Parts, draw(f32Parts, CASES[0][1], 'float32').weights);
  });

  test.each(CASES)('%s: equals the uncut graph, finite differences and float32', async (_, sizes) => {
    const { feeds, weights } = draw(f64Parts, sizes, 'float64');
    const forward = await wide(feeds, 'forward');
    const given = { ...feeds, ...forward };
    const vjp = await wide(given, 'vjp');

    const uncut = block('float64');
    const outputs = { ...uncut.forward, ...uncut.gradients };
    const whole = await runOnce(extract(uncut.graph, 'whole', outputs), { ...feeds, ...weights });
    for (const name of Object.keys(outputs)) expect((vjp[name] ?? forward[name]).data).toEqual(whole[name].data);
    expect((await wide(given, 'edge')).d_attn).toEqual(vjp.d_attn);
    expect((await wide(given, 'mlp_edge')).d_mlp).toEqual(vjp.d_mlp);

    const loss = async () => dot((await wide(feeds, 'forward')).y, feeds.dy);
    const pairs = [
      ['x', 'dx'],
      ['delta_attn', 'd_attn'],
      ['delta_mlp', 'd_mlp'],
    ];
    for (const [input, gradient] of pairs) {
      const expected = await finiteDifferences(loss, numbers(feeds[input]), 1e-3);
      expect(relativeError(numbers(vjp[gradient]), expected)).toBeLessThan(1e-8);
    }

    const single = draw(f32Parts, sizes, 'float32').feeds;
    const narrowForward = await narrow(single, 'forward');
    const narrowVjp = await narrow({ ...single, ...narrowForward }, 'vjp');
    for (const name of ['y', 'present_k', 'dx', 'd_attn', 'd_mlp']) {
      const found = narrowVjp[name] ?? narrowForward[name];
      expect(relativeError(numbers(found), numbers(vjp[name] ?? forward[name]))).toBeLessThan(1e-5);
    }
  });
});

describe('what the cut keeps', () => {
  test('four residuals, beside the keys and values that are outputs anyway', () => {
    const [forward, ...backward] = parts('float32');
    expect([...forward.outputs].map(([name, edge]) => `${name} [${edge.shape.join(', ')}]`)).toMatchInlineSnapshot(`
      [
        "y [N, 8]",
        "present_k [B, 2, S, 4]",
        "present_v [B, 2, S, 4]",
        "residual.mul.0 [B, 2, T, 4]",
        "residual.softmax.0 [B, 2, T, S]",
        "residual.add.1 [N, 8]",
        "residual.gemm.5 [N, 12]",
      ]
    `);
    expect(backward.map((part) => `${part.name}: ${part.inputs.map((edge) => edge.name).join(' ')}`))
      .toMatchInlineSnapshot(`
      [
        "vjp: x heads past_length sel attn.left attn.right mlp.left mlp.right dy present_k present_v residual.mul.0 residual.softmax.0 residual.add.1 residual.gemm.5",
        "edge: sel mlp.left mlp.right dy residual.add.1 residual.gemm.5",
        "mlp_edge: sel dy",
      ]
    `);
  });

  test('no weight is transposed or copied, and no matrix product is made twice', () => {
    const [forward, vjp] = parts('float32');
    const { graph, ...outputs } = block('float32');
    const whole = extract(graph, 'whole', { ...outputs.forward, ...outputs.gradients });
    const products = ({ nodes }: Subgraph) => nodes.filter(({ op }) => op === 'Gemm' || op === 'MatMul').length;
    expect(products(forward) + products(vjp)).toBe(products(whole));

    const nodes = [...forward.nodes, ...vjp.nodes];
    const readers = nodes.filter((node) => node.inputs.some((edge) => edge?.kind === 'weight'));
    expect(new Set(readers.map((node) => node.op))).toEqual(new Set(['Gemm', 'LayerNormalization', 'Mul']));
    expect(nodes.filter((node) => node.op === 'Identity')).toEqual([]);
  });

  test('the backward part of an MLP delta alone', () => {
    const [, , , edge] = parts('float32');
    expect(printGraph(edge)).toMatchInlineSnapshot(`
      "mlp_edge
        input sel float32[N, n]
        input dy float32[N, 8]
        d_mlp float32[n, 8] = Gemm(sel, dy, transA=1)
        output d_mlp"
    `);
  });

  test('the whole', () => {
    const [forward, vjp] = parts('float32');
    expect(printGraph(forward)).toMatchInlineSnapshot(`
      "forward
        input x float32[N, 8]
        input heads int64[4]
        input mask float32[B, 1, T, S]
        input sel float32[N, n]
        input delta_attn float32[n, 8]
        input delta_mlp float32[n, 8]
        input past_k float32[B, 2, P, 4]
        input past_v float32[B, 2, P, 4]
        input attn.left float32[8, r]
        input attn.right float32[r, 8]
        input mlp.left float32[8, r]
        input mlp.right float32[r, 12]
        weight ln1.w float32[8]
        weight ln1.b float32[8]
        weight qkv float32[8, 24]
        weight qkv.b float32[24]
        weight o float32[8, 8]
        weight o.b float32[8]
        weight ln2.w float32[8]
        weight ln2.b float32[8]
        weight in float32[8, 12]
        weight in.b float32[12]
        weight out float32[12, 8]
        weight out.b float32[8]
        layerNormalization.0 float32[N, 8] = LayerNormalization(x, ln1.w, ln1.b, axis=-1, epsilon=0.00001)
        gemm.0 float32[N, 24] = Gemm(layerNormalization.0, qkv, qkv.b)
        split.0 float32[N, 8], split.1 float32[N, 8], split.2 float32[N, 8] = Split(gemm.0, [8, 8, 8], axis=1)
        reshape.0 float32[B, T, 2, 4] = Reshape(split.0, heads)
        transpose.0 float32[B, 2, T, 4] = Transpose(reshape.0, perm=[0, 2, 1, 3])
        reshape.1 float32[B, T, 2, 4] = Reshape(split.1, heads)
        transpose.1 float32[B, 2, T, 4] = Transpose(reshape.1, perm=[0, 2, 1, 3])
        reshape.2 float32[B, T, 2, 4] = Reshape(split.2, heads)
        transpose.2 float32[B, 2, T, 4] = Transpose(reshape.2, perm=[0, 2, 1, 3])
        present_k float32[B, 2, S, 4] = Concat(past_k, transpose.1, axis=2)
        present_v float32[B, 2, S, 4] = Concat(past_v, transpose.2, axis=2)
        residual.mul.0 float32[B, 2, T, 4] = Mul(transpose.0, 0.5)
        transpose.3 float32[B, 2, 4, S] = Transpose(present_k, perm=[0, 1, 3, 2])
        matMul.0 float32[B, 2, T, S] = MatMul(residual.mul.0, transpose.3)
        add.0 float32[B, 2, T, S] = Add(matMul.0, mask)
        residual.softmax.0 float32[B, 2, T, S] = Softmax(add.0, axis=-1)
        matMul.1 float32[B, 2, T, 4] = MatMul(residual.softmax.0, present_v)
        transpose.4 float32[B, T, 2, 4] = Transpose(matMul.1, perm=[0, 2, 1, 3])
        reshape.3 float32[N, 8] = Reshape(transpose.4, [-1, 8])
        gemm.1 float32[N, 8] = Gemm(reshape.3, o, o.b)
        gemm.2 float32[N, r] = Gemm(reshape.3, attn.right, transB=1)
        gemm.3 float32[N, 8] = Gemm(gemm.2, attn.left, gemm.1, transB=1)
        gemm.4 float32[N, 8] = Gemm(sel, delta_attn, gemm.3)
        residual.add.1 float32[N, 8] = Add(x, gemm.4)
        layerNormalization.1 float32[N, 8] = LayerNormalization(residual.add.1, ln2.w, ln2.b, axis=-1, epsilon=0.00001)
        residual.gemm.5 float32[N, 12] = Gemm(layerNormalization.1, in, in.b)
        mul.1 float32[N, 12] = Mul(residual.gemm.5, residual.gemm.5)
        mul.2 float32[N, 12] = Mul(mul.1, 0.0713548)
        add.2 float32[N, 12] = Add(mul.2, 1.59577)
        mul.3 float32[N, 12] = Mul(residual.gemm.5, add.2)
        sigmoid.0 float32[N, 12] = Sigmoid(mul.3)
        mul.4 float32[N, 12] = Mul(residual.gemm.5, sigmoid.0)
        gemm.6 float32[N, 8] = Gemm(mul.4, out, out.b)
        gemm.7 float32[N, r] = Gemm(mul.4, mlp.right, transB=1)
        gemm.8 float32[N, 8] = Gemm(gemm.7, mlp.left, gemm.6, transB=1)
        gemm.9 float32[N, 8] = Gemm(sel, delta_mlp, gemm.8)
        y float32[N, 8] = Add(residual.add.1, gemm.9)
        output y, present_k, present_v, residual.mul.0, residual.softmax.0, residual.add.1, residual.gemm.5"
    `);
    expect(printGraph(vjp)).toMatchInlineSnapshot(`
      "vjp
        input x float32[N, 8]
        input heads int64[4]
        input past_length int64[1]
        input sel float32[N, n]
        input attn.left float32[8, r]
        input attn.right float32[r, 8]
        input mlp.left float32[8, r]
        input mlp.right float32[r, 12]
        input dy float32[N, 8]
        input present_k float32[B, 2, S, 4]
        input present_v float32[B, 2, S, 4]
        input residual.mul.0 float32[B, 2, T, 4]
        input residual.softmax.0 float32[B, 2, T, S]
        input residual.add.1 float32[N, 8]
        input residual.gemm.5 float32[N, 12]
        weight ln1.w float32[8]
        weight qkv float32[8, 24]
        weight o float32[8, 8]
        weight ln2.w float32[8]
        weight in float32[8, 12]
        weight out float32[12, 8]
        mul.1 float32[N, 12] = Mul(residual.gemm.5, residual.gemm.5)
        mul.2 float32[N, 12] = Mul(mul.1, 0.0713548)
        add.2 float32[N, 12] = Add(mul.2, 1.59577)
        mul.3 float32[N, 12] = Mul(residual.gemm.5, add.2)
        sigmoid.0 float32[N, 12] = Sigmoid(mul.3)
        d_mlp float32[n, 8] = Gemm(sel, dy, transA=1)
        gemm.11 float32[N, r] = Gemm(dy, mlp.left)
        gemm.12 float32[N, 12] = Gemm(gemm.11, mlp.right)
        gemm.13 float32[N, 12] = Gemm(dy, out, transB=1)
        add.4 float32[N, 12] = Add(gemm.12, gemm.13)
        mul.5 float32[N, 12] = Mul(add.4, sigmoid.0)
        mul.6 float32[N, 12] = Mul(add.4, residual.gemm.5)
        sub.0 float32[N, 12] = Sub(1, sigmoid.0)
        mul.7 float32[N, 12] = Mul(sigmoid.0, sub.0)
        mul.8 float32[N, 12] = Mul(mul.6, mul.7)
        mul.9 float32[N, 12] = Mul(mul.8, add.2)
        add.5 float32[N, 12] = Add(mul.5, mul.9)
        mul.10 float32[N, 12] = Mul(mul.8, residual.gemm.5)
        mul.11 float32[N, 12] = Mul(mul.10, 0.0713548)
        mul.12 float32[N, 12] = Mul(mul.11, 2)
        mul.13 float32[N, 12] = Mul(mul.12, residual.gemm.5)
        add.6 float32[N, 12] = Add(add.5, mul.13)
        gemm.14 float32[N, 8] = Gemm(add.6, in, transB=1)
        mul.14 float32[N, 8] = Mul(gemm.14, ln2.w)
        reduceMean.0 float32[N, 1] = ReduceMean(residual.add.1, [1], keepdims=1)
        sub.1 float32[N, 8] = Sub(residual.add.1, reduceMean.0)
        mul.15 float32[N, 8] = Mul(sub.1, sub.1)
        reduceMean.1 float32[N, 1] = ReduceMean(mul.15, [1], keepdims=1)
        add.7 float32[N, 1] = Add(reduceMean.1, 0.00001)
        sqrt.0 float32[N, 1] = Sqrt(add.7)
        div.0 float32[N, 1] = Div(1, sqrt.0)
        mul.16 float32[N, 8] = Mul(sub.1, div.0)
        mul.17 float32[N, 8] = Mul(mul.14, mul.16)
        reduceMean.2 float32[N, 1] = ReduceMean(mul.17, [1], keepdims=1)
        reduceMean.3 float32[N, 1] = ReduceMean(mul.14, [1], keepdims=1)
        sub.2 float32[N, 8] = Sub(mul.14, reduceMean.3)
        mul.18 float32[N, 8] = Mul(mul.16, reduceMean.2)
        sub.3 float32[N, 8] = Sub(sub.2, mul.18)
        mul.19 float32[N, 8] = Mul(div.0, sub.3)
        add.8 float32[N, 8] = Add(dy, mul.19)
        d_attn float32[n, 8] = Gemm(sel, add.8, transA=1)
        gemm.16 float32[N, r] = Gemm(add.8, attn.left)
        gemm.17 float32[N, 8] = Gemm(gemm.16, attn.right)
        gemm.18 float32[N, 8] = Gemm(add.8, o, transB=1)
        add.9 float32[N, 8] = Add(gemm.17, gemm.18)
        reshape.4 float32[B, T, 2, 4] = Reshape(add.9, heads)
        transpose.5 float32[B, 2, T, 4] = Transpose(reshape.4, perm=[0, 2, 1, 3])
        transpose.6 float32[B, 2, 4, S] = Transpose(present_v, perm=[0, 1, 3, 2])
        matMul.2 float32[B, 2, T, S] = MatMul(transpose.5, transpose.6)
        transpose.7 float32[B, 2, S, T] = Transpose(residual.softmax.0, perm=[0, 1, 3, 2])
        matMul.3 float32[B, 2, S, 4] = MatMul(transpose.7, transpose.5)
        mul.20 float32[B, 2, T, S] = Mul(matMul.2, residual.softmax.0)
        reduceSum.0 float32[B, 2, T, 1] = ReduceSum(mul.20, [3], keepdims=1)
        sub.4 float32[B, 2, T, S] = Sub(matMul.2, reduceSum.0)
        mul.21 float32[B, 2, T, S] = Mul(residual.softmax.0, sub.4)
        matMul.4 float32[B, 2, T, 4] = MatMul(mul.21, present_k)
        transpose.8 float32[B, 2, 4, T] = Transpose(residual.mul.0, perm=[0, 1, 3, 2])
        matMul.5 float32[B, 2, 4, S] = MatMul(transpose.8, mul.21)
        transpose.9 float32[B, 2, S, 4] = Transpose(matMul.5, perm=[0, 1, 3, 2])
        mul.22 float32[B, 2, T, 4] = Mul(matMul.4, 0.5)
        slice.0 float32[B, 2, T, 4] = Slice(matMul.3, past_length, [9007199254740991], [2])
        slice.1 float32[B, 2, T, 4] = Slice(transpose.9, past_length, [9007199254740991], [2])
        transpose.10 float32[B, T, 2, 4] = Transpose(slice.0, perm=[0, 2, 1, 3])
        reshape.5 float32[N, 8] = Reshape(transpose.10, [-1, 8])
        transpose.11 float32[B, T, 2, 4] = Transpose(slice.1, perm=[0, 2, 1, 3])
        reshape.6 float32[N, 8] = Reshape(transpose.11, [-1, 8])
        transpose.12 float32[B, T, 2, 4] = Transpose(mul.22, perm=[0, 2, 1, 3])
        reshape.7 float32[N, 8] = Reshape(transpose.12, [-1, 8])
        concat.2 float32[N, 24] = Concat(reshape.7, reshape.6, reshape.5, axis=1)
        gemm.19 float32[N, 8] = Gemm(concat.2, qkv, transB=1)
        mul.23 float32[N, 8] = Mul(gemm.19, ln1.w)
        reduceMean.4 float32[N, 1] = ReduceMean(x, [1], keepdims=1)
        sub.5 float32[N, 8] = Sub(x, reduceMean.4)
        mul.24 float32[N, 8] = Mul(sub.5, sub.5)
        reduceMean.5 float32[N, 1] = ReduceMean(mul.24, [1], keepdims=1)
        add.10 float32[N, 1] = Add(reduceMean.5, 0.00001)
        sqrt.1 float32[N, 1] = Sqrt(add.10)
        div.1 float32[N, 1] = Div(1, sqrt.1)
        mul.25 float32[N, 8] = Mul(sub.5, div.1)
        mul.26 float32[N, 8] = Mul(mul.23, mul.25)
        reduceMean.6 float32[N, 1] = ReduceMean(mul.26, [1], keepdims=1)
        reduceMean.7 float32[N, 1] = ReduceMean(mul.23, [1], keepdims=1)
        sub.6 float32[N, 8] = Sub(mul.23, reduceMean.7)
        mul.27 float32[N, 8] = Mul(mul.25, reduceMean.6)
        sub.7 float32[N, 8] = Sub(sub.6, mul.27)
        mul.28 float32[N, 8] = Mul(div.1, sub.7)
        dx float32[N, 8] = Add(add.8, mul.28)
        output dx, d_attn, d_mlp"
    `);
  });
});

// ---

function numbers(tensor: Tensor): Float64Array {
  return tensor.data as Float64Array;
}

function dot(a: Tensor, b: Tensor): number {
  return numbers(a).reduce((sum, value, i) => sum + value * numbers(b)[i], 0);
}
