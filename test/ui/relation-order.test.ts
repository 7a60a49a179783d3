import { describe, expect, test } from 'vitest';
import type { PromptKind } from '../../src/locate/relations.ts';
import { summarizeSet } from '../../src/locate/sets.ts';
import { FIRST_ORDER, orderAfter, sortRelations, type RelationOrder } from '../../src/ui/relation-order.ts';

/** A relation of so many prompts, all alike: an effect by layer, and a spread; NaN for one that wasn't measured. */
function relation(name: string, kind: PromptKind, n: number, spread: number, ...effect: number[]) {
  const figures = Number.isNaN(spread) ? {} : { 'spread.mlp.entropy': spread };
  const lines = effect.length > 0 ? { 'effect.mlp': Float64Array.from(effect) } : {};
  return { relation: name, kind, summary: summarizeSet(Array.from({ length: n }, () => ({ figures, lines }))) };
}

const RELATIONS = [
  relation('xNeed', 'commonsense', 3, 0.9, 0.1, 0.4),
  relation('capital', 'fact', 2, 0.2, 0.3, 0.2),
  relation('unmeasured', 'own', 1, NaN),
  relation('xAttr', 'commonsense', 3, 0.5, -0.2, 0.4),
];

const by = (order: RelationOrder) =>
  sortRelations(RELATIONS, order, 'effect', 'mlp', new Intl.Collator('en').compare).map((each) => each.relation);

describe('relations in order', () => {
  test.each<[RelationOrder, string[]]>([
    [FIRST_ORDER, ['capital', 'xNeed', 'xAttr', 'unmeasured']],
    [{ by: 'side', down: true }, ['unmeasured', 'xNeed', 'xAttr', 'capital']],
    [{ by: 'relation', down: false }, ['capital', 'unmeasured', 'xAttr', 'xNeed']],
    [{ by: 'relation', down: true }, ['xNeed', 'xAttr', 'unmeasured', 'capital']],
    [{ by: 'prompts', down: true }, ['xNeed', 'xAttr', 'capital', 'unmeasured']],
    [{ by: 'whole', down: false }, ['capital', 'xAttr', 'xNeed', 'unmeasured']],
    [{ by: 'whole', down: true }, ['xNeed', 'xAttr', 'capital', 'unmeasured']],
    [{ by: 0, down: false }, ['xAttr', 'xNeed', 'capital', 'unmeasured']],
    [{ by: 1, down: true }, ['xNeed', 'xAttr', 'capital', 'unmeasured']],
    [{ by: 9, down: true }, ['xNeed', 'capital', 'unmeasured', 'xAttr']],
  ])('%j', (order, names) => {
    expect(by(order)).toEqual(names);
  });

  test('pressing a head again turns it round; names begin with the first, figures with the largest', () => {
    expect(orderAfter(FIRST_ORDER, 'side')).toEqual({ by: 'side', down: true });
    expect(orderAfter(FIRST_ORDER, 'relation')).toEqual({ by: 'relation', down: false });
    expect(orderAfter(FIRST_ORDER, 'prompts')).toEqual({ by: 'prompts', down: true });
    const first = orderAfter(FIRST_ORDER, 3);
    expect([first, orderAfter(first, 3)]).toEqual([
      { by: 3, down: true },
      { by: 3, down: false },
    ]);
  });
});
