import { describe, expect, test } from 'vitest';
import { toCsv } from '../../src/ui/csv.ts';
import { toSvg, type Mark } from '../../src/ui/drawing.ts';
import { layoutGrid } from '../../src/ui/grid.ts';
import { cellMarks } from '../../src/ui/heat.ts';
import { emptyMap, isWhole, usualWindow, withBlock } from '../../src/ui/location.ts';
import { figureOf, mapRows } from '../../src/ui/map-export.ts';

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
    const lines = toCsv(mapRows([{ item, map: after, stamp: '', window: 3 }])).split('\r\n');
    expect(lines).toHaveLength(1 + 3 * 2 * 3 + 1);
    expect(lines[1]).toBe('"The ""end""",end," is",,hidden,1,The,0,0,,,0.9,0.1,10,0.4');
    expect(lines.find((line) => line.includes('mlp') && line.includes(',1,0,'))).toBe(
      '"The ""end""",end," is",,mlp,3," ""end""",1,0,0.5,-1,0.9,0.1,10,0.4',
    );
  });
});

test.each([
  [8, 3],
  [24, 5],
  [48, 10],
  [80, 10],
])('a window in a model of %d layers is %d', (layers, width) => {
  expect(usualWindow(layers)).toBe(width);
});

describe('cells', () => {
  const layout = layoutGrid({ rows: 2, columns: 2 }, 100);
  const rects = (marks: readonly Mark[]) => marks.filter(({ kind }) => kind === 'rect');

  test('that are no number are not drawn', () => {
    expect(cellMarks(layout, [NaN, Infinity, NaN, NaN], COLORING, new Set())).toEqual([]);
  });

  test('that are edited are hatched, inside themselves', () => {
    const marks = cellMarks(layout, [0, 1, 0.5, NaN], COLORING, new Set([1]));
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
  const table = { rows: ['<a & b>'], columns: ['0'], values: [0.5], coloring: COLORING, hatched: new Set<number>() };
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
      if (mark.kind === 'line') continue;
      expect(mark.x).toBeLessThan(drawing.width);
      expect(mark.y).toBeLessThan(drawing.height);
    }
  });

  test('is XML whatever a token is', () => {
    const mark: Mark = { kind: 'text', x: 0, y: 0, text: 'a\u0000\u001b"b', size: 12, fill: '#000000' };
    expect(toSvg({ width: 1, height: 1, marks: [mark] }, 't')).toContain('a\uFFFD\uFFFD&quot;b');
  });
});
