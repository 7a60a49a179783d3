import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { NO_HISTORY, type Entries, type History } from '../../src/edit/history.ts';
import { listEditIds, saveEdit } from '../../src/edit/library.ts';
import type { Edit } from '../../src/edit/record.ts';
import { MIGRATIONS, openDatabase } from '../../src/store/database.ts';
import { withFallback } from '../../src/store/fallback.ts';
import { expectFault } from '../support/faults.ts';
import { arrange, idsOf, keptEdit, openTab, uncheckedEdit } from '../support/kept-edit.ts';

let names = 0;

/** A database with some edits, none of which a stack knows yet. */
async function databaseWith(...edits: Edit[]): Promise<string> {
  const name = `stacks ${names++}`;
  const database = await openDatabase(name);
  for (const edit of edits) await saveEdit(database, edit);
  database.close();
  return name;
}

const entry = (id: string, alpha = 1, on = true) => ({ id, on, alpha });

/** What can be undone when an edit has just been taken off. */
const removed = (id: string, ...before: Entries): History<Entries> => ({
  past: [{ act: { kind: 'remove', id, target: `door ${id}`, at: 5 }, state: before }],
  future: [],
});

describe('a stack', () => {
  test('has edits that it doesn’t know on top, switched on, the latest last', async () => {
    const name = await databaseWith(keptEdit('b', 2), keptEdit('a', 1));
    const { stack, database } = await openTab(name, 'one');
    expect(idsOf(stack)).toEqual(['a 1', 'b 1']);
    await arrange(stack, [entry('b', 0.5), entry('a', 1, false)]);
    await saveEdit(database, keptEdit('c', 3));
    await stack.reread();
    expect(idsOf(stack)).toEqual(['b 0.5', 'a off', 'c 1']);
    stack.dispose();
  });

  test('leaves edits of other models alone, and counts those of other versions of its own', async () => {
    const other = { name: 'hearth', revision: '0', hash: 'old' };
    const name = await databaseWith(
      keptEdit('a', 1),
      keptEdit('b', 2, { model: other }),
      keptEdit('c', 3, { model: { ...other, name: 'another' } }),
    );
    const { stack, database } = await openTab(name, 'one');
    await arrange(stack, [entry('a', 0.5)]);
    expect([idsOf(stack), stack.elsewhere]).toEqual([['a 0.5'], 1]);
    expect(await listEditIds(database)).toEqual(['a', 'b', 'c']);
    stack.dispose();
  });

  test.each([
    ['an edit twice', [entry('a'), entry('a')], 'named twice'],
    ['a dose that is no number', [entry('a', NaN)], 'no number'],
  ])('refuses %s', async (_, entries, found) => {
    const { stack } = await openTab(await databaseWith(keptEdit('a', 1)), 'one');
    await expectFault(() => arrange(stack, entries), 'invalid-input', found);
    stack.dispose();
  });
});

describe('an edit that was being made again when its tab ended', () => {
  test('is in the place of the old one, which is gone for good', async () => {
    const name = await databaseWith(keptEdit('old', 1), keptEdit('a', 2));
    const before = await openTab(name, 'one');
    await arrange(before.stack, [entry('old', 0.5), entry('a')]);
    await saveEdit(before.database, uncheckedEdit('new', 3, { replaces: 'old' }));
    before.stack.dispose();

    const { stack, database } = await openTab(name, 'one');
    expect(idsOf(stack)).toEqual(['new 1', 'a 1']);
    await arrange(stack, [entry('new', 0.5), entry('a')]);
    expect(idsOf(stack)).toEqual(['new 0.5', 'a 1']);
    expect(await listEditIds(database)).toEqual(['a', 'new']);
    stack.dispose();
  });

  test('is on top when the old one was taken off meanwhile', async () => {
    const name = await databaseWith(keptEdit('old', 1), keptEdit('a', 2));
    const { stack, database } = await openTab(name, 'one');
    await arrange(stack, [entry('a')]);
    await saveEdit(database, uncheckedEdit('new', 3, { replaces: 'old' }));
    await stack.reread();
    expect(idsOf(stack)).toEqual(['a 1', 'new 1']);
    stack.dispose();
  });
});

describe('what a tab can undo', () => {
  const start = () => databaseWith(keptEdit('a', 1), keptEdit('b', 2));

  test('is there again when the tab is loaded again, and so is an edit that it has taken off', async () => {
    const name = await start();
    const before = await openTab(name, 'one');
    await arrange(before.stack, [entry('b')], removed('a', entry('a'), entry('b')));
    before.stack.dispose();

    const { stack, database } = await openTab(name, 'one');
    expect([idsOf(stack), stack.history]).toEqual([['b 1'], removed('a', entry('a'), entry('b'))]);
    await arrange(stack, [entry('a'), entry('b')]);
    expect(idsOf(stack)).toEqual(['a 1', 'b 1']);
    expect(await listEditIds(database)).toEqual(['a', 'b']);
    stack.dispose();
  });

  test('knows what another tab has done while it was closed', async () => {
    const name = await start();
    const before = await openTab(name, 'one');
    const other = await openTab(name, 'two');
    await arrange(before.stack, [entry('b')], removed('a', entry('a'), entry('b')));
    before.stack.dispose();
    await expect.poll(() => idsOf(other.stack)).toEqual(['b 1']);
    await arrange(other.stack, [entry('b', 0.5)]);
    other.stack.dispose();
    const { stack } = await openTab(name, 'one');
    expect(stack.history).toEqual(removed('a', entry('a'), entry('b', 0.5)));
    stack.dispose();
  });

  test('belongs to it as long as it lives, and then to the next tab that is opened', async () => {
    const name = await start();
    const one = await openTab(name, 'one');
    await arrange(one.stack, [entry('b')], removed('a', entry('a'), entry('b')));
    // A tab that was copied has the name of the other one.
    const copy = await openTab(name, 'one');
    expect(copy.stack.history).toEqual(NO_HISTORY);
    copy.stack.dispose();
    one.stack.dispose();
    const next = await openTab(name, 'three');
    expect(next.stack.history.past).toHaveLength(1);
    await arrange(next.stack, [entry('a'), entry('b')], NO_HISTORY);
    next.stack.dispose();
    const last = await openTab(name, 'four');
    expect(last.stack.history).toEqual(NO_HISTORY);
    last.stack.dispose();
  });

  test('keeps an edit that was taken off, and lets go of it with the last way back to it', async () => {
    const { stack, database } = await openTab(await start(), 'one');
    await arrange(stack, [entry('b')], removed('a', entry('a'), entry('b')));
    expect(await listEditIds(database)).toEqual(['a', 'b']);
    await arrange(stack, [entry('b', 0.5)], NO_HISTORY);
    expect(await listEditIds(database)).toEqual(['b']);
    stack.dispose();
  });
});

describe('a stack whose store is gone', () => {
  const acts = (id: string, state: Entries): History<Entries>['past'] => [
    { act: { kind: 'dose', id, target: `door ${id}`, at: 5 }, state },
  ];

  /** A tab with two edits, whose store a newer version of the page has taken over in another tab. */
  async function openGone() {
    const name = await databaseWith(keptEdit('a', 1), keptEdit('b', 2));
    const opened = await openTab(
      name,
      'one',
      () => undefined,
      (database) => withFallback(database, () => undefined),
    );
    await arrange(opened.stack, [entry('a'), entry('b')]);
    (await openDatabase(name, [...MIGRATIONS, () => undefined])).close();
    return opened;
  }

  test('is changed in memory, also once the last way back to an edit is gone', async () => {
    const { stack } = await openGone();
    await stack.arrange({ entries: [entry('a')], gone: ['b'], history: { past: [], future: acts('b', [entry('b')]) } });
    expect(idsOf(stack)).toEqual(['a 1']);
    for (const alpha of [0.5, 0.7]) {
      await stack.arrange({ entries: [entry('a', alpha)], gone: [], history: NO_HISTORY });
      expect(idsOf(stack)).toEqual([`a ${alpha}`]);
    }
    await stack.reread();
    expect(idsOf(stack)).toEqual(['a 0.7']);
    stack.dispose();
  });
});

test('what can’t be kept counts no longer once that is known', async () => {
  const refusal = new EditorError('quota', 'store', 'the browser gives this page no more room', 'free some');
  const name = await databaseWith(keptEdit('a', 1));
  const put = () => Promise.reject(refusal);
  const { stack } = await openTab(
    name,
    'one',
    () => undefined,
    (database) => ({ ...database, put }),
  );
  const arranging = arrange(stack, [entry('a', 0.5)]);
  expect(idsOf(stack)).toEqual(['a 0.5']);
  await expectFault(() => arranging, 'quota');
  expect(idsOf(stack)).toEqual(['a 1']);
  stack.dispose();
});

describe('two tabs', () => {
  async function openTwo() {
    const name = await databaseWith(keptEdit('a', 1), keptEdit('b', 2));
    let heard = 0;
    const { stack: one, database } = await openTab(name, 'one');
    const { stack: two } = await openTab(name, 'two', () => void (heard += 1));
    return { one, two, database, heard: () => heard };
  }

  test('hear of each other’s changes, and neither undoes the other’s', async () => {
    const { one, two, database, heard } = await openTwo();
    await arrange(one, [entry('b', 0.5), entry('a', 1, false)]);
    await expect.poll(() => idsOf(two)).toEqual(['b 0.5', 'a off']);
    expect(heard()).toBe(1);

    // The second tab's list is from before the third edit.
    const list = two.views();
    await saveEdit(database, keptEdit('c', 3));
    await Promise.all([one.reread(), arrange(two, [entry('b', 0.5), entry('a')])]);
    await expect.poll(() => idsOf(one)).toEqual(['b 0.5', 'a 1', 'c 1']);

    await arrange(one, [entry('b', 0.5), entry('c')], removed('a', ...list));
    await two.arrange({ entries: list, gone: [], history: NO_HISTORY });
    expect(idsOf(two)).toEqual(['b 0.5', 'c 1']);
    one.dispose();
    two.dispose();
  });

  test('wait for what another one is still checking, and leave what that makes again where it is', async () => {
    const { one, two, database } = await openTwo();
    await one.shelf.lay(uncheckedEdit('new', 3, { replaces: 'a' }));
    await two.arrange({ entries: [entry('a'), entry('b', 0.5)], gone: [], history: removed('c') });
    expect(idsOf(two)).toEqual(['a 1', 'b 0.5']);
    await one.shelf.forget('new');
    await Promise.all([one.reread(), two.reread()]);
    expect([idsOf(one), idsOf(two)]).toEqual([idsOf(two), ['a 1', 'b 0.5']]);
    expect(await listEditIds(database)).toEqual(['a', 'b']);
    one.dispose();
    two.dispose();
  });

  test('take over what another one was checking when it ended', async () => {
    const { one, two } = await openTwo();
    await one.shelf.lay(uncheckedEdit('new', 3, { replaces: 'a' }));
    one.dispose();
    await two.reread();
    expect(idsOf(two)).toEqual(['new 1', 'b 1']);
    two.dispose();
  });

  test('put back what they have taken off themselves', async () => {
    const { one, two, database } = await openTwo();
    const before = one.views().map((edit) => ({ ...edit, alpha: 0.5 }));
    await arrange(one, [entry('b')], removed('a', ...before));
    await expect.poll(() => idsOf(two)).toEqual(['b 1']);
    // Made in the meantime: the list from before doesn't know it, and it stays.
    await saveEdit(database, keptEdit('c', 3));
    await one.arrange({ entries: before, gone: [], history: NO_HISTORY });
    expect(idsOf(one)).toEqual(['a 0.5', 'b 0.5', 'c 1']);
    expect(await listEditIds(database)).toEqual(['a', 'b', 'c']);
    await expect.poll(() => idsOf(two)).toEqual(idsOf(one));
    one.dispose();
    two.dispose();
  });
});
