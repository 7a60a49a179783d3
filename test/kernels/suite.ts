import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dot } from '../../src/base/linalg.ts';
import { f32, toFloat, type FloatTensor, type Tensor } from '../../src/base/tensor.ts';
import { scope } from '../../src/device/scope.ts';
import type { Kernels } from '../../src/kernels/kernels.ts';
import type { Orientation } from '../../src/kernels/lowrank.ts';
import { expectFault } from '../support/faults.ts';
import {
  captureCases,
  choleskyCases,
  cosineCases,
  gramCases,
  indefiniteCases,
  lowrankCases,
  numbers,
  positive,
  triangularCases,
} from './cases.ts';

/** What the kernels are compared with, in float64. */
export interface Oracle {
  cosine(a: FloatTensor, b: FloatTensor): Promise<FloatTensor>;
  gram(moment: FloatTensor, keys: FloatTensor, alpha: number, beta: number): Promise<FloatTensor>;
  lowrank(
    base: FloatTensor | null,
    left: FloatTensor,
    right: FloatTensor,
    scale: number,
    orientation: Orientation,
  ): Promise<FloatTensor>;
}

/** Half a unit in the last place of 1. */
export const ROUNDING = { float32: 2 ** -24, float64: 2 ** -53 };

/** Where float32 ends: results below may be flushed to zero. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * Runs every case on `kernels`. The tolerances are the textbook's (Higham, "Accuracy and Stability of Numerical
 * Algorithms", 3.1, 8.1, 10.1), not fitted: a sum of n products errs by at most (n + a few) u Σ|aᵢ||bᵢ|; a triangular
 * solve has a residual of at most (n + a few) u |L||X|, a Cholesky factor one of (n + a few) u √aᵢᵢ √aⱼⱼ. "A few" is 8:
 * WGSL allows a division 2.5 and a square root about 4 units in the last place.
 */
export function describeKernels(kernels: Kernels, oracle: Oracle): void {
  const u = kernels.where === 'gpu' ? ROUNDING.float32 : ROUNDING.float64;
  const place = (tensor: FloatTensor) => kernels.place(tensor);

  describe('capture', () => {
    test.each(captureCases)('%s', async (_, x, rows) => {
      const [, d] = x.shape;
      const out = await kernels.capture(place(x), Int32Array.from(rows));
      const expected = rows.flatMap((row) => [...bitsOf(x).subarray(row * d, (row + 1) * d)]);
      const read = await out.read();
      expect(read.shape).toEqual([rows.length, d]);
      expect(Buffer.from(read.data.buffer).equals(Buffer.from(Uint32Array.from(expected).buffer))).toBe(true);
    });

    test.each([[-1], [3]])('row %i of 3 is refused', (row) =>
      expectFault(() => kernels.capture(place(numbers([3, 2])), Int32Array.of(row)), 'internal', `row ${row} of 3`),
    );
  });

  describe('cosine', () => {
    test.each(cosineCases)('%s', async (_, a, b) => {
      const out = await (await kernels.cosine(place(a), place(b))).read();
      expect(out.shape).toEqual([a.shape[0]]);
      // Of numbers that are at most 1 together: 64 lanes, then six halvings; the twin rounds its result to float32.
      const terms = kernels.where === 'gpu' ? Math.ceil(a.shape[1] / 64) + 6 + 8 : 1;
      expectWithin(out, await oracle.cosine(a, b), () => 2 * terms * ROUNDING.float32);
    });

    test('shapes that differ are refused', () =>
      expectFault(
        () => kernels.cosine(place(numbers([3, 2])), place(numbers([2, 3]))),
        'internal',
        '[3, 2] and [2, 3]',
      ));
  });

  describe('gram', () => {
    test.each(gramCases)('%s', async (_, moment, keys, alpha, beta) => {
      const [n, d] = keys.shape;
      const written = place(f32(moment.data.slice(), moment.shape));
      await kernels.gram(written, place(keys), alpha, beta);
      const out = await written.read();
      const expected = await oracle.gram(moment, keys, alpha, beta);
      const size = await oracle.gram(magnitudes(moment), magnitudes(keys), Math.abs(alpha), Math.abs(beta));
      // The twin adds up in float64, and stores in float32 after each 256 keys and the scaling.
      const terms = kernels.where === 'gpu' ? n + 8 : Math.ceil(n / 256) + 2;
      expectWithin(out, expected, (at) => (at % d > at / d ? 0 : terms * ROUNDING.float32 * Number(size.data[at])));
    });
  });

  describe('Cholesky', () => {
    test.each(choleskyCases)('%s', async (_, matrix) => {
      const out = await (await kernels.cholesky(place(matrix))).read();
      checkFactor(matrix, out, u);
    });

    test.each(indefiniteCases)('without a factor: %s', (_, matrix, pivot) =>
      expectFault(() => kernels.cholesky(place(matrix)), 'ill-conditioned', `pivot ${pivot} is`, 'add a ridge'),
    );

    test('leaves its matrix as it is', async () => {
      const matrix = positive(70);
      const placed = place(matrix);
      await kernels.cholesky(placed);
      expect(bitsOf(await placed.read())).toEqual(bitsOf(matrix));
    });
  });

  describe('triangular', () => {
    test.each(triangularCases.flatMap(([name, l, b]) => [false, true].map((t) => [name, t, l, b] as const)))(
      '%s, transposed %s',
      async (_, transposed, factor, right) => {
        const placed = place(right);
        const out = await (await kernels.triangular(place(factor), placed, transposed)).read();
        expect(out.shape).toEqual(right.shape);
        checkSolution(factor, right, out, transposed, u);
        expect(bitsOf(await placed.read())).toEqual(bitsOf(right));
      },
    );
  });

  describe('lowrank', () => {
    test.each(lowrankCases)('%s', async (_, base, left, right, scale, orientation) => {
      const rank = left.shape[1];
      const placed = base && place(base);
      const out = await (await kernels.lowrank(placed, place(left), place(right), scale, orientation)).read();
      const expected = await oracle.lowrank(base, left, right, scale, orientation);
      expect(out.shape).toEqual(expected.shape);
      if (base && rank === 0) expect(bitsOf(out)).toEqual(bitsOf(base));
      const size = await oracle.lowrank(
        base && magnitudes(base),
        magnitudes(left),
        magnitudes(right),
        Math.abs(scale),
        orientation,
      );
      const terms = kernels.where === 'gpu' ? rank + 8 : 2;
      expectWithin(out, expected, (at) => terms * ROUNDING.float32 * Number(size.data[at]));
      if (base && placed) expect(bitsOf(await placed.read())).toEqual(bitsOf(base));
    });
  });

  test('any sizes and numbers: products are those of the oracle', async () => {
    const size = fc.integer({ min: 0, max: 150 });
    const dose = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
    const orientation = fc.constantFrom<Orientation>('out,in', 'in,out');
    await fc.assert(
      fc.asyncProperty(size, size, size, dose, dose, orientation, (n, d, r, alpha, beta, turn) =>
        scope(async (s) => {
          const [keys, moment, right] = [numbers([n, d]), numbers([d, d]), numbers([d, r], 'mixed', 2)];
          const written = s.add(place(f32(moment.data.slice(), moment.shape)));
          await kernels.gram(written, s.add(place(keys)), alpha, beta);
          const gram = await oracle.gram(moment, keys, alpha, beta);
          const most = [Math.abs(alpha), Math.abs(beta)] as const;
          const gramSize = await oracle.gram(magnitudes(moment), magnitudes(keys), ...most);
          expectWithin(await written.read(), gram, (at) => (n + 8) * ROUNDING.float32 * Number(gramSize.data[at]));

          const product = s.add(await kernels.lowrank(null, s.add(place(keys)), s.add(place(right)), alpha, turn));
          const expected = await oracle.lowrank(null, keys, right, alpha, turn);
          const lowrankSize = await oracle.lowrank(null, magnitudes(keys), magnitudes(right), most[0], turn);
          expectWithin(
            await product.read(),
            expected,
            (at) => (d + 8) * ROUNDING.float32 * Number(lowrankSize.data[at]),
          );
        }),
      ),
      { numRuns: 20, seed: 11 },
    );
  });

  test('any sizes: factor and solve come back to where they started', async () => {
    const size = fc.integer({ min: 1, max: 200 });
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1, max: 70 }), fc.boolean(), (n, m, transposed) =>
        scope(async (s) => {
          const matrix = positive(n);
          const right = numbers([n, m]);
          const factor = s.add(await kernels.cholesky(s.add(place(matrix))));
          const x = s.add(await kernels.triangular(factor, s.add(place(right)), transposed));
          checkFactor(matrix, await factor.read(), u);
          checkSolution(await factor.read(), right, await x.read(), transposed, u);
        }),
      ),
      { numRuns: 15, seed: 7 },
    );
  });
}

/** |got − want| ≤ tolerance at every place; NaN and infinities must be equal. The failure names the worst place. */
export function expectWithin(got: Tensor, want: Tensor, tolerance: (at: number) => number): void {
  expect(got.data.length).toBe(want.data.length);
  let worst = { at: -1, ratio: 1, got: 0, want: 0, allowed: 0 };
  for (let at = 0; at < got.data.length; at++) {
    const [x, y] = [Number(got.data[at]), Number(want.data[at])];
    if (Object.is(x, y) || Math.fround(y) === x) continue;
    const allowed = tolerance(at) + SMALLEST_NORMAL;
    const ratio = Number.isNaN(x - y) ? Infinity : Math.abs(x - y) / allowed;
    if (ratio > worst.ratio) worst = { at, ratio, got: x, want: y, allowed };
  }
  expect(worst).toMatchObject({ at: -1 });
}

// ---

function bitsOf({ data }: Tensor): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
}

function magnitudes(tensor: FloatTensor): FloatTensor {
  const { data, shape } = toFloat(tensor, 'float32');
  return f32(data.map(Math.abs), shape);
}

/** Rows of a lower triangle, in float64, whatever stands above the diagonal. */
function lowerRows({ data, shape: [n] }: Tensor): Float64Array[] {
  return Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (_, j) => (j <= i ? Number(data[i * n + j]) : 0)),
  );
}

/** |L Lᵀ − A| within the bound, in a few columns; zeros above the diagonal. */
function checkFactor(matrix: FloatTensor, factor: Tensor, u: number): void {
  const [n] = matrix.shape;
  const l = lowerRows(factor);
  const above = l.findIndex((_, i) => factor.data.subarray(i * n + i + 1, (i + 1) * n).some((value) => value !== 0));
  expect(above).toBe(-1);
  let worst = 0;
  for (let j = 0; j < n; j += Math.max(1, Math.floor(n / 20)))
    for (let i = j; i < n; i++) {
      const error = Math.abs(dot(l[i].subarray(0, j + 1), l[j]) - matrix.data[i * n + j]);
      worst = Math.max(worst, error / ((n + 8) * u * Math.sqrt(matrix.data[i * n + i] * matrix.data[j * n + j])));
    }
  expect(worst).toBeLessThanOrEqual(1);
}

/** |L X − B| (or Lᵀ X) within the bound, column by column; a column of B with NaN may be anything. */
function checkSolution(factor: Tensor, right: FloatTensor, x: Tensor, transposed: boolean, u: number): void {
  const [n, m] = right.shape;
  const l = lowerRows(factor);
  const rows = transposed ? l.map((_, i) => Float64Array.from(l, (row) => row[i])) : l;
  let worst = 0;
  for (let j = 0; j < m; j++) {
    const column = Float64Array.from({ length: n }, (_, i) => Number(x.data[i * m + j]));
    const b = Float64Array.from({ length: n }, (_, i) => right.data[i * m + j]);
    if (b.some(Number.isNaN)) continue;
    for (let i = 0; i < n; i++) {
      const size = dot(rows[i].map(Math.abs), column.map(Math.abs));
      const ratio = Math.abs(dot(rows[i], column) - b[i]) / ((n + 8) * u * size + SMALLEST_NORMAL);
      worst = Number.isNaN(ratio) ? Infinity : Math.max(worst, ratio);
    }
  }
  expect(worst).toBeLessThanOrEqual(1);
}
