/** A cell of a table of values. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** How many there are. */
export interface GridSize {
  readonly rows: number;
  readonly columns: number;
}

/** Where cells lie, in CSS pixels. */
export interface GridLayout extends GridSize {
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Cells that fill a width, as far as they stay readable: no narrower than a fingertip's half, no wider than a hand's span.
 */
export function layoutGrid({ rows, columns }: GridSize, width: number, cellHeight = 24): GridLayout {
  const cellWidth = Math.min(WIDEST, Math.max(NARROWEST, Math.floor(width / Math.max(1, columns))));
  return { rows, columns, cellWidth, cellHeight, width: cellWidth * columns, height: cellHeight * rows };
}

/** The cell under a point; null beside the cells. */
export function cellAt({ rows, columns, cellWidth, cellHeight }: GridLayout, x: number, y: number): Cell | null {
  const [row, column] = [Math.floor(y / cellHeight), Math.floor(x / cellWidth)];
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
}

/** Rows from one to before another. */
export interface RowRange {
  readonly first: number;
  readonly end: number;
}

/**
 * The rows that a window over a table shows, with some around it: in steps of eight, so that scrolling draws rarely.
 *
 * @param top    of the window over the table, in pixels
 * @param height of the window
 */
export function rowsWithin({ rows, cellHeight }: GridLayout, top: number, height: number): RowRange {
  const first = STEP * Math.floor(top / cellHeight / STEP) - STEP;
  const end = STEP * Math.ceil((top + height) / cellHeight / STEP) + STEP;
  return { first: Math.max(0, Math.min(first, rows)), end: Math.max(0, Math.min(end, rows)) };
}

/** Where to scroll so that a piece is seen, and no further than that. */
export function scrollFor(scrolled: number, start: number, length: number, room: number): number {
  if (start < scrolled) return start;
  return Math.max(scrolled, start + length - room);
}

/** The cell that a key leads to; null for keys that lead nowhere. At an edge it stays where it is. */
export function cellAfter({ row, column }: Cell, key: string, { rows, columns }: GridSize): Cell | null {
  const to: Partial<Record<string, readonly [row: number, column: number]>> = {
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    Home: [row, 0],
    End: [row, columns - 1],
    PageUp: [0, column],
    PageDown: [rows - 1, column],
  };
  const found = to[key];
  return found ? cellWithin({ row: found[0], column: found[1] }, { rows, columns }) : null;
}

/** The cell itself, or the nearest one of a table that has become smaller. */
export function cellWithin({ row, column }: Cell, { rows, columns }: GridSize): Cell {
  return { row: clamp(row, rows), column: clamp(column, columns) };
}

/** Of the names of layers side by side, every how manieth has room to be written. */
export function namedEvery(layers: number, spacing: number): number {
  const widest = LETTER * String(layers - 1).length + 4;
  return Math.max(1, Math.ceil(widest / spacing));
}

/** Rows near one, itself among them: what a screen reader needs of a long table. */
export function rowsNear(row: number, { rows }: GridSize, reach = 2): number[] {
  const first = Math.max(0, Math.min(row - reach, rows - 1 - 2 * reach));
  return Array.from({ length: Math.min(rows, 2 * reach + 1) }, (_, i) => first + i);
}

/** The place of a value among all that are numbers: 0 for the largest. */
export function placeOf(values: ArrayLike<number>, index: number): number {
  let larger = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > values[index]) larger += 1;
  return larger;
}

/** The index of the largest number; −1 when there is none. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]) && (best < 0 || values[i] > values[best])) best = i;
  }
  return best;
}

/** How many of some values are numbers. */
export function countKnown(values: ArrayLike<number>): number {
  let known = 0;
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) known += 1;
  return known;
}

/** Layers with all from one to another added, or taken out; ascending. */
export function paintLayers(layers: readonly number[], from: number, to: number, add: boolean): number[] {
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const others = layers.filter((layer) => layer < low || layer > high);
  const painted = add ? Array.from({ length: high - low + 1 }, (_, i) => low + i) : [];
  return [...others, ...painted].sort((a, b) => a - b);
}

// ---

/** Rows that are drawn together. */
const STEP = 8;

/** How wide a figure is as a rule, in pixels. */
const LETTER = 7;

const NARROWEST = 12;
const WIDEST = 72;

function clamp(index: number, count: number): number {
  return Math.max(0, Math.min(count - 1, index));
}
