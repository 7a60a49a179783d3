import { beforeAll, describe, expect, test } from 'vitest';
import type { MethodName } from '../../src/edit/hparams.ts';
import type { StackedEdit } from '../../src/edit/record.ts';
import { EditedModel, questionOf, readEditList, type ListedEdit } from '../support/edit-list.ts';
import { readJsonFile } from '../support/files.ts';
import { reportFigures } from '../support/report.ts';
import { THOROUGH } from '../support/thorough.ts';

/** Untouched questions that are asked after each single edit: a quarter of all, another one each time. */
const ASKED = THOROUGH ? 200 : 50;

/** The first so many are stacked. */
const STACKED = 20;

describe('the list of edits of the shipped model', () => {
  const { edits, untouched } = readEditList();
  const gallery = readJsonFile<ListedEdit[]>('public/models/hearth/examples.json').map((each) => questionOf(each)[0]);
  let model: EditedModel;
  beforeAll(async () => {
    model = await EditedModel.open();
  });

  test('is what it says: 20 new, 20 against what the model knows, 200 questions that it answers', async () => {
    expect(edits.filter(({ kind }) => kind === 'new').length).toBe(20);
    expect(edits.filter(({ kind }) => kind === 'counter').length).toBe(20);
    expect(untouched.length).toBe(200);
    expect(await model.count([], untouched)).toBe(200);
    expect(await model.count([], edits.map(questionOf))).toBe(0);
  });

  // Without THOROUGH only those that the page offers are written one by one.
  const alone = edits.filter((request) => THOROUGH || gallery.includes(questionOf(request)[0]));
  const methods: [MethodName, { chosen: readonly ListedEdit[]; missed: number; changed: number }][] = [
    ['dem+', { chosen: alone, missed: 2, changed: 0.05 }],
    // DEM has no bar to pass: it is there for its figures, for those who want them.
    ...(THOROUGH ? [['dem', { chosen: edits, missed: edits.length, changed: 1 }] as (typeof methods)[number]] : []),
  ];

  test.each(methods)('%s, edit by edit', { timeout: 3_600_000 }, async (method, { chosen, ...bar }) => {
    let [generalized, paraphrases, changed] = [0, 0, 0];
    const missed: string[] = [];
    for (const [i, request] of chosen.entries()) {
      const stack = [await model.edit(request, method, [])];
      const [own, ...others] = await model.says(stack, [
        questionOf(request),
        ...request.paraphrases.map((query) => [query, request.target] as const),
      ]);
      if (!own) missed.push(questionOf(request)[0]);
      generalized += others.filter((said) => said).length;
      paraphrases += others.length;
      const asked = Array.from({ length: ASKED }, (_, k) => untouched[(i * ASKED + k) % untouched.length]);
      changed += ASKED - (await model.count(stack, asked));
    }
    const share = changed / (chosen.length * ASKED);
    reportFigures(`${method} on the shipped model, one by one`, {
      taken: `${chosen.length - missed.length} of ${chosen.length}`,
      paraphrases: `${generalized} of ${paraphrases}`,
      changed: `${(100 * share).toFixed(2)} % of ${ASKED} of ${untouched.length} untouched answers, on average`,
      missed,
    });
    expect(missed.length).toBeLessThanOrEqual(bar.missed);
    expect(share).toBeLessThanOrEqual(bar.changed);
    if (method === 'dem+') expect(gallery.filter((question) => missed.includes(question))).toEqual([]);
  });

  test('DEM+ stacks twenty', { timeout: 3_600_000 }, async () => {
    const stack: StackedEdit[] = [];
    const chosen = edits.slice(0, STACKED);
    for (const request of chosen) stack.push(await model.edit(request, 'dem+', stack));
    const said = await model.says(stack, chosen.map(questionOf));
    const still = said.filter((each) => each).length;
    const kept = await model.count(stack, untouched);
    reportFigures('dem+ on the shipped model, twenty stacked', {
      taken: `${still} of ${STACKED}`,
      changed: `${untouched.length - kept} of ${untouched.length} untouched answers`,
      missed: chosen.flatMap((request, i) => (said[i] ? [] : [questionOf(request)[0]])),
    });
    expect(still).toBeGreaterThanOrEqual(STACKED - 2);
  });
});
