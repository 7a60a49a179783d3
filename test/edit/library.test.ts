import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { f32 } from '../../src/base/tensor.ts';
import { listEditIds, loadEdit, loadStack, saveEdit, saveStack } from '../../src/edit/library.ts';
import type { Edit } from '../../src/edit/record.ts';
import { openDatabase } from '../../src/store/database.ts';

/** What a page of version 0.1.0 has kept, as far as it matters here. */
const first = {
  schema: 1,
  id: 'a',
  model: { name: 'hearth', hash: 'abc' },
  templates: [['{}'], ['The dog sat. {}']],
  patches: [{ site: { kind: 'mlp', layer: 3 }, left: f32([1, 2], [2, 1]), right: f32([3], [1, 1]) }],
  proof: { sites: [], requests: [{ took: true }], drift: null },
};

test('an edit that an older version has kept comes back, and can be kept again', async () => {
  const before = await openDatabase('library');
  await before.put('records', 'edit:a', { version: 1, savedAt: 5, value: first });
  before.close();

  const database = await openDatabase('library');
  const added = { schema: 2, app: 'unknown', unseen: [], model: { name: 'hearth', revision: null, hash: 'abc' } };
  expect(await listEditIds(database)).toEqual(['a']);
  const edit = await loadEdit(database, 'a');
  expect(edit).toEqual({ ...first, ...added });
  await saveEdit(database, edit as Edit);
  expect(await loadEdit(database, 'a')).toEqual(edit);
  expect((await database.get('records', 'edit:a'))?.version).toBe(2);
  database.close();
});

test('an edit of a version that nobody knows is left alone', async () => {
  const database = await openDatabase('later');
  await database.put('records', 'edit:a', { version: 99, savedAt: 5, value: {} });
  expect(await loadEdit(database, 'a')).toBeUndefined();
  expect(await database.get('records', 'edit:a')).toMatchObject({ version: 99 });
  database.close();
});

test('a stack that an older version has kept comes back, and can be kept with a way back', async () => {
  const database = await openDatabase('stacks');
  const entries = [{ id: 'a', on: false, alpha: 0.5 }];
  expect(await loadStack(database, 'abc')).toEqual({ entries: [], trails: [] });
  await database.put('records', 'stack:abc', { version: 1, savedAt: 5, value: entries });
  expect(await loadStack(database, 'abc')).toEqual({ entries, trails: [] });
  const trails = [{ tab: 'one', entries, history: { past: [], future: [] }, aside: ['b'] }];
  await saveStack(database, 'abc', { entries, trails });
  expect(await loadStack(database, 'abc')).toEqual({ entries, trails });
  database.close();
});
