import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { summarizeRelations, type RelationPrompt } from '../../src/locate/relations.ts';
import { readSetFile } from '../../src/locate/set-file.ts';
import { summarizeSet } from '../../src/locate/sets.ts';
import { toCsv } from '../../src/ui/csv.ts';
import { bandEnds, comparedSets, linesApart } from '../../src/ui/layer-lines.ts';
import { contrastIn, layersApart, lineOf, meansOf, rangesOf, relationsOf, setRows } from '../../src/ui/sets-view.ts';
import { SHIPPED } from '../support/shipped.ts';

const NOBODY = { named: summarizeSet([]), personX: summarizeSet([]), removed: summarizeSet([]) };

/** Three layers of two prompts each: nobody has less in the second, more in the third. */
function persons3() {
  const of = (...means: number[]) =>
    summarizeSet(
      [-1, 1].map((way) => ({
        lines: { 'overlap.lens.mlp': Float64Array.from(means, (mean, i) => mean + way * (i === 0 ? 0.5 : 0.1)) },
        figures: {},
      })),
    );
  return { named: of(0.5, 1, 1), personX: of(0.5, 1, 1), removed: of(0.5, 0.5, 1.5) };
}

/** Two relations a side; only in layer 1 have facts more. */
function sets() {
  const prompts = ['a', 'b', 'c', 'd'].map((relation, i): RelationPrompt => {
    return { relation, kind: i < 2 ? 'fact' : 'commonsense', prompt: relation, subject: relation };
  });
  const figures = prompts.map(({ kind }, i) => ({
    lines: { 'effect.mlp': Float64Array.of(i % 2, kind === 'fact' ? 3 + i : 1) },
    figures: { 'spread.mlp.entropy': i % 2 },
  }));
  return { ...summarizeRelations(prompts, figures), decoupling: NOBODY };
}

describe('sets as they are shown', () => {
  test('layers are told apart by relations, not by looks', () => {
    expect(layersApart(sets(), 'effect', 'mlp')).toEqual({ fact: [1], commonsense: [] });
    expect(contrastIn(sets(), 'effect', 'mlp')).toMatchObject({ fact: 0.5, commonsense: 0.5 });
    expect(layersApart(sets(), 'overlap', 'mlp')).toBeNull();
  });

  test('a table of relations has a row for each of a side; what was not measured is no number', () => {
    const facts = relationsOf(sets(), 'fact');
    expect([...meansOf(facts, 'effect', 'mlp', 2)]).toEqual([0, 3, 1, 4]);
    expect(meansOf(facts, 'effect', 'attn', 2).every(Number.isNaN)).toBe(true);
  });

  test('every line is a row for each layer, a band of one prompt empty', () => {
    const lines = toCsv(setRows(sets(), null)).trim().split('\r\n');
    expect(lines).toHaveLength(1 + (2 + 4) * 2);
    expect(lines).toContain(',fact,a,1,effect,mlp,1,3,,1');
    expect(lines.some((line) => line.startsWith(',commonsense,,2,effect,mlp,0,0.5,'))).toBe(true);
    const persons = toCsv(setRows({ ...sets(), decoupling: persons3() }, 'own.json'));
    expect(persons).toContain('own.json,person,removed,2,overlap,mlp,0,0.5,');
  });

  test('persons are compared where they were measured, and told apart only by more than both bands together', () => {
    expect(comparedSets(sets(), 'person')).toEqual([]);
    expect(comparedSets(sets(), 'knowledge').map(({ id }) => id)).toEqual(['fact', 'commonsense']);
    const decoupling = persons3();
    const compared = comparedSets({ ...sets(), decoupling }, 'person');
    expect(compared.map(({ id }) => id)).toEqual(['named', 'personX', 'removed']);
    expect(linesApart(decoupling.removed, decoupling.personX, 'overlap', 'mlp')).toEqual({ above: [2], below: [1] });
    expect(linesApart(decoupling.named, decoupling.personX, 'overlap', 'mlp')).toEqual({ above: [], below: [] });
    expect(linesApart(decoupling.named, NOBODY.personX, 'overlap', 'mlp')).toBeNull();
    const [above, below] = bandEnds(compared.slice(0, 1), 'overlap', ['mlp']);
    expect([above[0], below[0]].map((end) => Math.round(100 * end))).toEqual([148, -48]);
  });

  test.each<[number[], [number, number][]]>([
    [[], []],
    [[3], [[3, 3]]],
    [
      [0, 1, 2, 5, 7, 8],
      [
        [0, 2],
        [5, 5],
        [7, 8],
      ],
    ],
  ])('ranges of %j', (layers, ranges) => {
    expect(rangesOf(layers)).toEqual(ranges);
  });

  test('the shipped sets have all that is shown', () => {
    const file = JSON.parse(readFileSync(`${SHIPPED}/located.json`, 'utf8')) as { model: { hash: string } };
    const shipped = readSetFile(file, file.model.hash, 8);
    for (const module of ['mlp', 'attn'] as const) {
      for (const line of ['effect', 'overlap'] as const) {
        expect(lineOf(shipped.kinds.fact, line, module)?.mean).toHaveLength(8);
        expect(layersApart(shipped, line, module)).not.toBeNull();
      }
      expect(contrastIn(shipped, 'effect', module)).not.toBeNull();
    }
  });
});
