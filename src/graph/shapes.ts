import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { Dim } from './graph.ts';

/** Whether two shapes are written alike; a name equals only itself. */
export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Whether every dimension is known now. */
export function isStatic(shape: readonly Dim[]): shape is readonly number[] {
  return shape.every((dim) => typeof dim === 'number');
}

/** Axis as 0 … rank − 1; negative ones count from the end. */
export function axisOf(rank: number, axis: number, what: string): number {
  const at = axis < 0 ? axis + rank : axis;
  invariant(Number.isInteger(at) && at >= 0 && at < rank, what, `axis ${axis} of a tensor of rank ${rank}`);
  return at;
}

/**
 * The shape of an elementwise result: aligned at the right, dimensions are equal or one of them is 1.
 *
 * @throws EditorError `internal` with both shapes when they don't fit
 */
export function broadcast(a: readonly Dim[], b: readonly Dim[], what: string): Dim[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    invariant(
      left === right || left === 1 || right === 1,
      what,
      `shapes ${formatShape(a)} and ${formatShape(b)} don't broadcast`,
    );
    return left === 1 ? right : left;
  });
}

/**
 * The integers that turn `from` into `to`, for ONNX's Reshape: a name that stays in its place is 0 (keep), one other name is
 * −1 (whatever is left). Undefined when two names would have to be told: then a shape input is needed.
 */
export function reshapeSpec(from: readonly Dim[], to: readonly Dim[]): number[] | undefined {
  let open = 0;
  const spec = to.map((dim, i) => {
    if (typeof dim === 'number') return dim;
    if (dim === from[i]) return 0;
    open += 1;
    return -1;
  });
  return open <= 1 ? spec : undefined;
}

/**
 * The shape that a Reshape with the integers `spec` yields, checked against the one declared.
 *
 * @throws EditorError `internal` when the sizes don't fit, or when a −1 has no value yet and nothing is declared
 */
export function reshaped(from: readonly Dim[], spec: readonly number[], declared?: readonly Dim[]): readonly Dim[] {
  const what = `reshape ${formatShape(from)} by ${formatShape(spec)}`;
  const shape = spec.map((entry, i): Dim => {
    if (entry > 0) return entry;
    invariant(entry === -1 || (entry === 0 && i < from.length), what, `entry ${i} is ${entry}`);
    if (entry === 0) return from[i];
    return declared?.[i] ?? remainder(from, spec, what);
  });
  if (declared) {
    invariant(sameShape(shape, declared), what, `it yields ${formatShape(shape)}, not ${formatShape(declared)}`);
  }
  if (isStatic(from) && isStatic(shape)) {
    invariant(product(from) === product(shape), what, `${product(from)} values don't fill ${formatShape(shape)}`);
  }
  return shape;
}

// ---

/** The size of a −1: what is left of `from` after the other entries. Names that stay in place cancel. */
function remainder(from: readonly Dim[], spec: readonly number[], what: string): number {
  const given = from.filter((_, i) => spec[i] !== 0);
  const asked = spec.filter((entry) => entry > 0);
  invariant(isStatic(given), what, `nothing says how large the −1 is`);
  const left = product(given) / product(asked);
  invariant(Number.isInteger(left), what, `${product(given)} values don't divide by ${product(asked)}`);
  return left;
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, dim) => total * dim, 1);
}
