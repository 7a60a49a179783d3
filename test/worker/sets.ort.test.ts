import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { SET_FILES } from '../../src/locate/set-file.ts';
import { memoryDatabase } from '../../src/store/database.ts';
import { figureOfPrompt, figureOfSet } from '../../src/ui/sets-view.ts';
import type { MeasuredSets, RelationPrompt } from '../../src/worker/api-locate.ts';
import { findFigures, measureSets, readOwnPrompts, readStoredSets, type SetsStudio } from '../../src/worker/sets.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { goneDatabase } from '../support/gone.ts';
import { SHIPPED } from '../support/shipped.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const PROMPTS = [
  { prompt: 'PersonX ran', subject: 'ran', target: 's', relation: 'xNeed', kind: 'commonsense' },
  { prompt: 'PersonX sat', subject: 'sat', target: 's', relation: 'xNeed', kind: 'commonsense' },
  { prompt: 'A is', subject: 'A', target: 'b', relation: 'capital', kind: 'fact' },
];
const ASKED = { own: null, relations: ['xNeed', 'capital'], each: 9 };
const UNEDITED = { patches: undefined, stamp: '' };

let studio: SetsStudio;
beforeAll(async () => {
  const model = await randomModel(
    { ...TINY_CONFIGS.gpt2, vocab_size: 256 },
    await testDevice('float32'),
    1,
    byteTokenizer(),
  );
  const companion = (file: string) => Promise.resolve(file === SET_FILES.prompts ? PROMPTS : undefined);
  studio = { model, database: memoryDatabase(), companion };
});

test('figures come prompt by prompt, those about other people after them; what was measured stays when it is stopped', async () => {
  const parts: MeasuredSets[] = [];
  const controller = new AbortController();
  const counts = ({ kinds, decoupling }: MeasuredSets) => [
    ...[kinds.commonsense.n + kinds.fact.n],
    ...[decoupling.named.n, decoupling.personX.n, decoupling.removed.n],
  ];
  const stopped = measureSets(
    ...([studio, ASKED, UNEDITED] as const),
    (part) => {
      if (parts.push(part) === 4) controller.abort();
    },
    controller,
  );
  await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
  expect(parts.map(counts)).toEqual([
    [1, 0, 0, 0],
    [2, 0, 0, 0],
    [3, 0, 0, 0],
    [3, 1, 0, 0],
  ]);
  expect(parts[0]).toMatchObject({ asked: 3, askedVariants: 6 });
  const resumed: MeasuredSets[] = [];
  const whole = await measureSets(studio, ASKED, UNEDITED, (part) => resumed.push(part), {});
  expect(resumed).toHaveLength(5);
  expect(counts(whole)).toEqual([3, 2, 2, 2]);
  expect(whole.relations).toEqual(parts[3].relations);
  expect(resumed.at(-1)).toEqual(whole);
});

test('what was measured of single prompts is found again, as it was measured and not otherwise', async () => {
  const whole = await measureSets(studio, ASKED, UNEDITED, () => undefined, {});
  const unknown = { ...PROMPTS[0], prompt: 'PersonX fell, then ran' };
  const [ran, fell, sat] = await findFigures(studio, [PROMPTS[0], unknown, PROMPTS[1]] as RelationPrompt[], whole);
  expect(fell).toBeNull();
  for (const line of ['effect', 'overlap'] as const) {
    for (const module of ['mlp', 'attn'] as const) {
      const both = [ran, sat].map((found) => found && figureOfPrompt(found, line, module));
      const relation = figureOfSet(whole.relations[0].summary, line, module);
      expect(relation).toBeGreaterThan(0);
      expect((Number(both[0]) + Number(both[1])) / 2).toBeCloseTo(relation, 12);
    }
  }
  const edited = { ...whole, stamp: 'an edit' };
  expect(await findFigures(studio, PROMPTS as RelationPrompt[], edited)).toEqual([null, null, null]);
});

test('a store that is gone keeps nobody from measuring', async () => {
  const homeless = { ...studio, database: await goneDatabase('sets') };
  const whole = await measureSets(homeless, ASKED, UNEDITED, () => undefined, {});
  expect(
    await findFigures(homeless, [PROMPTS[0], { ...PROMPTS[0], prompt: 'PersonX fell' }] as RelationPrompt[], whole),
  ).toEqual([expect.anything(), null]);
});

test('sets of another model are none of this one; damaged ones are told', async () => {
  const beside = (file: unknown): SetsStudio => ({ ...studio, companion: () => Promise.resolve(file) });
  const shipped: unknown = JSON.parse(readFileSync(`${SHIPPED}/${SET_FILES.sets}`, 'utf8'));
  expect(await readStoredSets(beside(shipped))).toBeNull();
  expect(await readStoredSets(beside(undefined))).toBeNull();
  await expectFault(() => readStoredSets(beside([])), 'invalid-input', 'the file is []');
});

test('a person’s own prompts are measured as those of the model, and named', async () => {
  const file = new File([JSON.stringify([{ prompt: 'The cat', subject: 'cat' }])], 'cats.json');
  const own = await readOwnPrompts(studio, file);
  const { relations, kinds, ...about } = await measureSets(
    ...([studio, { own, relations: ['cats'], each: 1 }, UNEDITED, () => undefined, {}] as const),
  );
  expect(about).toMatchObject({ file: 'cats.json', asked: 1, askedVariants: 0 });
  expect([relations.length, kinds.own.n, kinds.fact.n]).toEqual([1, 1, 0]);
  const nothing = { own, relations: [], each: 1 };
  await expectFault(() => measureSets(studio, nothing, UNEDITED, () => undefined, {}), 'invalid-request');
});
