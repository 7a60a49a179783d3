import { describe, expect, test } from 'vitest';
import { contrastOf, sideWithMore } from '../../src/locate/contrast.ts';
import {
  firstOfEach,
  summarizeRelations,
  type KnowledgeKind,
  type RelationPrompt,
} from '../../src/locate/relations.ts';
import { summarizeSet } from '../../src/locate/sets.ts';

const figures = (value: number) => ({ lines: { a: Float64Array.of(value) }, figures: { a: value } });
const relation = (kind: KnowledgeKind, value: number) => {
  return { relation: `${kind} ${value}`, kind, summary: summarizeSet([figures(value)]) };
};
const sides = (facts: readonly number[], commonsense: readonly number[]) => [
  ...facts.map((value) => relation('fact', value)),
  ...commonsense.map((value) => relation('commonsense', value)),
];
const ask = (facts: readonly number[], commonsense: readonly number[]) =>
  contrastOf(sides(facts, commonsense), ({ figures: { a } }) => a.mean);

describe('facts less commonsense', () => {
  test.each<[string, number[], number[], KnowledgeKind | null]>([
    ['facts have more', [5, 6, 7, 6], [1, 2, 1, 2], 'fact'],
    ['commonsense has more', [1, 2, 1, 2], [5, 6, 7, 6], 'commonsense'],
    ['relations differ more than the sides', [1, 9, 2, 8], [2, 9, 1, 9], null],
  ])('%s', (_, facts, commonsense, more) => {
    const found = ask(facts, commonsense);
    expect(found && sideWithMore(found)).toBe(more);
  });

  test('means are over relations, and the interval holds their difference', () => {
    const { fact, commonsense, low, high } = ask([1, 2, 6], [1, 3]) ?? { fact: 0, commonsense: 0, low: 0, high: 0 };
    expect([fact, commonsense]).toEqual([3, 2]);
    expect(low).toBeLessThan(1);
    expect(high).toBeGreaterThan(1);
  });

  test('one relation is too few, and so is one that was measured', () => {
    expect(ask([1], [1, 2, 3])).toBeNull();
    expect(contrastOf(sides([1, 2], [1, 2]), ({ figures: { a } }) => (a.mean > 1 ? NaN : a.mean))).toBeNull();
  });
});

describe('prompts in turn', () => {
  const prompts = ['need', 'capital', 'need', 'capital', 'need'].map((name, i): RelationPrompt => {
    return { prompt: `${i}`, subject: `${i}`, relation: name, kind: name === 'need' ? 'commonsense' : 'fact' };
  });

  test('the first of each relation are taken, in their order', () => {
    expect(firstOfEach(prompts, 1).map(({ prompt }) => prompt)).toEqual(['0', '1']);
    expect(firstOfEach(prompts, 2).map(({ prompt }) => prompt)).toEqual(['0', '1', '2', '3']);
  });

  test('as many as are known are summed up', () => {
    const { relations, kinds } = summarizeRelations(prompts, [figures(1), figures(5), figures(3)]);
    expect(relations.map(({ relation: name, summary }) => [name, summary.n])).toEqual([
      ['need', 2],
      ['capital', 1],
    ]);
    expect(kinds.commonsense.lines['a'].mean).toEqual(Float64Array.of(2));
    expect(summarizeRelations(prompts, [figures(1)]).kinds.fact.n).toBe(0);
  });
});
