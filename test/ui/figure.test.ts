import { describe, expect, test } from 'vitest';
import { changeScale, chartMarks, chartPlot, chartScale, layerUnder } from '../../src/ui/chart.ts';
import { toCsv } from '../../src/ui/csv.ts';
import { toSvg, type Mark } from '../../src/ui/drawing.ts';
import { makeFormat } from '../../src/ui/format.ts';
import { layoutGrid } from '../../src/ui/grid.ts';
import { cellMarks } from '../../src/ui/heat.ts';
import { lensRows, topOf } from '../../src/ui/lens-view.ts';
import { emptyMap, isWhole, withBlock } from '../../src/ui/location.ts';
import { englishLocate } from '../../src/ui/english-locate.ts';
import { figureOf, mapRows, provenanceOf } from '../../src/ui/map-export.ts';
import { similarityChange, similarityRows } from '../../src/ui/similarity.ts';
import { RECALL_PARTS, type Recall } from '../../src/locate/recall.ts';

const score = (probability: number) => ({ probability, logProbability: Math.log(probability) });
const BASELINE = { high: score(0.9), low: score(0.1), draws: 10, noiseLevel: 0.4 };
const COLORING = { scale: 'cividis', domain: { low: 0, high: 1 } } as const;
const BLOCK = {
  ...({ kind: 'mlp', tokens: [1], layers: [0, 2] } as const),
  ...{ probability: Float64Array.of(0.5, 0.25), logProbability: Float64Array.of(-1, -2) },
};

describe('a map that fills in', () => {
  const before = emptyMap(BASELINE, 2, 3);
  const after = withBlock(before, BLOCK);

  test('takes cells where they belong, and leaves the map before as it was', () => {
    expect([...(after.kinds.mlp?.probability ?? [])]).toEqual([NaN, NaN, NaN, 0.5, NaN, 0.25]);
    expect([...(after.kinds.mlp?.logProbability ?? [])]).toEqual([NaN, NaN, NaN, -1, NaN, -2]);
    expect(before.kinds.mlp?.probability.every(Number.isNaN)).toBe(true);
    expect(isWhole(after, 'mlp')).toBe(false);
  });

  test('is written as rows, unknown cells empty', () => {
    const item = {
      ...({ prompt: 'The "end"', subject: 'end', target: ' is', targetFrom: 'request', ids: [1, 2] } as const),
      ...({ tokens: ['The', ' "end"'], subjectRange: [1, 2], targetIds: [3] } as const),
    };
    const how = { window: 3, draws: 10, seed: 7, sigmas: 2.5, topK: 50 };
    const lines = toCsv(mapRows([{ item, map: after, stamp: '', how }])).split('\r\n');
    expect(lines).toHaveLength(1 + 3 * 2 * 3 + 1);
    expect(lines[1]).toBe('"The ""end""",end," is",,hidden,1,The,0,0,,,0.9,0.1,10,0.4,2.5,7');
    expect(lines.find((line) => line.includes('mlp') && line.includes(',1,0,'))).toBe(
      '"The ""end""",end," is",,mlp,3," ""end""",1,0,0.5,-1,0.9,0.1,10,0.4,2.5,7',
    );
  });
});

describe('cells', () => {
  const layout = layoutGrid({ rows: 2, columns: 2 }, 100);
  const rects = (marks: readonly Mark[]) => marks.filter(({ kind }) => kind === 'rect');

  test('that are no number are not drawn', () => {
    expect(cellMarks(layout, [NaN, Infinity, NaN, NaN], COLORING, () => false)).toEqual([]);
  });

  test('beyond the rows that are seen are not drawn', () => {
    const marks = cellMarks(layout, [0, 1, 0.5, 0.2], COLORING, () => false, undefined, { first: 1, end: 2 });
    expect(rects(marks)).toEqual(rects(cellMarks(layout, [NaN, NaN, 0.5, 0.2], COLORING, () => false)));
    expect(rects(marks)).toHaveLength(2);
  });

  test('that are edited are hatched, inside themselves', () => {
    const marks = cellMarks(layout, [0, 1, 0.5, NaN], COLORING, (_, column) => column === 1);
    expect(rects(marks)).toHaveLength(3);
    const strokes = marks.flatMap((mark) => (mark.kind === 'line' ? [mark.pieces] : []));
    expect(strokes).toHaveLength(1);
    for (const [i, value] of strokes[0].entries()) {
      expect(value).toBeGreaterThanOrEqual(i % 2 === 0 ? 50 : 0);
      expect(value).toBeLessThanOrEqual(i % 2 === 0 ? 99 : 23);
    }
  });
});

describe('a picture to keep', () => {
  const table = { rows: ['<a & b>'], columns: ['0'], values: [0.5], coloring: COLORING, hatched: () => false };
  const panel = { heading: 'one', notes: ['spread'], tables: [{ name: 'Location', table }] };
  const frame = {
    ...{ title: 'T', reading: 'r '.repeat(400), foot: ['not comparable'] },
    legends: [{ text: 'p of “x”', low: '0', high: '1', coloring: COLORING }],
  };

  test('says everything that is needed to read it, and nothing outside of it', () => {
    const drawing = figureOf([panel, panel], frame);
    const svg = toSvg(drawing, 'T');
    for (const text of ['&lt;a &amp; b&gt;', 'Location', 'spread', 'p of “x”', 'not comparable']) {
      expect(svg).toContain(text);
    }
    for (const mark of drawing.marks) {
      if (mark.kind === 'line' || mark.kind === 'area') continue;
      expect(mark.x).toBeLessThan(drawing.width);
      expect(mark.y).toBeLessThan(drawing.height);
    }
  });

  test('of a deep model keeps its panels apart, and names within them', () => {
    const columns = Array.from({ length: 48 }, (_, layer) => String(layer));
    const values = columns.map(() => 0.5);
    const name = 'the relation with a name of 36 letters';
    const deep = { ...panel, tables: [{ name: 'Location', table: { ...table, rows: [name], columns, values } }] };
    const { marks, width } = figureOf([deep, deep], frame);
    const cells = marks.flatMap((mark) => (mark.kind === 'rect' && mark.height === 19 ? [mark] : []));
    const [one, other] = [cells.slice(0, 48), cells.slice(48)];
    expect(other).toHaveLength(48);
    expect(one[47].x + one[47].width).toBeLessThan(other[0].x);
    expect(other[47].x + other[47].width).toBeLessThan(width);
    const named = marks.flatMap((mark) => (mark.kind === 'text' && mark.anchor === 'end' ? [mark] : []));
    for (const mark of named) expect(mark.x - 8 * mark.text.length).toBeGreaterThan(0);
    const numbers = marks.flatMap((mark) => (mark.kind === 'text' && mark.anchor === 'middle' ? [mark.x] : []));
    for (const [i, x] of numbers.slice(0, 24).entries()) if (i > 0) expect(x - numbers[i - 1]).toBeGreaterThan(14);
    expect(numbers).toHaveLength(48);
  });

  test('is as wide as its chart', () => {
    const chart = { width: 760, height: 10, marks: [] };
    expect(figureOf([{ heading: '', notes: [], tables: [], chart }], frame).width).toBeGreaterThan(760);
  });

  test.each([
    ['', Date.UTC(2026, 0, 2, 12), /^Palimpsest, hearth, no edits, computed .*2026/],
    ['a·1 b·1', Date.UTC(2026, 0, 2, 12), /^Palimpsest, hearth, 2 edits, computed .*2026/],
    ['a·1', null, /^Palimpsest, hearth, 1 edit, not finished$/],
  ])('says of which model and edits it is, and when: %j', (stamp, computedAt, foot) => {
    expect(provenanceOf('hearth', { stamp, computedAt }, englishLocate, makeFormat('en'))).toMatch(foot);
  });

  test('is XML whatever a token is', () => {
    const mark: Mark = { kind: 'text', x: 0, y: 0, text: 'a\u0000\u001b"b', size: 12, fill: '#000000' };
    expect(toSvg({ width: 1, height: 1, marks: [mark] }, 't')).toContain('a\uFFFD\uFFFD&quot;b');
  });
});

describe('lines over layers', () => {
  const line = { name: 'MLP', color: '#0072b2', round: false };
  const frame = { width: 400, height: 200, low: 0, high: 1, ticks: [0, 1], ink: '#000', rule: '#ccc', ground: '#fff' };
  const draw = (...values: number[][]) =>
    chartMarks(
      values.map((each) => ({ ...line, values: each, band: each.map(() => 0.1), round: true })),
      { ...frame, layer: 'Layer', figures: { number: String } },
    );
  const heights = (marks: readonly Mark[]) => marks.flatMap((mark) => (mark.kind === 'circle' ? [mark.y] : []));

  test('what is no number leaves a gap', () => {
    const marks = draw([0.5, NaN, 0.5, 0.5]);
    expect(heights(marks)).toHaveLength(3);
    const lines = marks.flatMap((mark) => (mark.kind === 'line' && mark.stroke === line.color ? [mark.pieces] : []));
    expect(lines[0]).toHaveLength(4);
    expect(JSON.stringify(marks)).not.toMatch(/null|NaN/);
  });

  test('more is higher, and names at equal ends are apart', () => {
    const [low, high] = heights(draw([0.2, 0.9]));
    expect(high).toBeLessThan(low);
    const names = draw([0.5], [0.5]).flatMap((mark) => (mark.kind === 'text' && mark.text === 'MLP' ? [mark.y] : []));
    expect(names[1] - names[0]).toBeGreaterThanOrEqual(12);
  });

  test.each([
    ['nothing', [], { low: 0, high: 1e-4, ticks: [0, 1e-4] }],
    ['next to nothing', [0.0011], { low: 0, high: 0.0015, ticks: [0, 0.0005, 0.001, 0.0015] }],
    ['cosines on both sides of zero', [-0.28, 0.41, NaN], { low: -0.28, high: 0.6, ticks: [-0.2, 0, 0.2, 0.4, 0.6] }],
    ['a share', [0.98], { low: 0, high: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] }],
    ['effects whose band goes below zero', [-0.001, 0.3], { low: -0.001, high: 0.3, ticks: [0, 0.1, 0.2, 0.3] }],
  ])('a scale for %s', (_, values, scale) => {
    expect(chartScale([values])).toEqual(scale);
  });

  test.each([[[0.0004]], [[0.011, 0.019]], [[0.02]], [[-0.003, 0.02]], [[0.98]], [[-1, 1]]])(
    'no two ticks beside %j read the same',
    (values) => {
      const scale = { ...frame, ...chartScale([values]), layer: 'Layer', figures: makeFormat('en') };
      const marks = chartMarks([{ ...line, values }], scale);
      const names = marks.flatMap((mark) => (mark.kind === 'text' && mark.anchor === 'end' ? [mark.text] : []));
      expect(new Set(names).size).toBe(names.length);
      expect(names.length).toBeGreaterThan(2);
    },
  );

  test('layers of a deep model are named as far as there is room', () => {
    const marks = draw(Array.from({ length: 48 }, () => 0.5));
    const places = marks.flatMap((mark) => (mark.kind === 'text' && mark.anchor === 'middle' ? [mark.x] : []));
    for (const [i, x] of places.entries()) if (i > 0) expect(x - places[i - 1]).toBeGreaterThan(14);
    expect(places.length).toBeGreaterThan(5);
  });

  test.each([
    ['nothing', [NaN], 0.02, 5],
    ['a change one way', [-0.3, 0.1], 0.4, 5],
    ['the greatest', [-2, 2], 2, 5],
  ])('a scale for the difference that is %s has zero in its middle', (_, values, end, count) => {
    const { low, high, ticks } = changeScale([values]);
    expect([low, high]).toEqual([-end, end]);
    expect(ticks).toHaveLength(count);
    expect(ticks[(count - 1) / 2]).toBe(0);
  });

  test('the layer under a pointer is the one whose name stands there, and beside the lines there is none', () => {
    const series = [{ ...line, name: 'a name that is longer than others', values: [1, 2, 3] }];
    const plot = chartPlot(series, frame);
    const names = chartMarks(series, { ...frame, layer: 'Layer', figures: { number: String } }).flatMap((mark) =>
      mark.kind === 'text' && mark.anchor === 'middle' ? [[mark.text, layerUnder(plot, mark.x)]] : [],
    );
    expect(names).toEqual([
      ['0', 0],
      ['1', 1],
      ['2', 2],
    ]);
    expect([plot.left - 1, plot.right + 1].map((x) => layerUnder(plot, x))).toEqual([null, null]);
    expect(plot.right).toBeLessThan(chartPlot([{ ...line, values: [1] }], frame).right);
  });

  test('zero is marked where values go below it, and only there', () => {
    const strokes = (low: number) =>
      chartMarks([{ ...line, values: [0.5] }], { ...frame, low, layer: 'Layer', figures: { number: String } }).flatMap(
        (mark) => (mark.kind === 'line' && mark.stroke === frame.ink ? [mark.pieces[1]] : []),
      );
    expect(strokes(0)).toEqual([]);
    expect(strokes(-0.5)).toHaveLength(1);
  });
});

test('words of the lens as rows: every cell of every place, ranks from one', () => {
  const cells = {
    ...{ probability: Float64Array.of(0.1, 0.7), rank: Int32Array.of(4, 0) },
    ...{ topIds: Int32Array.of(1, 2, 2, 1), topProbability: Float64Array.of(0.5, 0.2, 0.7, 0.1) },
  };
  const item = {
    ...({ prompt: 'A', subject: 'A', target: ' key', targetFrom: 'model', ids: [9], tokens: ['A'] } as const),
    ...({ subjectRange: [0, 1], targetIds: [2] } as const),
  };
  const lens = { tokens: 1, layers: 2, k: 2, places: { residual: cells, mlp: cells, attn: cells } };
  const seen = { item, stamp: '', lens, words: { 1: ' to', 2: ' key' } };
  expect(lensRows([seen]).slice(0, 3)).toEqual([
    ['prompt', 'edits', 'read_from', 'token', 'position', 'layer', 'answer_token', 'probability', 'rank', 'says'],
    ['A', '', 'residual', 'A', 0, 0, ' key', 0.1, 5, ' to'],
    ['A', '', 'residual', 'A', 0, 1, ' key', 0.7, 1, ' key'],
  ]);
  expect(topOf(seen, 'mlp', 1)).toEqual([
    { id: 2, text: ' key', probability: 0.7 },
    { id: 1, text: ' to', probability: 0.1 },
  ]);
});

describe('similarity', () => {
  const recallOf = (cosine: number): Recall => {
    const values = Float64Array.of(cosine, cosine);
    const part = { cosine: values, overlap: { lens: values, embedding: values }, normIn: values, normOut: values };
    return Object.fromEntries(RECALL_PARTS.map((name) => [name, part])) as unknown as Recall;
  };

  test('of what an edit changed is the difference, and unknown as long as one of both is', () => {
    const [before, after] = [recallOf(0.75), recallOf(0.5)];
    expect([...similarityChange(after, before, 'mlp', 'residual')]).toEqual([-0.25, -0.25]);
    expect([...similarityChange(after, null, 'mlp', 'words')]).toEqual([NaN, NaN]);
  });

  test('as rows tells before and after apart', () => {
    const records = ['', 'a·1'].map((stamp, i) => ({ prompt: 'A', stamp, recall: recallOf(i) }));
    const rows = similarityRows(records, { mlp: [1], attn: [] });
    expect(rows).toHaveLength(1 + 2 * 2 * 2);
    expect(rows[0].slice(0, 5)).toEqual(['prompt', 'edits', 'layer', 'module', 'cosine_stream']);
    expect(rows[1]).toEqual(['A', '', 0, 'mlp', 0, 0, 0, 0, 0, 0]);
    expect(rows[6]).toEqual(['A', 'a·1', 1, 'mlp', 1, 1, 1, 1, 1, 1]);
  });
});
