import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { diskSource } from '../../src/headless/disk.ts';
import { readRelationPrompts } from '../../src/locate/relations.ts';
import { readSetFile, SET_FILES } from '../../src/locate/set-file.ts';
import { describeModel } from '../../src/model/architectures/index.ts';
import { openCheckpoint } from '../../src/model/weights.ts';
import { SHIPPED } from '../support/shipped.ts';

test('the shipped sets are of the shipped weights, and of the shipped prompts', async () => {
  const source = diskSource(SHIPPED);
  const { hash, description } = await openCheckpoint(source, describeModel(await source.readJson('config.json')));
  const prompts = readRelationPrompts(await source.readJson(SET_FILES.prompts));
  const sets = readSetFile(await source.readJson(SET_FILES.sets), hash, description.n_layers);
  const count = (by: (prompt: (typeof prompts)[number]) => boolean) => prompts.filter(by).length;
  for (const { relation, kind, summary } of sets.relations) {
    const asked = count((prompt) => prompt.relation === relation && prompt.kind === kind);
    expect(summary.n, relation).toBeGreaterThan(0);
    expect(summary.n, relation).toBeLessThanOrEqual(asked);
    expect(Object.keys(summary.lines)).toEqual(expect.arrayContaining(['cosine.mlp', 'effect.attn', 'lens.residual']));
  }
  expect(sets.relations.length).toBe(new Set(prompts.map(({ relation }) => relation)).size);
  const total = sets.relations.reduce((sum, { summary }) => sum + summary.n, 0);
  expect(sets.kinds.commonsense.n + sets.kinds.fact.n).toBe(total);
  expect(readFileSync(`${SHIPPED}/${SET_FILES.sets}`).length).toBeLessThan(200_000);
  expect(readFileSync(`${SHIPPED}/README.md`, 'utf8')).toContain(sets.command);
});
