import { EditorError, invariant } from '../base/errors.ts';
import { i32, i64, makeTensor, zeros, type FloatTensor, type Tensor } from '../base/tensor.ts';
import type { ModelDescription } from './description.ts';

/** Added to a score that must not be seen: exp underflows to exactly 0, and no row becomes NaN. */
const HIDDEN = -1e9;

/**
 * Token rows of different length as one rectangle, with everything a block needs to know of it.
 * N = B·T activations are stored row after row; S = P + T positions can be attended.
 */
export interface Batch {
  /** B, T, P. */
  readonly rows: number;
  readonly width: number;
  readonly past: number;
  /** Real tokens in each row. */
  readonly lengths: readonly number[];
  /** int32 [N], pads are 0. */
  readonly ids: Tensor<'int32'>;
  /** int32 [N], the position each token has in its own row. */
  readonly positions: Tensor<'int32'>;
  /** [B, 1, T, S]: 0 where a token may look, −1e9 where not. */
  readonly mask: FloatTensor;
  /** int64 [4]: [B, T, −1, d_head], the shape heads are split to. */
  readonly headShape: Tensor<'int64'>;
  /** int64 [1]: P, where this batch's keys start among all keys. */
  readonly pastLength: Tensor<'int64'>;
  /** [B, 1, T, rotary dim] each; null without rotary embeddings. */
  readonly rotary: { readonly cos: FloatTensor; readonly sin: FloatTensor } | null;
}

/** Index of one token among a batch's N = B·T activations. Throws `internal` for a token outside the batch. */
export function flatIndex({ rows, width }: Batch, row: number, column: number): number {
  const isInside = row >= 0 && row < rows && column >= 0 && column < width;
  invariant(isInside, 'find a token', `row ${row}, column ${column} of ${rows} rows of ${width}`);
  return row * width + column;
}

/**
 * Rows padded on the right: causality keeps the pads away from every real token.
 *
 * @throws EditorError `context-overflow` for a row longer than the model can read
 */
export function rightPadded(
  description: ModelDescription,
  float: FloatTensor['dtype'],
  rows: readonly (readonly number[])[],
): Batch {
  return makeBatch(description, float, rows, { starts: rows.map(() => 0), pastLengths: rows.map(() => 0), past: 0 });
}

/**
 * Rows padded on the left, so that all of them end in the same column: the prefixes of rows whose first edited token
 * shall stand in one column.
 */
export function leftPadded(
  description: ModelDescription,
  float: FloatTensor['dtype'],
  rows: readonly (readonly number[])[],
): Batch {
  const width = Math.max(...rows.map((row) => row.length));
  const shifted = rows.map((row) => [...Array<number>(width - row.length).fill(0), ...row]);
  const starts = rows.map((row) => width - row.length);
  return makeBatch(description, float, shifted, { starts, pastLengths: rows.map(() => 0), past: 0 });
}

/**
 * Rows that continue kept keys and values. The kept ones are padded on the left to `past` columns, of which row b really
 * has `pastLengths[b]`; the new tokens are padded on the right, to `width` columns at least.
 */
export function continued(
  description: ModelDescription,
  float: FloatTensor['dtype'],
  rows: readonly (readonly number[])[],
  pastLengths: readonly number[],
  past: number,
  width = 0,
): Batch {
  return makeBatch(description, float, rows, { starts: rows.map(() => 0), pastLengths, past, width });
}

/** [1, 1, T, S]: where tokens at some positions may look among S that stand in order, themselves included. */
export function causalMask(float: FloatTensor['dtype'], positions: readonly number[], width: number): FloatTensor {
  const mask = zeros(float, [1, 1, positions.length, width]);
  positions.forEach((position, t) => mask.data.fill(HIDDEN, t * width + position + 1, (t + 1) * width));
  return mask as FloatTensor;
}

/** Throws `context-overflow` for more tokens than the model can read. */
export function checkContext({ n_ctx }: ModelDescription, tokens: number, what = 'read the text'): void {
  if (tokens <= n_ctx) return;
  throw new EditorError(
    'context-overflow',
    what,
    `there are ${tokens} tokens, and the model reads at most ${n_ctx} at once`,
    'shorten the prompt or the target',
    { tokens, limit: n_ctx },
  );
}

// ---

interface Layout {
  /** First real column of each row: pads stand before it. */
  readonly starts: readonly number[];
  readonly pastLengths: readonly number[];
  readonly past: number;
  readonly width?: number;
}

function makeBatch(
  description: ModelDescription,
  float: FloatTensor['dtype'],
  rows: readonly (readonly number[])[],
  { starts, pastLengths, past, width: least = 0 }: Layout,
): Batch {
  const width = Math.max(least, ...rows.map((row) => row.length));
  invariant(rows.length > 0 && width > 0, 'make a batch', `it has ${rows.length} rows of ${width} tokens`);
  const longest = Math.max(...rows.map((row, b) => row.length - starts[b] + pastLengths[b]));
  checkContext(description, longest);
  const size = rows.length * width;
  const ids = new Int32Array(size);
  const positions = new Int32Array(size);
  for (const [b, row] of rows.entries()) {
    for (const [t, id] of row.entries()) {
      ids[b * width + t] = id;
      positions[b * width + t] = Math.max(0, pastLengths[b] + t - starts[b]);
    }
  }
  return {
    rows: rows.length,
    width,
    past,
    lengths: rows.map((row, b) => row.length - starts[b]),
    ids: i32(ids, [size]),
    positions: i32(positions, [size]),
    mask: makeMask(float, rows.length, width, { starts, pastLengths, past }),
    headShape: i64([rows.length, width, -1, description.d_head]),
    pastLength: i64([past]),
    rotary: rotaryTables(description, float, positions, rows.length, width),
  };
}

function makeMask(float: FloatTensor['dtype'], rows: number, width: number, layout: Layout): FloatTensor {
  const { starts, pastLengths, past } = layout;
  const span = past + width;
  const mask = zeros(float, [rows, 1, width, span]);
  for (let b = 0; b < rows; b++) {
    for (let t = 0; t < width; t++) {
      const line = mask.data.subarray((b * width + t) * span, (b * width + t + 1) * span);
      line.fill(HIDDEN, 0, past - pastLengths[b]);
      line.fill(HIDDEN, past, past + Math.min(starts[b], width));
      line.fill(HIDDEN, past + t + 1, span);
    }
  }
  return mask as FloatTensor;
}

/** cos and sin of position · frequency, each frequency twice, in the layout the family's rotation reads: [B, 1, T, r]. */
export function rotaryTables(
  description: ModelDescription,
  float: FloatTensor['dtype'],
  positions: ArrayLike<number>,
  rows: number,
  width: number,
): Batch['rotary'] {
  const { rotary } = description;
  if (!rotary) return null;
  const { dim, style, frequencies } = rotary;
  const shape = [rows, 1, width, dim];
  const cos = zeros(float, shape);
  const sin = zeros(float, shape);
  for (let i = 0; i < positions.length; i++) {
    for (let j = 0; j < dim; j++) {
      const angle = positions[i] * frequencies[style === 'half' ? j % (dim / 2) : j >> 1];
      cos.data[i * dim + j] = Math.cos(angle);
      sin.data[i * dim + j] = Math.sin(angle);
    }
  }
  return { cos: cos as FloatTensor, sin: sin as FloatTensor };
}

/** A float tensor of the device's type from numbers. */
export function floats(float: FloatTensor['dtype'], values: ArrayLike<number>, shape: readonly number[]): FloatTensor {
  return float === 'float64'
    ? makeTensor('float64', Float64Array.from(values), shape)
    : makeTensor('float32', Float32Array.from(values), shape);
}
