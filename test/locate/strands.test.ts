import { describe, expect, test } from 'vitest';
import {
  enter,
  leave,
  severedStrands,
  stateStrands,
  windowStrands,
  type Climb,
  type Strand,
} from '../../src/locate/strands.ts';
import { groupWindows } from '../../src/locate/windows.ts';

const MARKS = { below: '', clean: '+c', module: '+m' };

/** By layer: what each strand goes on from, what else stands at its token, and ! where it is forced. */
function show({ layers }: Climb): string[] {
  const word = ({ below, first, forced }: Strand) => `${below ?? 'run'}${MARKS[first]}${forced ? '!' : ''}`;
  return layers.map((strands) => strands.map(word).join(' '));
}

describe('which restorations share their way up', () => {
  test('states leave the corrupted run one by one', () => {
    const found = stateStrands([0, 1], 3);
    expect(show(found)).toEqual(['', 'run+c', '0 run+c']);
    expect(found.cells).toEqual([[0], [1]]);
  });

  test.each<[string, number, number, string[], number[][]]>([
    ['one layer wide: forced only where they begin', 1, 3, ['', 'run+m', '0 run+m run!'], [[0], [1], [2]]],
    ['branching off where they end', 3, 4, ['', 'run+m!', '0 0! run+m!', '0 1 2! run+m!'], [[0], [1], [2], [3]]],
    ['all alike: one strand', 10, 3, ['', 'run+m!', '0!'], [[0, 1, 2]]],
    ['a single layer', 10, 1, ['run!'], [[0]]],
  ])('windows %s', (_, width, n_layers, layers, cells) => {
    const found = windowStrands(groupWindows(width, n_layers), n_layers);
    expect(show(found)).toEqual(layers);
    expect(found.cells).toEqual(cells);
  });

  test('severed ones leave a run that is forced itself', () => {
    const found = severedStrands(3);
    expect(show(found)).toEqual(['run!', '0! 0+c!', '0! 1! 0+c!']);
    expect(found.cells).toEqual([[], [0], [1]]);
  });
});

describe('what of them is run', () => {
  // Three columns, of which the middle one is restored: kept are 0–2 of the clean row and 3–5, 6–8 of the corrupted ones.
  const size = { token: 1, draws: 2, width: 3 };
  const strand = (below: number | null, first: Strand['first'], forced = false): Strand => ({ below, first, forced });

  test('strands that enter alike are one; what leaves them differs where one is forced', () => {
    const alike = [strand(null, 'clean'), strand(null, 'clean', true)];
    const { tokens, rowOf } = enter(alike, size, undefined, undefined);
    expect({ tokens: [...tokens], rowOf }).toEqual({ tokens: [3, 1, 5, 6, 1, 8], rowOf: [0, 0] });
    const { left, places } = leave(alike, size, [1, 2], rowOf, () => 0);
    expect([...places]).toEqual([0, 1, 2, 3, 4, 1, 5, 3]);
    expect(left.map(({ asked, exchange }) => `${asked}${exchange === null ? '' : `=${exchange}`}`)).toEqual(
      ['0', '1', '2', '3', '0=1', '2=1'], // its own output of the clean row's middle token
    );
  });

  test('above, they go on from what has left; at the top, where nobody asks the restored token, they are one again', () => {
    const passed = {
      left: Array.from({ length: 6 }, () => ({ asked: 0, exchange: null })),
      places: Int32Array.of(0, 1, 2, 3, 4, 1, 5, 3),
    };
    const above = [strand(0, 'below'), strand(1, 'below'), strand(1, 'below', true), strand(null, 'module')];
    const { tokens, rowOf } = enter(above, size, passed, (draw) => 10 * draw);
    const rows = [
      ...[3, 9, 10, 6, 11, 12],
      ...[3, 13, 10, 6, 14, 12],
      ...[3, 15, 5, 6, 25, 8], // begun behind what has left: 9 kept, 6 left
    ];
    expect({ tokens: [...tokens], rowOf }).toEqual({ tokens: rows, rowOf: [0, 2, 2, 4] });
    expect([...leave(above, size, [2], rowOf, () => 0).places]).toEqual([0, 1, 2, 3, 2, 3, 4, 5]);
  });
});
