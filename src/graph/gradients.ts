import { invariant } from '../base/errors.ts';
import type { Dim, Edge, Node } from './graph.ts';
import * as op from './ops.ts';
import { reshapeSpec } from './shapes.ts';
import type { Op } from './vocabulary.ts';

/** What a rule sees: the node, and the gradient that has arrived at its output. */
export interface Step {
  readonly node: Node;
  /** The node's inputs; one that is absent is undefined here. */
  readonly inputs: readonly Edge[];
  /** The node's first output, y. */
  readonly y: Edge;
  /** dL/dy. */
  readonly g: Edge;
  /** dL/dy for each output of a node that has several; null where none flows. */
  readonly all: readonly (Edge | null)[];
}

/**
 * How an operation passes a gradient back: one entry per input, called only if that gradient is wanted; null where none
 * flows. A gradient may have 1s on axes where it only repeats; the walk repeats it for the rules that need it whole.
 */
export interface Rule {
  readonly pull: (step: Step) => readonly ((() => Edge) | null)[];
  /**
   * `pointwise`: inputs broadcast to the output, so the walk sums each result back; takes a repeating gradient.
   * `reduction`: takes a repeating gradient. `whole`: doesn't.
   */
  readonly kind: 'pointwise' | 'reduction' | 'whole';
}

/** The calculus: one row per operation that we emit. A row of null lets nothing through: its result is no float, or a constant. */
export const GRADIENTS: Readonly<Record<Op, Rule | null>> = {
  // element by element
  Add: pointwise(({ g }) => [() => g, () => g]),
  Sub: pointwise(({ g }) => [() => g, () => op.neg(g)]),
  Mul: pointwise(({ g, inputs: [a, b] }) =>
    a === b ? [() => op.mul(op.mul(g, 2), a), null] : [() => op.mul(g, b), () => op.mul(g, a)],
  ),
  Div: pointwise(({ g, y, inputs: [, b] }) => [() => op.div(g, b), () => op.neg(op.div(op.mul(g, y), b))]),
  Neg: pointwise(({ g }) => [() => op.neg(g)]),
  Exp: pointwise(({ g, y }) => [() => op.mul(g, y)]),
  Log: pointwise(({ g, inputs: [x] }) => [() => op.div(g, x)]),
  Sqrt: pointwise(({ g, y }) => [() => op.div(op.mul(g, 0.5), y)]),
  Tanh: pointwise(({ g, y }) => [() => op.mul(g, op.sub(1, op.mul(y, y)))]),
  Sigmoid: pointwise(({ g, y }) => [() => op.mul(g, op.mul(y, op.sub(1, y)))]),
  Erf: pointwise(({ g, inputs: [x] }) => [
    () => op.mul(op.mul(g, 2 / Math.sqrt(Math.PI)), op.exp(op.neg(op.mul(x, x)))),
  ]),
  Where: pointwise(({ g, inputs: [c] }) => [null, () => op.where(c, g, 0), () => op.where(c, 0, g)]),
  Cast: pointwise(({ g, inputs: [x] }) => [() => op.cast(g, x.dtype)]),
  Identity: pointwise(({ g }) => [() => g]),
  Equal: null,

  // the same values elsewhere
  Reshape: whole(({ g, inputs: [x] }) => [() => op.reshapeLike(g, x), null]),
  Transpose: whole(({ g, node }) => [() => op.transpose(g, inverse(integers(node, 'perm')))]),
  Concat: whole(({ g, node, inputs }) =>
    inputs.map((part, i) => () => op.slice(g, ...span(node, i), part.shape[axis(node)])),
  ),
  Slice: whole(({ g, inputs: [x, start, end, at] }) => [
    () => padBack(g, x, known(at)[0], known(start)[0], known(end)[0]),
    null,
    null,
    null,
  ]),
  Split: whole(({ all, node }) => [() => joinPieces(all, node), null]),
  Pad: whole(({ g, inputs: [x, sizes] }) => [() => cropBack(g, x, known(sizes)), null]),
  Expand: pointwise(({ g }) => [() => g, null]),
  Gather: whole(({ g, inputs: [table, ids] }) => [() => scatterRows(g, table, ids), null]),
  ScatterND: whole(({ g, inputs: [, indices] }) => [
    () => g,
    null,
    () => op.gather(g, op.reshape(indices, [-1], indices.shape.slice(0, 1))),
  ]),
  Shape: null,

  // over axes
  ReduceSum: reduction(({ g, node }) => [() => keepAxes(g, node), null]),
  ReduceMean: reduction(({ g, node }) => [() => op.mul(keepAxes(g, node), 1 / shrinkage(node)), null]),
  ReduceMax: null,
  ArgMax: null,
  Softmax: whole(({ g, y }) => [() => op.mul(y, op.sub(g, op.reduceSum(op.mul(g, y), [-1])))]),
  LayerNormalization: whole(({ g, node, inputs: [x, weight] }) => [
    () => layerNormalizationBack(op.mul(g, weight), x, node),
    () => op.mul(g, normalized(x, node).z),
    () => g,
  ]),

  // products
  MatMul: whole(({ g, inputs: [a, b] }) => [() => op.matmul(g, flip(b)), () => op.matmul(flip(a), g)]),
  Gemm: whole(({ g, node, inputs: [a, b, plus] }) => [
    () => (set(node, 'transA') ? product(b, g, set(node, 'transB'), true) : product(g, b, false, !set(node, 'transB'))),
    () => (set(node, 'transB') ? product(g, a, true, set(node, 'transA')) : product(a, g, !set(node, 'transA'), false)),
    ...(plus ? [() => g] : []),
  ]),
};

// ---

function pointwise(pull: Rule['pull']): Rule {
  return { pull, kind: 'pointwise' };
}

function reduction(pull: Rule['pull']): Rule {
  return { pull, kind: 'reduction' };
}

function whole(pull: Rule['pull']): Rule {
  return { pull, kind: 'whole' };
}

function axis(node: Node): number {
  return node.attributes.axis as number;
}

function set(node: Node, flag: string): boolean {
  return node.attributes[flag] === 1;
}

function integers(node: Node, name: string): readonly number[] {
  return node.attributes[name] as readonly number[];
}

/** The numbers of a constant operand. */
function known(edge: Edge): readonly number[] {
  invariant(edge.values, 'differentiate', `${edge.name} is known only at run time`);
  return edge.values;
}

function inverse(order: readonly number[]): number[] {
  return order.map((_, i) => order.indexOf(i));
}

/** The last two axes exchanged. */
function flip(x: Edge): Edge {
  const axes = x.shape.map((_, i) => i);
  return op.transpose(x, [...axes.slice(0, -2), ...axes.slice(-2).reverse()]);
}

/** Gemm reads a weight transposed instead of making a transposed copy of it. */
function product(a: Edge, b: Edge, transA: boolean, transB: boolean): Edge {
  return op.gemm(a, b, { transA, transB });
}

/** Where part i of a Concat lies: numbers, or edges that hold them at run time. */
function span(node: Node, i: number): [start: number | Edge, end: number | Edge, axis: number] {
  const parts = node.inputs as readonly Edge[];
  const at = axis(node);
  const before = parts.slice(0, i).map((part) => part.shape[at]);
  const start = before.length === 1 ? sizeAlong(parts[0], at) : total(before);
  const end =
    i === parts.length - 1 ? Infinity : i === 0 ? sizeAlong(parts[0], at) : total([...before, parts[i].shape[at]]);
  return [start, end, at];
}

/** A size as a number, else as int64 [1]: a shape input that carries it, or the shape of x. */
function sizeAlong(x: Edge, at: number): number | Edge {
  const dim = x.shape[at];
  return typeof dim === 'number' ? dim : (x.graph.findShapeInput([dim], true) ?? op.shapeOf(x, at, at + 1));
}

function total(sizes: readonly Dim[]): number {
  return sizes.reduce((sum: number, size) => {
    invariant(typeof size === 'number', 'differentiate Concat', `size ${size} before or in a later part`);
    return sum + size;
  }, 0);
}

/** Zeros where a Slice took nothing. */
function padBack(g: Edge, x: Edge, at: number, start: number, end: number): Edge {
  const size = x.shape[at];
  invariant(typeof size === 'number', 'differentiate Slice', `axis ${at} has size ${size}`);
  const zeros = x.shape.map(() => 0);
  return op.pad(g, zeros.with(at, start), zeros.with(at, size - Math.min(end, size)));
}

/** What lay inside the padding. */
function cropBack(g: Edge, x: Edge, sizes: readonly number[]): Edge {
  return x.shape.reduce((inner: Edge, size, i) => {
    const added = sizes[i] + sizes[i + x.shape.length];
    return added && typeof size === 'number' ? op.slice(inner, sizes[i], sizes[i] + size, i) : inner;
  }, g);
}

/** The gradients of a Split's pieces side by side; pieces without one become padding of their neighbours. */
function joinPieces(gradients: readonly (Edge | null)[], node: Node): Edge {
  const at = axis(node);
  const sizes = node.outputs.map((piece) => Number(piece?.shape[at]));
  const present = gradients.flatMap((g, i) => (g ? [i] : []));
  const gap = (from: number, to: number) => sizes.slice(from, to).reduce((sum, size) => sum + size, 0);
  const pieces = present.map((index, order) => {
    const g = gradients[index] as Edge;
    const zeros = g.shape.map(() => 0);
    const before = order === 0 ? gap(0, index) : 0;
    const after = gap(index + 1, present[order + 1] ?? sizes.length);
    return before + after ? op.pad(g, zeros.with(at, before), zeros.with(at, after)) : g;
  });
  return pieces.length === 1 ? pieces[0] : op.concat(pieces, at);
}

/** Each row of g added to zeros in the table's shape, at its id. The ids are reshaped as int32: WebGPU reshapes no int64. */
function scatterRows(g: Edge, table: Edge, ids: Edge): Edge {
  const count = ids.shape.length === 1 ? ids.shape[0] : ids.shape.join('·');
  const zeros = op.expandLike(table.graph.constant(0, [], table.dtype), table);
  const rest = table.shape.slice(1);
  const indices = op.cast(op.reshape(ids, [-1, 1], [count, 1]), 'int64');
  const rows = op.reshape(g, [-1, ...rest.map(Number)], [count, ...rest]);
  return op.scatterAdd(zeros, indices, rows);
}

/** The gradient of a reduction with its axes as 1s. */
function keepAxes(g: Edge, node: Node): Edge {
  if (set(node, 'keepdims')) return g;
  const [x, axes] = node.inputs as readonly Edge[];
  const left = [...g.shape];
  const kept = x.shape.map((_, i) => (known(axes).includes(i) ? 1 : (left.shift() ?? 1)));
  const spec = reshapeSpec(g.shape, kept);
  invariant(
    spec,
    `differentiate ${node.op}`,
    `axes ${known(axes).join()} of ${x.shape.join()} were dropped; keep them`,
  );
  return op.reshape(g, spec, kept);
}

/** How many values a mean was taken over. */
function shrinkage(node: Node): number {
  const [x, axes] = node.inputs as readonly Edge[];
  return known(axes).reduce((count, at) => count * Number(x.shape[at]), 1);
}

/** z = (x − mean) r with r = 1 / √(variance + ε): made again from x, so that x is all that is kept. ONNX stores ε as float32. */
function normalized(x: Edge, node: Node): { z: Edge; r: Edge } {
  const { float } = node.attributes.epsilon as { readonly float: number };
  const centered = op.sub(x, op.reduceMean(x, [-1]));
  const variance = op.reduceMean(op.mul(centered, centered), [-1]);
  const r = op.div(1, op.sqrt(op.add(variance, Math.fround(float))));
  return { z: op.mul(centered, r), r };
}

/** r (h − mean h − z mean(h z)), where h is the gradient at z. */
function layerNormalizationBack(h: Edge, x: Edge, node: Node): Edge {
  const { z, r } = normalized(x, node);
  const along = op.reduceMean(op.mul(h, z), [-1]);
  return op.mul(r, op.sub(op.sub(h, op.reduceMean(h, [-1])), op.mul(z, along)));
}
