import { describe, expect, test } from 'vitest';
import {
  cellAfter,
  cellAt,
  cellWithin,
  countKnown,
  indexOfLargest,
  layoutGrid,
  paintLayers,
  placeOf,
  rowsNear,
  rowsWithin,
  scrollFor,
} from '../../src/ui/grid.ts';

const SIZE = { rows: 3, columns: 8 };

describe('layout', () => {
  test.each([
    ['fills its room', 400, 50],
    ['stays readable where there is none', 0, 12],
    ['and no wider than it helps', 4000, 72],
  ])('%s', (_, room, cellWidth) => {
    expect(layoutGrid(SIZE, room)).toMatchObject({ cellWidth, width: 8 * cellWidth, height: 72 });
  });

  test.each([
    [0, 0, { row: 0, column: 0 }],
    [399, 71, { row: 2, column: 7 }],
    [400, 10, null],
    [10, -1, null],
  ])('the cell at %d, %d', (x, y, cell) => {
    expect(cellAt(layoutGrid(SIZE, 400), x, y)).toEqual(cell);
  });
});

describe('a tall table', () => {
  const layout = layoutGrid({ rows: 128, columns: 8 }, 400);

  test.each([
    ['at its head', 0, 480, { first: 0, end: 32 }],
    ['in the middle', 1000, 480, { first: 32, end: 72 }],
    ['a little further, the same', 1030, 480, { first: 32, end: 72 }],
    ['at its end', 128 * 24 - 480, 480, { first: 96, end: 128 }],
    ['before it has a height', 0, 0, { first: 0, end: 8 }],
  ])('draws what is seen %s', (_, top, height, range) => {
    expect(rowsWithin(layout, top, height)).toEqual(range);
  });

  test.each([
    ['what is seen', 100, 120, 100],
    ['what is above', 100, 48, 48],
    ['what is below', 100, 600, 144],
  ])('scrolls for %s', (_, scrolled, start, wanted) => {
    expect(scrollFor(scrolled, start, 24, 480)).toBe(wanted);
  });
});

describe('keys', () => {
  test.each([
    ['ArrowRight', { row: 1, column: 5 }],
    ['ArrowUp', { row: 0, column: 4 }],
    ['Home', { row: 1, column: 0 }],
    ['End', { row: 1, column: 7 }],
    ['PageDown', { row: 2, column: 4 }],
    ['a', null],
  ])('%s', (key, cell) => {
    expect(cellAfter({ row: 1, column: 4 }, key, SIZE)).toEqual(cell);
  });

  test('stay inside', () => {
    expect(cellAfter({ row: 0, column: 0 }, 'ArrowUp', SIZE)).toEqual({ row: 0, column: 0 });
    expect(cellAfter({ row: 2, column: 7 }, 'ArrowRight', SIZE)).toEqual({ row: 2, column: 7 });
  });
});

describe('painting layers', () => {
  test.each([
    ['one more', [5], 3, 3, true, [3, 5]],
    ['a stroke to the left over one that is there', [3], 5, 2, true, [2, 3, 4, 5]],
    ['a stroke that takes out', [1, 2, 3, 7], 2, 4, false, [1, 7]],
  ])('%s', (_, before, from, to, add, after) => {
    expect(paintLayers(before, from, to, add)).toEqual(after);
  });
});

test.each([
  [0, 3, [0, 1, 2]],
  [0, 40, [0, 1, 2, 3, 4]],
  [20, 40, [18, 19, 20, 21, 22]],
  [39, 40, [35, 36, 37, 38, 39]],
])('rows near row %d of %d', (row, rows, near) => {
  expect(rowsNear(row, { rows, columns: 1 })).toEqual(near);
});

test('places among numbers, what is none left out', () => {
  expect(placeOf([0.2, NaN, 0.9, 0.5], 0)).toBe(2);
  expect(indexOfLargest([NaN, 0.2, 0.9])).toBe(2);
  expect(indexOfLargest([NaN])).toBe(-1);
});

test.each([
  [[], 0],
  [[NaN, Infinity], 0],
  [[0, NaN, -1, 0.5], 3],
])('of %j, %d are known', (values, known) => {
  expect(countKnown(values)).toBe(known);
});

test('a cell stays within a table that has become smaller', () => {
  expect(cellWithin({ row: 5, column: 9 }, SIZE)).toEqual({ row: 2, column: 7 });
  expect(cellWithin({ row: 1, column: 3 }, SIZE)).toEqual({ row: 1, column: 3 });
  expect(cellWithin({ row: 5, column: 9 }, { rows: 0, columns: 0 })).toEqual({ row: 0, column: 0 });
});
