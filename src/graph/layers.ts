import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { Dim, Edge } from './graph.ts';
import * as op from './ops.ts';

/**
 * (x − mean) / √(variance + ε) · weight + bias over the last axis, as GPT-2 normalizes.
 *
 * @param x [N, d]; weight and bias [d]
 */
export function layerNorm(x: Edge, weight: Edge, bias: Edge, epsilon: number): Edge {
  return op.layerNormalization(x, weight, bias, epsilon);
}

/** x / √(mean x² + ε) · weight over the last axis, as Llama normalizes. */
export function rmsNorm(x: Edge, weight: Edge, epsilon: number): Edge {
  const meanSquare = op.reduceMean(op.mul(x, x), [-1]);
  return op.mul(op.mul(x, op.div(1, op.sqrt(op.add(meanSquare, epsilon)))), weight);
}

/** x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), written with (1 + tanh z) / 2 = sigmoid(2z): fewer nodes, no cancellation. */
export function geluTanh(x: Edge): Edge {
  const scale = 2 * Math.sqrt(2 / Math.PI);
  return op.mul(x, op.sigmoid(op.mul(x, op.add(op.mul(op.mul(x, x), scale * 0.044715), scale))));
}

/** x / 2 · (1 + erf(x / √2)): the exact Gaussian gate. */
export function geluErf(x: Edge): Edge {
  return op.mul(op.mul(x, 0.5), op.add(op.erf(op.mul(x, Math.SQRT1_2)), 1));
}

/** x · sigmoid(x). */
export function silu(x: Edge): Edge {
  return op.mul(x, op.sigmoid(x));
}

/**
 * z − ln Σ eᶻ with z = x − max x, over the last axis. ONNX's own LogSoftmax would leave the GPU.
 *
 * The logarithm is negated while it is one number a row, so that its gradient needs no pass over all of x.
 */
export function logSoftmax(x: Edge): Edge {
  const z = op.sub(x, op.reduceMax(x, [-1]));
  return op.add(z, op.neg(op.log(op.reduceSum(op.exp(z), [-1]))));
}

/** A weight and how the checkpoint lays it out: `in,out` multiplies from the right as it is, `out,in` transposed. */
export interface Matrix {
  readonly weight: Edge;
  readonly layout: 'in,out' | 'out,in';
}

/** x W + bias, whichever way W is stored; no copy of W is made, forward or back. */
export function linear(x: Edge, { weight, layout }: Matrix, bias?: Edge): Edge {
  return op.gemm(x, weight, { transB: layout === 'out,in', plus: bias });
}

/**
 * y + (x Vᵀ) Uᵀ: a low-rank patch beside the weight that made y from x. Rank 0 leaves y as it is.
 *
 * @param y     [N, d_out]
 * @param x     [N, d_in]
 * @param left  U [d_out, r]
 * @param right V [r, d_in]
 */
export function addLowRank(y: Edge, x: Edge, left: Edge, right: Edge): Edge {
  return op.gemm(op.gemm(x, right, { transB: true }), left, { transB: true, plus: y });
}

/**
 * y + selection · rows: adds row j to every row of y that selects it. No rows leave y as it is.
 *
 * @param y         [N, d]
 * @param selection [N, n], usually one 1 in a row that is changed and zeros elsewhere
 * @param rows      [n, d]
 */
export function addRows(y: Edge, selection: Edge, rows: Edge): Edge {
  return op.gemm(selection, rows, { plus: y });
}

/**
 * Rows of concatenated heads, apart: [N, h·d] → [B, h, T, d].
 *
 * @param sizes a shape input that carries [B, T, −1, d]
 */
export function splitHeads(x: Edge, sizes: Edge, headSize: number): Edge {
  const width = x.shape[1];
  const heads = Number(width) / headSize;
  invariant(Number.isInteger(heads), 'split heads', `${formatShape(x.shape)} into heads of ${headSize}`);
  return op.transpose(op.reshape(x, sizes, ['B', 'T', heads, headSize]), [0, 2, 1, 3]);
}

/**
 * Inverse of `splitHeads`: [B, h, T, d] → [N, h·d].
 *
 * @param rows what N is called
 */
export function mergeHeads(x: Edge, rows: Dim = 'N'): Edge {
  const [, heads, , headSize] = x.shape;
  const width = Number(heads) * Number(headSize);
  return op.reshape(op.transpose(x, [0, 2, 1, 3]), [-1, width], [rows, width]);
}

/** Which coordinates a rotation pairs: i with i + d/2 (`half`, as Llama) or 2i with 2i + 1 (`interleaved`, as GPT-J). */
export type RotaryStyle = 'half' | 'interleaved';

/**
 * Rotary position embedding: each pair of coordinates (a, b) turns to (a cos − b sin, b cos + a sin).
 *
 * @param x        [B, H, T, d]
 * @param cos, sin [B, 1, T, r] with r ≤ d: the first r coordinates turn, the others pass. Each angle stands at both places
 *                 of its pair.
 */
export function rotary(x: Edge, cos: Edge, sin: Edge, style: RotaryStyle): Edge {
  const [width, turning] = [Number(x.shape[3]), Number(cos.shape[3])];
  if (turning === width) return op.add(op.mul(x, cos), op.mul(quarterTurn(x, style), sin));
  const [turned, passed] = op.split(x, [turning, width - turning], 3);
  return op.concat([rotary(turned, cos, sin, style), passed], 3);
}

/** What `attention` needs besides queries, keys and values. */
export interface AttentionOptions {
  /** Added to the scores: [B, 1, T, S], 0 where a query may look and a large negative number where not. */
  readonly mask: Edge;
  /** Multiplies the queries: usually 1 / √d. */
  readonly scale: number;
}

/**
 * softmax(scale · q kᵀ + mask) v for each head.
 *
 * With fewer key heads than query heads, query head h reads key head ⌊h / G⌋, G = H / K: the G query heads of a key head are
 * stacked along the tokens, [B, K, G·T, d], which is a plain reshape; keys and values are never repeated.
 *
 * @param q    [B, H, T, d]
 * @param k, v [B, K, S, d], past and new together
 * @returns    [B, H, T, d]
 */
export function attention(q: Edge, k: Edge, v: Edge, { mask, scale }: AttentionOptions): Edge {
  const [batch, heads, tokens] = q.shape;
  const [, keyHeads] = k.shape;
  const group = Number(heads) / Number(keyHeads);
  invariant(Number.isInteger(group), 'build attention', `${heads} query heads for ${keyHeads} key heads`);
  const stacked: Dim = typeof tokens === 'number' ? group * tokens : `${group}${tokens}`;
  const same = (x: Edge) => x;
  const join = (x: Edge) => op.reshape(x, [0, Number(keyHeads), -1, 0], [batch, keyHeads, stacked, x.shape[3]]);
  const part = (x: Edge) => op.reshape(x, [0, Number(heads), -1, 0], [batch, heads, tokens, x.shape[3]]);
  const [stack, unstack] = group === 1 ? [same, same] : [join, part];

  const scores = unstack(op.matmul(stack(op.mul(q, scale)), op.transpose(k, [0, 1, 3, 2])));
  const probabilities = op.softmax(op.add(scores, mask));
  return unstack(op.matmul(stack(probabilities), v));
}

// ---

/** Each pair (a, b) as (−b, a). */
function quarterTurn(x: Edge, style: RotaryStyle): Edge {
  const [batch, heads, tokens, width] = x.shape;
  const half = Number(width) / 2;
  invariant(Number.isInteger(half), 'build rotary', `${width} coordinates don't pair`);
  if (style === 'half') {
    const [a, b] = op.split(x, [half, half], 3);
    return op.concat([op.neg(b), a], 3);
  }
  const pairs = op.reshape(x, [0, 0, 0, half, 2], [batch, heads, tokens, half, 2]);
  const [a, b] = op.split(pairs, [1, 1], 4);
  return op.reshape(op.concat([op.neg(b), a], 4), [0, 0, 0, Number(width)], x.shape);
}
