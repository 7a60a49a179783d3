import { beforeAll, describe, expect, test } from 'vitest';
import type { MethodName } from '../../src/edit/hparams.ts';
import type { StackedEdit } from '../../src/edit/record.ts';
import { EditedModel, questionOf, readEditList, type ListedEdit } from '../support/edit-list.ts';
import { readJsonFile } from '../support/files.ts';
import { reportFigures } from '../support/report.ts';

/** Untouched questions that are asked after each single edit: another quarter each time, or as many as are wanted. */
const ASKED = Number(process.env.UNTOUCHED ?? 50);

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

  // DEM is there for its figures, from every eighth edit; DEM+ has a bar to pass.
  test.each<[MethodName, { every: number; taken: number; changed: number }]>([
    ['dem+', { every: 1, taken: 38, changed: 0.05 }],
    ['dem', { every: 8, taken: 0, changed: 1 }],
  ])('%s, edit by edit', { timeout: 1_200_000 }, async (method, bar) => {
    const chosen = edits.filter((_, i) => i % bar.every === 0);
    let [taken, generalized, paraphrases, changed] = [0, 0, 0, 0];
    const missed: string[] = [];
    for (const [i, request] of chosen.entries()) {
      const stack = [await model.edit(request, method, [])];
      const [own, ...others] = await model.says(stack, [
        questionOf(request),
        ...request.paraphrases.map((query) => [query, request.target] as const),
      ]);
      taken += Number(own);
      if (!own) missed.push(questionOf(request)[0]);
      generalized += others.filter((said) => said).length;
      paraphrases += others.length;
      const asked = Array.from({ length: ASKED }, (_, k) => untouched[(i * ASKED + k) % untouched.length]);
      changed += ASKED - (await model.count(stack, asked));
    }
    const share = changed / (chosen.length * ASKED);
    reportFigures(`${method} on the shipped model, one by one`, {
      taken: `${taken} of ${chosen.length}`,
      paraphrases: `${generalized} of ${paraphrases}`,
      changed: `${(100 * share).toFixed(2)} % of ${ASKED} of ${untouched.length} untouched answers, on average`,
      missed,
    });
    expect(taken).toBeGreaterThanOrEqual(bar.taken);
    expect(share).toBeLessThanOrEqual(bar.changed);
    if (method === 'dem+') expect(gallery.filter((question) => missed.includes(question))).toEqual([]);
  });

  test('DEM+ stacks twenty', { timeout: 1_200_000 }, async () => {
    const stack: StackedEdit[] = [];
    const chosen = edits.slice(0, 20);
    for (const request of chosen) stack.push(await model.edit(request, 'dem+', stack));
    const said = await model.says(stack, chosen.map(questionOf));
    const still = said.filter((each) => each).length;
    const kept = await model.count(stack, untouched);
    reportFigures('dem+ on the shipped model, twenty stacked', {
      taken: `${still} of 20`,
      changed: `${untouched.length - kept} of ${untouched.length} untouched answers`,
      missed: chosen.flatMap((request, i) => (said[i] ? [] : [questionOf(request)[0]])),
    });
    expect(still).toBeGreaterThanOrEqual(18);
  });
});
