import { describe, expect, test } from 'vitest';
import { severedStrands, stateStrands, windowStrands, type Climb, type Strand } from '../../src/locate/strands.ts';
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
