import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { DType } from '../base/tensor.ts';
import type { Edge } from './graph.ts';
import { axisOf, broadcast, isStatic, sameShape } from './shapes.ts';
import { describe, emit, float, ints } from './vocabulary.ts';
import type { Attributes, Op } from './vocabulary.ts';

export * from './views.ts';

/** An operand of arithmetic; a number becomes a scalar of the other operand's type. */
export type Operand = Edge | number;

/** a + b, broadcasting. */
export function add(a: Operand, b: Operand): Edge {
  return arithmetic('Add', a, b);
}

/** a − b, broadcasting. */
export function sub(a: Operand, b: Operand): Edge {
  return arithmetic('Sub', a, b);
}

/** a · b, element by element, broadcasting. */
export function mul(a: Operand, b: Operand): Edge {
  return arithmetic('Mul', a, b);
}

/** a / b, broadcasting. */
export function div(a: Operand, b: Operand): Edge {
  return arithmetic('Div', a, b);
}

/** −x. */
export function neg(x: Edge): Edge {
  return pointwise('Neg', x);
}

/** eˣ. */
export function exp(x: Edge): Edge {
  return pointwise('Exp', x);
}

/** ln x. */
export function log(x: Edge): Edge {
  return pointwise('Log', x);
}

/** √x. */
export function sqrt(x: Edge): Edge {
  return pointwise('Sqrt', x);
}

/** tanh x. */
export function tanh(x: Edge): Edge {
  return pointwise('Tanh', x);
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Edge): Edge {
  return pointwise('Sigmoid', x);
}

/** erf x. ORT has it in float32 only: a float64 graph casts there and back, and is good to 6e-8 here. */
export function erf(x: Edge): Edge {
  return x.dtype === 'float64' ? cast(erf(cast(x, 'float32')), 'float64') : pointwise('Erf', x);
}

/** The same values as another element type; the edge itself when it has it already. */
export function cast(x: Edge, dtype: DType): Edge {
  return x.dtype === dtype ? x : emit('Cast', [x], { dtype, shape: x.shape }, { to: { dtype } });
}

/** A copy. */
export function identity(x: Edge): Edge {
  return emit('Identity', [x], x);
}

/** a = b → bool, broadcasting. */
export function equal(a: Operand, b: Operand): Edge {
  const [left, right] = operands('Equal', a, b);
  return emit('Equal', [left, right], { dtype: 'bool', shape: broadcast(left.shape, right.shape, 'build Equal') });
}

/** `condition ? a : b`, element by element, all three broadcasting. */
export function where(condition: Edge, a: Operand, b: Operand): Edge {
  const [yes, no] = operands('Where', a, b);
  invariant(condition.dtype === 'bool', 'build Where', `the condition is ${condition.dtype}`);
  const shape = broadcast(condition.shape, broadcast(yes.shape, no.shape, 'build Where'), 'build Where');
  return emit('Where', [condition, yes, no], { dtype: yes.dtype, shape });
}

/** Σ over axes, which stay as 1s unless `keep` is false. */
export function reduceSum(x: Edge, axes: readonly number[], keep = true): Edge {
  return reduce('ReduceSum', x, axes, keep);
}

/** Mean over axes of known size. */
export function reduceMean(x: Edge, axes: readonly number[], keep = true): Edge {
  const sizes = axes.map((axis) => x.shape[axisOf(x.shape.length, axis, 'build ReduceMean')]);
  invariant(isStatic(sizes), 'build ReduceMean', `axes ${formatShape(axes)} of ${describe(x)} have no size yet`);
  return reduce('ReduceMean', x, axes, keep);
}

/** Maximum over axes. Gradients take it for a constant: it may only shift what the shift leaves unchanged. */
export function reduceMax(x: Edge, axes: readonly number[], keep = true): Edge {
  return reduce('ReduceMax', x, axes, keep);
}

/** Where the maximum of an axis is, as int64; the axis goes. The first one wins. */
export function argMax(x: Edge, axis: number): Edge {
  const at = axisOf(x.shape.length, axis, 'build ArgMax');
  return emit('ArgMax', [x], { dtype: 'int64', shape: x.shape.toSpliced(at, 1) }, { axis: at, keepdims: 0 });
}

/** eˣ / Σ eˣ over the last axis. */
export function softmax(x: Edge): Edge {
  return pointwise('Softmax', x, { axis: -1 });
}

/** (x − mean) / √(variance + ε) · weight + bias over the last axis. */
export function layerNormalization(x: Edge, weight: Edge, bias: Edge, epsilon: number): Edge {
  for (const edge of [weight, bias]) {
    const fits = edge.dtype === x.dtype && sameShape(edge.shape, x.shape.slice(-1));
    invariant(fits, 'build LayerNormalization', `${describe(edge)} for ${describe(x)}`);
  }
  return emit('LayerNormalization', [x, weight, bias], float(x), { axis: -1, epsilon: { float: epsilon } });
}

/** a b over the last two axes; the axes before them broadcast. */
export function matmul(a: Edge, b: Edge): Edge {
  const fits = a.shape.length >= 2 && b.shape.length >= 2 && a.shape.at(-1) === b.shape.at(-2) && a.dtype === b.dtype;
  invariant(fits, 'build MatMul', `${describe(a)} by ${describe(b)}`);
  const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2), 'build MatMul');
  const shape = [...batch, ...a.shape.slice(-2, -1), ...b.shape.slice(-1)];
  return emit('MatMul', [float(a), b], { dtype: a.dtype, shape });
}

/** Which operands `gemm` reads transposed, and what it adds. */
export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Added to the product, broadcasting; with an inner size of 0 it is the result. */
  readonly plus?: Edge | undefined;
}

/** a b + plus for two matrices. */
export function gemm(a: Edge, b: Edge, { transA = false, transB = false, plus }: GemmOptions = {}): Edge {
  invariant(
    a.shape.length === 2 && b.shape.length === 2 && a.dtype === b.dtype,
    'build Gemm',
    `${describe(a)} by ${describe(b)}`,
  );
  const [rows, inner] = transA ? [a.shape[1], a.shape[0]] : a.shape;
  const [depth, columns] = transB ? [b.shape[1], b.shape[0]] : b.shape;
  const shape = [rows, columns];
  const flags = `${transA ? ' transposed' : ''} by ${describe(b)}${transB ? ' transposed' : ''}`;
  invariant(inner === depth, 'build Gemm', `${describe(a)}${flags}`);
  if (plus) {
    const wide = plus.shape.length <= 2 && sameShape(broadcast(plus.shape, shape, 'build Gemm'), shape);
    invariant(wide && plus.dtype === a.dtype, 'build Gemm', `${describe(plus)} added to ${formatShape(shape)}`);
  }
  const attributes = { ...(transA ? { transA: 1 } : {}), ...(transB ? { transB: 1 } : {}) };
  return emit('Gemm', plus ? [float(a), b, plus] : [float(a), b], { dtype: a.dtype, shape }, attributes);
}

// ---

function pointwise(op: Op, x: Edge, attributes: Attributes = {}): Edge {
  return emit(op, [float(x)], x, attributes);
}

function arithmetic(op: Op, a: Operand, b: Operand): Edge {
  const [left, right] = operands(op, a, b);
  const shape = broadcast(left.shape, right.shape, `build ${op}`);
  return emit(op, [float(left), right], { dtype: left.dtype, shape });
}

function reduce(op: Op, x: Edge, axes: readonly number[], keep: boolean): Edge {
  const at = axes.map((axis) => axisOf(x.shape.length, axis, `build ${op}`));
  const kept = x.shape.map((dim, i) => (at.includes(i) ? 1 : dim));
  const shape = keep ? kept : kept.filter((_, i) => !at.includes(i));
  return emit(op, [float(x), ints(x, at)], { dtype: x.dtype, shape }, { keepdims: keep ? 1 : 0 });
}

function operands(op: Op, a: Operand, b: Operand): [Edge, Edge] {
  const edge = typeof a === 'number' ? b : a;
  invariant(typeof edge !== 'number', `build ${op}`, `${String(a)} and ${String(b)} are two numbers`);
  const lift = (value: Operand) => (typeof value === 'number' ? edge.graph.constant(value, [], edge.dtype) : value);
  const [left, right] = [lift(a), lift(b)];
  invariant(left.dtype === right.dtype, `build ${op}`, `${describe(left)} and ${describe(right)}`);
  return [left, right];
}
