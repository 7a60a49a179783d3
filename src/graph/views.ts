import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { Dim, Edge } from './graph.ts';
import { axisOf, broadcast, isStatic, reshaped, reshapeSpec, sameShape } from './shapes.ts';
import { describe, emit, emitAll, ints } from './vocabulary.ts';
import type { Op } from './vocabulary.ts';

/**
 * The same values in another shape. Reshaping back yields the original edge.
 *
 * @param spec  integers as ONNX reads them (0 keeps, −1 is what is left), or an int64 edge that has them at run time
 * @param shape what comes out; needed where a −1 or an edge leaves it open
 */
export function reshape(x: Edge, spec: readonly number[] | Edge, shape?: readonly Dim[]): Edge {
  const known = 'graph' in spec ? runtimeSpec('Reshape', spec, shape) : reshaped(x.shape, spec, shape);
  const origin = x.producer?.op === 'Reshape' ? x.producer.inputs[0] : null;
  const same = [x, origin].find((edge) => edge && sameShape(edge.shape, known));
  if (same) return same;
  return emit('Reshape', [x, 'graph' in spec ? spec : ints(x, spec)], { dtype: x.dtype, shape: known });
}

/**
 * x in the shape of `like`, which has as many values. Names that change place are told by a shape input of the graph; only
 * if there is none does the graph read the shape of `like` itself.
 */
export function reshapeLike(x: Edge, like: Edge): Edge {
  if (sameShape(x.shape, like.shape)) return x;
  const spec = reshapeSpec(x.shape, like.shape) ?? x.graph.findShapeInput(like.shape) ?? shapeOf(like);
  return reshape(x, spec, like.shape);
}

/** Axes in another order: axis i of the result is axis `order[i]` of x. Orders that cancel leave no node. */
export function transpose(x: Edge, order: readonly number[]): Edge {
  const rank = x.shape.length;
  const sorted = [...order].sort((a, b) => a - b);
  invariant(
    order.length === rank && sorted.every((axis, i) => axis === i),
    'build Transpose',
    `order ${formatShape(order)} for shape ${formatShape(x.shape)}`,
  );
  const before = x.producer?.op === 'Transpose' ? x.producer : null;
  const origin = before?.inputs[0] ?? x;
  const inner = before ? (before.attributes.perm as readonly number[]) : sorted;
  const whole = order.map((axis) => inner[axis]);
  if (whole.every((axis, i) => axis === i)) return origin;
  const shape = whole.map((axis) => origin.shape[axis]);
  return emit('Transpose', [origin], { dtype: x.dtype, shape }, { perm: whole });
}

/**
 * Parts put one after another along an axis.
 *
 * @param size the result's size along the axis; needed where a part's is a name
 */
export function concat(parts: readonly Edge[], axis: number, size?: Dim): Edge {
  const [first] = parts;
  const at = axisOf(first.shape.length, axis, 'build Concat');
  const rest = (edge: Edge) => edge.shape.map((dim, i) => (i === at ? -1 : dim));
  for (const part of parts) {
    const fits = part.dtype === first.dtype && sameShape(rest(part), rest(first));
    invariant(fits, 'build Concat', `${describe(part)} does not continue ${describe(first)} along axis ${at}`);
  }
  const sizes: readonly Dim[] = parts.map((part) => part.shape[at]);
  const total = isStatic(sizes) ? sizes.reduce((sum, dim) => sum + dim, 0) : size;
  invariant(
    total !== undefined && (size === undefined || size === total),
    'build Concat',
    `sizes ${formatShape(sizes)} along axis ${at} and ${size ?? 'nothing'} declared`,
  );
  const shape = first.shape.with(at, total);
  return emit('Concat', parts, { dtype: first.dtype, shape }, { axis: at });
}

/**
 * Positions `start` … `end` − 1 of one axis.
 *
 * @param start, end numbers (an end of Infinity means all that follow) or int64 [1] edges that hold them at run time
 * @param size       the result's size along the axis; needed where numbers alone don't say it
 */
export function slice(x: Edge, start: number | Edge, end: number | Edge, axis: number, size?: Dim): Edge {
  const at = axisOf(x.shape.length, axis, 'build Slice');
  const whole = x.shape[at];
  let length = size;
  if (typeof start === 'number' && typeof end === 'number' && typeof whole === 'number') {
    length = Math.min(end, whole) - start;
    const fits = start >= 0 && length > 0 && (size === undefined || size === length);
    invariant(fits, 'build Slice', `${start} … ${end} of axis ${at} in ${describe(x)}, ${size ?? 'nothing'} declared`);
  }
  invariant(length !== undefined, 'build Slice', `axis ${at} of ${describe(x)} has no size yet and none is declared`);
  const bound = (value: number | Edge) =>
    typeof value === 'number' ? ints(x, [Math.min(value, Number.MAX_SAFE_INTEGER)]) : value;
  const bounds = [bound(start), bound(end)];
  for (const edge of bounds) runtimeSpec('Slice', edge, [at]);
  return emit('Slice', [x, ...bounds, ints(x, [at])], { dtype: x.dtype, shape: x.shape.with(at, length) });
}

/** Pieces of the given sizes along an axis. */
export function split(x: Edge, sizes: readonly number[], axis: number): readonly Edge[] {
  const at = axisOf(x.shape.length, axis, 'build Split');
  const total = sizes.reduce((sum, size) => sum + size, 0);
  invariant(total === x.shape[at], 'build Split', `sizes ${formatShape(sizes)} for axis ${at} of ${describe(x)}`);
  const pieces = sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(at, size) }));
  return emitAll('Split', [x, ints(x, sizes)], pieces, { axis: at });
}

/** Zeros around x: `before[i]` and `after[i]` of them along axis i. Padded axes must have known sizes. */
export function pad(x: Edge, before: readonly number[], after: readonly number[]): Edge {
  const shape = x.shape.map((dim, i) => {
    const more = before[i] + after[i];
    invariant(
      more === 0 || (more > 0 && typeof dim === 'number'),
      'build Pad',
      `${before[i]} and ${after[i]} more along axis ${i} of ${describe(x)}`,
    );
    return typeof dim === 'number' ? dim + more : dim;
  });
  return emit('Pad', [x, ints(x, [...before, ...after])], { dtype: x.dtype, shape });
}

/** x repeated to `shape`; where names are in it, `spec` must tell them (an int64 edge). */
export function expand(x: Edge, shape: readonly Dim[], spec?: Edge): Edge {
  const wide = broadcast(x.shape, shape, 'build Expand');
  invariant(
    sameShape(wide, shape),
    'build Expand',
    `shape ${formatShape(x.shape)} is wider than ${formatShape(shape)}`,
  );
  if (sameShape(x.shape, shape)) return x;
  const sizes = spec ?? (isStatic(shape) ? ints(x, shape) : undefined);
  invariant(sizes, 'build Expand', `nothing says how large ${formatShape(shape)} is`);
  runtimeSpec('Expand', sizes, shape);
  return emit('Expand', [x, sizes], { dtype: x.dtype, shape });
}

/** x repeated to the shape of `like`, found as in `reshapeLike`. */
export function expandLike(x: Edge, like: Edge): Edge {
  if (sameShape(x.shape, like.shape)) return x;
  const spec = isStatic(like.shape) ? undefined : (x.graph.findShapeInput(like.shape, true) ?? shapeOf(like));
  return expand(x, like.shape, spec);
}

/** The sizes of axes `start` … `end` − 1 as int64; the values of x aren't read. */
export function shapeOf(x: Edge, start = 0, end: number = x.shape.length): Edge {
  const whole = start === 0 && end === x.shape.length;
  return emit('Shape', [x], { dtype: 'int64', shape: [end - start] }, whole ? {} : { start, end });
}

/** Rows of a table: ids of any shape, int32 or int64 → [...ids, ...the table's other axes]. */
export function gather(table: Edge, ids: Edge): Edge {
  invariant(ids.dtype === 'int32' || ids.dtype === 'int64', 'build Gather', `the ids are ${ids.dtype}`);
  const shape = [...ids.shape, ...table.shape.slice(1)];
  return emit('Gather', [table, ids], { dtype: table.dtype, shape }, { axis: 0 });
}

/** x with `rows` [R, …] added at the indices int64 [R, 1] of its first axis; a repeated index adds up. */
export function scatterAdd(x: Edge, indices: Edge, rows: Edge): Edge {
  const fits =
    indices.dtype === 'int64' &&
    rows.dtype === x.dtype &&
    sameShape(indices.shape, [rows.shape[0], 1]) &&
    sameShape(rows.shape.slice(1), x.shape.slice(1));
  invariant(fits, 'build ScatterND', `${describe(rows)} at ${describe(indices)} of ${describe(x)}`);
  return emit('ScatterND', [x, indices, rows], x, { reduction: 'add' });
}

// ---

/** The declared shape, once it is clear that `spec` can tell it at run time. */
function runtimeSpec(op: Op, spec: Edge, shape: readonly Dim[] | undefined): readonly Dim[] {
  const fits = shape && spec.dtype === 'int64' && sameShape(spec.shape, [shape.length]);
  invariant(fits, `build ${op}`, `${describe(spec)} tells the sizes of ${shape ? formatShape(shape) : 'nothing'}`);
  return shape;
}
