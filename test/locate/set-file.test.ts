import { describe, expect, test } from 'vitest';
import { readRelationPrompts, type RelationPrompt } from '../../src/locate/relations.ts';
import { readSetFile, writeSetFile, type StoredSets } from '../../src/locate/set-file.ts';
import { summarizeSet } from '../../src/locate/sets.ts';

const prompt = (value: number) => ({
  lines: { 'cosine.mlp': Float64Array.of(value, 1 / 3) },
  figures: { low: value, high: 0.123456 },
});
const [one, three, none] = [[1], [1, 2, 4], []].map((values) => summarizeSet(values.map(prompt)));

const STORED: StoredSets = {
  schema: 1,
  model: { name: 'hearth', hash: 'abc' },
  computedAt: '2026-11-23T12:00:00.000Z',
  command: 'npm run headless',
  device: 'wasm',
  float: 'float32',
  settings: {
    ...{ measures: ['recall'], kinds: ['hidden'], window: 3, draws: 10, seed: 1, topK: 50, sigma: 0.123456789 },
  },
  relations: [
    { relation: 'xNeed', kind: 'commonsense', summary: three },
    { relation: 'capital', kind: 'fact', summary: one },
  ],
  kinds: { commonsense: three, fact: one, own: none },
  decoupling: { named: three, personX: three, removed: none },
};

const parsed = () => JSON.parse(writeSetFile(STORED)) as Record<string, unknown> & { relations: [{ summary: object }] };

describe('sets beside a model', () => {
  test('what is written is read, to four digits', () => {
    const found = readSetFile(parsed(), 'abc', 2);
    const { relations, kinds, decoupling, ...about } = found;
    expect(about).toEqual(Object.fromEntries(Object.entries(STORED).filter(([name]) => name in about)));
    expect(about.settings.sigma).toBe(0.123456789);
    expect(relations.map(({ relation, kind }) => [relation, kind])).toEqual([
      ['xNeed', 'commonsense'],
      ['capital', 'fact'],
    ]);
    const [{ summary }] = relations;
    expect(summary.lines['cosine.mlp']).toEqual({
      mean: Float64Array.of(2.333, 0.3333),
      band: Float64Array.of(1.729, 0),
      n: 3,
    });
    expect(summary.figures['high']).toEqual({ mean: 0.1235, low: 0.1235, high: 0.1235, n: 3 });
    expect(kinds.fact.lines['cosine.mlp'].band).toEqual(Float64Array.of(NaN, NaN));
    expect(kinds.fact.figures['low']).toEqual({ mean: 1, low: null, high: null, n: 1 });
    expect(decoupling.removed).toEqual({ n: 0, lines: {}, figures: {} });
  });

  test('one of another model is refused, with a code of its own', () => {
    expect(() => readSetFile(parsed(), 'abd', 2)).toThrow(expect.objectContaining({ code: 'hash-mismatch' }));
  });

  test.each<[string, (file: ReturnType<typeof parsed>) => unknown, string]>([
    ['no record', () => [], 'the file is []'],
    ['another schema', (file) => ({ ...file, schema: 2 }), 'its schema is 2, not 1'],
    ['no model', (file) => ({ ...file, model: 'hearth' }), 'model is "hearth"'],
    ['no date', (file) => ({ ...file, computedAt: 5 }), 'computedAt is 5'],
    [
      'a side missing',
      (file) => ({ ...file, kinds: { fact: file.relations[0].summary } }),
      'kinds.commonsense is missing',
    ],
    ['another kind', (file) => ({ ...file, relations: [{ ...file.relations[0], kind: 'myth' }] }), 'the kind "myth"'],
    ['a figure that is none', (file) => ({ ...file, kinds: spoil(file['kinds']) }), 'kinds.fact: cosine.mlp is null'],
  ])('%s', (_, change, found) => {
    const error = expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining(found) as string });
    expect(() => readSetFile(change(parsed()), 'abc', 2)).toThrow(error);
  });

  test('lines for a model of another depth', () => {
    expect(() => readSetFile(parsed(), 'abc', 3)).toThrow('cosine.mlp has 2 layers, the model 3');
  });

  test('prompts of sets name their relation and their side', () => {
    const fine: RelationPrompt = { prompt: 'a', subject: 'a', relation: 'xNeed', kind: 'fact' };
    expect(readRelationPrompts([fine])).toEqual([fine]);
    const other = { ...fine, kind: 'commonsense' };
    expect(() => readRelationPrompts([fine, other])).toThrow(
      `prompt 2: the relation "${fine.relation}" has prompts of`,
    );
    expect(() =>
      readRelationPrompts([
        { ...fine, relation: '' },
        { ...fine, kind: 'myth' },
      ]),
    ).toThrow('prompt 1: the relation is ""; prompt 2: the kind is "myth"');
  });
});

// ---

/** The same sets with a mean that is none. */
function spoil(kinds: unknown): unknown {
  const text = JSON.stringify(kinds).replace(/("fact".*?"mean":\[)1/, '$1null');
  return JSON.parse(text);
}
