import { beforeAll, describe, expect, test } from 'vitest';
import type { StackedEdit } from '../../src/edit/record.ts';
import { EditedModel, questionOf, readEditList } from '../support/edit-list.ts';
import { reportFigures } from '../support/report.ts';

describe('the list of edits of the shipped model', () => {
  const { edits, untouched } = readEditList();
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
