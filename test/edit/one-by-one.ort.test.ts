import { expect, test } from 'vitest';
import type { MethodName } from '../../src/edit/hparams.ts';
import { EditedModel, questionOf, readEditList } from '../support/edit-list.ts';
import { reportFigures } from '../support/report.ts';
import { validRequest } from '../support/requests.ts';

// DEM is there for its figures, from every fourth edit; DEM+ has a bar to pass.
test.each<[MethodName, { every: number; taken: number; changed: number }]>([
  ['dem+', { every: 1, taken: 38, changed: 0.05 }],
  ['dem', { every: 4, taken: 0, changed: 1 }],
])('%s on the shipped model, edit by edit', { timeout: 1_200_000 }, async (method, bar) => {
  const { edits, untouched } = readEditList();
  const model = await EditedModel.open();
  const chosen = edits.filter((_, i) => i % bar.every === 0);
  let [taken, generalized, asked, changed] = [0, 0, 0, 0];
  const missed: string[] = [];
  for (const request of chosen) {
    const stack = [await model.edit(request, method, [])];
    const [own, ...others] = await model.says(stack, [
      questionOf(request),
      ...request.paraphrases.map((query) => [query, request.target] as const),
    ]);
    taken += Number(own);
    if (!own) missed.push(validRequest(request).query);
    generalized += others.filter((said) => said).length;
    asked += others.length;
    changed += untouched.length - (await model.count(stack, untouched));
  }
  const share = changed / (chosen.length * untouched.length);
  reportFigures(`${method} on the shipped model, one by one`, {
    taken: `${taken} of ${chosen.length}`,
    paraphrases: `${generalized} of ${asked}`,
    changed: `${(100 * share).toFixed(2)} % of ${untouched.length} untouched answers, on average`,
    missed,
  });
  expect(taken).toBeGreaterThanOrEqual(bar.taken);
  expect(share).toBeLessThanOrEqual(bar.changed);
});
