import { moved, type Mark } from './drawing.ts';
import { layoutGrid, namedEvery, type GridLayout, type RowRange } from './grid.ts';
import { sampleScale, shareOf, strokeOn, type Domain, type Scale } from './palette.ts';

/** What a value looks like. */
export interface Coloring {
  readonly scale: Scale;
  readonly domain: Domain;
}

/** Whether an edit has written a cell. */
export type Hatched = (row: number, column: number) => boolean;

/**
 * The cells of a table of values, row by row. What is no number is left out: the ground shows. Edited ones are hatched.
 *
 * @param words  what is written into a cell, as far as it fits
 * @param within rows that are drawn; all without it
 */
export function cellMarks(
  layout: GridLayout,
  values: ArrayLike<number>,
  { scale, domain }: Coloring,
  hatched: Hatched,
  words?: (index: number) => string,
  within: RowRange = { first: 0, end: layout.rows },
): Mark[] {
  const { columns, cellWidth, cellHeight } = layout;
  const marks: Mark[] = [];
  const end = Math.min(values.length, within.end * columns);
  for (let i = within.first * columns; i < end; i++) {
    if (!Number.isFinite(values[i])) continue;
    const [x, y] = [(i % columns) * cellWidth, Math.floor(i / columns) * cellHeight];
    const fill = sampleScale(scale, shareOf(domain, values[i]));
    marks.push({ kind: 'rect', x, y, width: cellWidth - GAP, height: cellHeight - GAP, fill });
    if (hatched(Math.floor(i / columns), i % columns)) {
      marks.push(hatch(x, y, cellWidth - GAP, cellHeight - GAP, fill, words ? '38' : '99'));
    }
    const text = words ? fit(words(i), cellWidth - 6) : '';
    const place = { x: x + cellWidth / 2, y: y + cellHeight / 2 + 4 };
    if (text !== '') marks.push({ kind: 'text', ...place, text, size: 11, fill: strokeOn(fill), anchor: 'middle' });
  }
  return marks;
}

/** A bar of all colors of a scale, from low to high. */
export function legendMarks(scale: Scale, width: number, height: number): Mark[] {
  const steps = 64;
  return Array.from({ length: steps }, (_, i) => ({
    ...{ kind: 'rect', x: (width * i) / steps, y: 0, width: width / steps + 0.5, height },
    fill: sampleScale(scale, i / (steps - 1)),
  }));
}

/** A table as it is exported: cells with the names of rows and columns beside them. */
export interface HeatTable {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly values: ArrayLike<number>;
  readonly coloring: Coloring;
  readonly hatched: Hatched;
  readonly words?: (index: number) => string;
}

/**
 * An exported table's marks, names included; its upper left corner is at 0, 0. It is wider than the width where its cells
 * would be too narrow to be read.
 */
export function tableMarks(
  table: HeatTable,
  labelWidth: number,
  width: number,
): { marks: Mark[]; width: number; height: number } {
  const { rows, columns, values, coloring, hatched, words } = table;
  const layout = layoutGrid({ rows: rows.length, columns: columns.length }, width - labelWidth, 20);
  const cells = moved(cellMarks(layout, values, coloring, hatched, words), labelWidth, 0);
  const text = { kind: 'text', size: 12, fill: '#333333' } as const;
  const names = rows.map((name, row) => ({
    ...{ ...text, x: labelWidth - 6, y: row * layout.cellHeight + 14, text: shortName(name), anchor: 'end' as const },
  }));
  const every = namedEvery(columns.length, layout.cellWidth);
  const numbers = columns.flatMap((name, column) => {
    const place = { x: labelWidth + (column + 0.5) * layout.cellWidth, y: layout.height + 14 };
    return column % every === 0 ? [{ ...text, ...place, text: name, anchor: 'middle' as const }] : [];
  });
  return { marks: [...cells, ...names, ...numbers], width: labelWidth + layout.width, height: layout.height + 20 };
}

/** A row's name as far as there is room for it. */
export function shortName(name: string): string {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}

// ---

/** Ground between cells, in pixels. */
const GAP = 1;

/** Pixels between two strokes. */
const PITCH = 6;

/** A text as far as it fits, by how wide letters are as a rule. */
function fit(text: string, width: number): string {
  const most = Math.floor(width / 6);
  if (text.length <= most) return text;
  return most < 2 ? '' : `${text.slice(0, most - 1)}…`;
}

/**
 * Strokes at 45°, cut off at the cell's sides.
 *
 * @param opacity two hexadecimal digits: fainter where words are to be read
 */
function hatch(x: number, y: number, width: number, height: number, on: string, opacity: string): Mark {
  const pieces: number[] = [];
  for (let c = PITCH; c < width + height; c += PITCH) {
    const [x1, y1] = c <= height ? [0, c] : [c - height, height];
    const [x2, y2] = c <= width ? [c, 0] : [width, c - width];
    pieces.push(x + x1, y + y1, x + x2, y + y2);
  }
  return { kind: 'line', pieces, stroke: strokeOn(on) + opacity, width: 1 };
}
