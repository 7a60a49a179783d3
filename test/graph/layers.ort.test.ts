import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/base/tensor.ts';
import type { Edge } from '../../src/graph/graph.ts';
import * as layer from '../../src/graph/layers.ts';
import { concat, mul, sub } from '../../src/graph/ops.ts';
import { relativeError } from '../support/finite.ts';
import { checkGradients, type Input } from './check.ts';

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]) => sum(values) / values.length;
const numbers = (tensor: Tensor) => [...(tensor.data as Float64Array)];

/** Values from −3 to 3, of inputs from 0.5 to 1.5. */
const wide = { edge: (x: Edge) => sub(mul(x, 6), 6), number: (x: number) => 6 * x - 6 };

describe('rows, against plain arithmetic and central differences', () => {
  const rows: [
    name: string,
    inputs: readonly Input[],
    build: (x: Edge, w: Edge, b: Edge) => Edge,
    plain: (row: readonly number[], w: readonly number[], b: readonly number[]) => number[],
    tolerance: number,
  ][] = [
    [
      'layerNorm',
      [['N', 4], [4], [4]],
      (x, w, b) => layer.layerNorm(x, w, b, 1e-5),
      (row, w, b) => {
        const centered = row.map((value) => value - mean(row));
        const deviation = Math.sqrt(mean(centered.map((value) => value * value)) + Math.fround(1e-5));
        return centered.map((value, i) => (value / deviation) * w[i] + b[i]);
      },
      1e-14,
    ],
    [
      'rmsNorm',
      [['N', 4], [4]],
      (x, w) => layer.rmsNorm(x, w, 1e-6),
      (row, w) => row.map((value, i) => (value / Math.sqrt(mean(row.map((each) => each * each)) + 1e-6)) * w[i]),
      1e-14,
    ],
    [
      'geluTanh',
      [['N', 4]],
      (x) => layer.geluTanh(wide.edge(x)),
      (row) => {
        const inner = (z: number) => Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3);
        return row.map(wide.number).map((z) => 0.5 * z * (1 + Math.tanh(inner(z))));
      },
      1e-14,
    ],
    [
      'silu',
      [['N', 4]],
      (x) => layer.silu(wide.edge(x)),
      (row) => row.map(wide.number).map((z) => z / (1 + Math.exp(-z))),
      1e-14,
    ],
    [
      'logSoftmax',
      [['N', 4]],
      (x) => layer.logSoftmax(wide.edge(x)),
      (row) => row.map(wide.number).map((z) => z - Math.log(sum(row.map((each) => Math.exp(wide.number(each)))))),
      1e-14,
    ],
  ];
  test.each(rows)('%s', async (_, inputs, build, plain, tolerance) => {
    const { errors, values, feeds } = await checkGradients('float64', inputs, build as (...edges: Edge[]) => Edge);
    const [x, w, b] = inputs.map((_, i) => numbers(feeds[`x${i}`]));
    const expected = range(4).flatMap((n) => plain(x.slice(4 * n, 4 * n + 4), w, b));
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(tolerance);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });

  // erf is float32's, and so is what can be asked of it.
  test('geluErf, in float32', async () => {
    const { errors, values, feeds } = await checkGradients(
      'float32',
      [['N', 4]],
      (x) => layer.geluErf(wide.edge(x)),
      0.01,
    );
    const expected = numbers(feeds.x0)
      .map(wide.number)
      .map((z) => z * normalCdf(z));
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-6);
    expect(Math.max(...errors)).toBeLessThan(3e-5);
  });

  test('geluErf in a float64 graph is as good as its float32 erf', async () => {
    const { values, feeds } = await checkGradients('float64', [['N', 4]], (x) => layer.geluErf(wide.edge(x)));
    const expected = numbers(feeds.x0)
      .map(wide.number)
      .map((z) => z * normalCdf(z));
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-7);
  });
});

describe('linear maps', () => {
  test('addLowRank: y + x Vᵀ Uᵀ', async () => {
    const inputs = [
      ['N', 2],
      ['N', 3],
      [2, 'r'],
      ['r', 3],
    ];
    for (const rank of [0, 1, 3]) {
      const { errors, values, feeds } = await checkGradients(
        'float64',
        inputs,
        (y, x, left, right) => layer.addLowRank(y, x, left, right),
        1e-3,
        { N: 4, r: rank },
      );
      const [y, x, left, right] = inputs.map((_, i) => numbers(feeds[`x${i}`]));
      const expected = range(8).map((at) => {
        const [n, i] = [Math.floor(at / 2), at % 2];
        const inner = (k: number) => sum(range(3).map((j) => right[3 * k + j] * x[3 * n + j]));
        return y[at] + sum(range(rank).map((k) => left[rank * i + k] * inner(k)));
      });
      expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-15);
      expect(Math.max(...errors)).toBeLessThan(1e-8);
    }
  });

  test('addRows: no rows change nothing', async () => {
    const inputs = [
      ['N', 2],
      ['N', 'n'],
      ['n', 2],
    ];
    for (const n of [0, 1, 3]) {
      const { errors, values, feeds } = await checkGradients(
        'float64',
        inputs,
        (y, selection, rows) => layer.addRows(y, selection, rows),
        1e-3,
        { N: 4, n },
      );
      const [y, selection, rows] = inputs.map((_, i) => numbers(feeds[`x${i}`]));
      const expected = y.map((value, at) => {
        const [row, i] = [Math.floor(at / 2), at % 2];
        return value + sum(range(n).map((j) => selection[n * row + j] * rows[2 * j + i]));
      });
      expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-15);
      expect(Math.max(...errors)).toBeLessThan(1e-8);
    }
  });

  test.each(['in,out', 'out,in'] as const)('linear with a weight stored %s', async (layout) => {
    const weight = layout === 'in,out' ? [2, 3] : [3, 2];
    const { errors, values, feeds } = await checkGradients('float64', [['N', 2], weight, [3]], (x, w, b) =>
      layer.linear(x, { weight: w, layout }, b),
    );
    const [x, w, b] = [0, 1, 2].map((i) => numbers(feeds[`x${i}`]));
    const at = (i: number, j: number) => (layout === 'in,out' ? w[3 * i + j] : w[2 * j + i]);
    const expected = range(12).map((n) => {
      const [row, j] = [Math.floor(n / 3), n % 3];
      return b[j] + x[2 * row] * at(0, j) + x[2 * row + 1] * at(1, j);
    });
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-15);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });
});

describe('rotary', () => {
  const size = { B: 2, T: 3 };
  test.each([
    ['half', 4],
    ['half', 6],
    ['interleaved', 4],
    ['interleaved', 6],
  ] as const)('%s, %i of 6 coordinates turn', async (style, turning) => {
    const angles = ['B', 1, 'T', turning];
    const { errors, values, feeds } = await checkGradients(
      'float64',
      [['B', 2, 'T', 6], angles, angles],
      (x, cos, sin) => layer.rotary(x, cos, sin, style),
      1e-3,
      size,
    );
    const [x, cos, sin] = [0, 1, 2].map((i) => numbers(feeds[`x${i}`]));
    const half = turning / 2;
    const expected = x.map((value, at) => {
      const [i, t, head] = [at % 6, Math.floor(at / 6) % size.T, Math.floor(at / 6 / size.T)];
      if (i >= turning) return value;
      const first = style === 'half' ? i < half : i % 2 === 0;
      const step = (style === 'half' ? half : 1) * (first ? 1 : -1);
      const angle = (Math.floor(head / 2) * size.T + t) * turning + i;
      return value * cos[angle] + (first ? -1 : 1) * x[at + step] * sin[angle];
    });
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-15);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });
});

describe('attention', () => {
  const size = 2;
  const rows = [1, 2, 4].flatMap((group) => [0, 3].map((past) => [group, past] as const));
  test.each(rows)('%i query heads a key head, %i tokens kept', async (group, past) => {
    const [batch, tokens, keyHeads] = [2, 3, group === 4 ? 1 : 2];
    const heads = group * keyHeads;
    const length = past + tokens;
    const kept = ['B', keyHeads, 'P', size];
    const fresh = ['B', keyHeads, 'T', size];
    const inputs = [['B', heads, 'T', size], kept, fresh, kept, fresh, ['B', 1, 'T', 'S'], { sizes: ['P'] }];
    const { errors, values, feeds } = await checkGradients(
      'float64',
      inputs,
      (q, pastK, k, pastV, v, mask) => {
        const [allK, allV] = [concat([pastK, k], 2, 'S'), concat([pastV, v], 2, 'S')];
        return layer.attention(q, allK, allV, { mask: mul(mask, 3), scale: 0.7 });
      },
      1e-3,
      { B: batch, T: tokens, P: past, S: length },
    );

    const [q, pastK, k, pastV, v, mask] = range(6).map((i) => numbers(feeds[`x${i}`]));
    const joined =
      (old: readonly number[], added: readonly number[]) => (b: number, kv: number, s: number, i: number) =>
        s < past
          ? old[((b * keyHeads + kv) * past + s) * size + i]
          : added[((b * keyHeads + kv) * tokens + s - past) * size + i];
    const [key, value] = [joined(pastK, k), joined(pastV, v)];
    const expected: number[] = [];
    for (const b of range(batch)) {
      for (const h of range(heads)) {
        const kv = Math.floor(h / group);
        for (const t of range(tokens)) {
          const scores = range(length).map((s) => {
            const product = sum(
              range(size).map((i) => q[((b * heads + h) * tokens + t) * size + i] * key(b, kv, s, i)),
            );
            return Math.exp(0.7 * product + 3 * mask[(b * tokens + t) * length + s]);
          });
          for (const i of range(size)) {
            expected.push(sum(scores.map((score, s) => score * value(b, kv, s, i))) / sum(scores));
          }
        }
      }
    }
    expect(relativeError(numbers(values.y0), expected)).toBeLessThan(1e-14);
    expect(Math.max(...errors)).toBeLessThan(1e-8);
  });
});

test('splitHeads and mergeHeads are inverses, whole and in their gradients', async () => {
  const { errors, values, feeds } = await checkGradients(
    'float64',
    [['N', 6], { sizes: ['B', 'T', -1, 2] }],
    (x, sizes) => layer.mergeHeads(mul(layer.splitHeads(x, sizes, 2), 2)),
    1e-3,
    { B: 2, T: 3, N: 6, '-1': 3 },
  );
  expect(numbers(values.y0)).toEqual(numbers(feeds.x0).map((value) => 2 * value));
  expect(Math.max(...errors)).toBeLessThan(1e-8);
});

// ---

/** Φ(z) by its power series, exact to double precision for the moderate z used here. */
function normalCdf(z: number): number {
  let term = z;
  let total = z;
  for (let n = 1; n < 80; n++) {
    term *= (z * z) / (2 * n + 1);
    total += term;
  }
  return 0.5 + (total * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}
