import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { saveEdit } from '../../src/edit/library.ts';
import type { Edit } from '../../src/edit/record.ts';
import { openDatabase } from '../../src/store/database.ts';
import { Stack } from '../../src/ui/stack.svelte.ts';
import type { EditStack } from '../../src/worker/stack.ts';
import { idsOf, keptEdit, openTab } from '../support/kept-edit.ts';

// The stack of the page over that of the worker: all but the border between them.

let names = 0;

async function storeOf(...edits: Edit[]): Promise<string> {
  const name = `pages ${names++}`;
  const database = await openDatabase(name);
  for (const edit of edits) await saveEdit(database, edit);
  database.close();
  return name;
}

/** A page in a tab, and what the engine behind it was told. */
async function openPage(name: string, tab: string) {
  const told: string[][] = [];
  const heard: string[] = [];
  /** Resolves when there is one to be told; rejects where there is none. */
  const engine: { isOpen: Promise<void> } = { isOpen: Promise.resolve() };
  const { stack: kept, database } = await openTab(name, tab, () => page.take(kept.views()));
  const page = new Stack(
    {
      edits: () => Promise.resolve(kept.views()),
      arrange: async (arrangement) => {
        const { entries } = arrangement;
        await engine.isOpen;
        told.push(entries.map(({ id, on, alpha }) => `${id} ${on ? alpha : 'off'}`));
        await kept.arrange(structuredClone(arrangement));
        return structuredClone(kept.views());
      },
    },
    { onLeave: () => heard.push('leave'), onArrive: () => heard.push('arrive') },
  );
  page.start(kept.views(), structuredClone(kept.history));
  const make = async (edit: Edit) => {
    await saveEdit(database, edit);
    await kept.reread();
    await page.admit(kept.views().find(({ id }) => id === edit.id) ?? null, edit.replaces);
  };
  return { page, kept, told, heard, make, engine };
}

const shown = (page: Stack) => page.edits.map(({ id, on, alpha }) => `${id} ${on ? alpha : 'off'}`);
const [a, b, c] = [keptEdit('a', 1), keptEdit('b', 2), keptEdit('c', 3)];

describe('undo and redo', () => {
  /** Everything that can be done to a stack of two, with what it is afterwards. */
  const acts: [act: (page: Stack) => Promise<unknown>, after: string[]][] = [
    [(page) => page.switch('a', false), ['a off', 'b 1']],
    [(page) => page.dose('b', 0.5), ['a off', 'b 0.5']],
    [(page) => page.move('a', 1), ['b 0.5', 'a off']],
    [(page) => page.remove('b'), ['a off']],
    [(page) => page.remove('a'), []],
  ];

  test.each([
    ['in one visit', false],
    ['when the page is loaded again before each', true],
  ])('go back act by act and forward again, %s', async (_, reloads) => {
    const name = await storeOf(a, b);
    let { page, kept } = await openPage(name, 'one');
    const reload = async () => {
      if (!reloads) return;
      kept.dispose();
      ({ page, kept } = await openPage(name, 'one'));
    };
    const states = [['a 1', 'b 1'], ...acts.map(([, after]) => after)];
    for (const [act, after] of acts) {
      await act(page);
      expect([shown(page), idsOf(kept)]).toEqual([after, after]);
    }
    for (const state of states.slice(0, -1).toReversed()) {
      await reload();
      await page.undo();
      expect([shown(page), idsOf(kept)]).toEqual([state, state]);
    }
    expect(await page.undo()).toBe(null);
    for (const state of states.slice(1)) {
      await reload();
      await page.redo();
      expect([shown(page), idsOf(kept)]).toEqual([state, state]);
    }
    expect(await page.redo()).toBe(null);
    kept.dispose();
  });

  test('take an edit off that was just made, and put it back', async () => {
    const { page, kept, make } = await openPage(await storeOf(a), 'one');
    await make(b);
    expect((await page.undo())?.kind).toBe('edit');
    expect(idsOf(kept)).toEqual(['a 1']);
    await page.redo();
    expect(idsOf(kept)).toEqual(['a 1', 'b 1']);
    kept.dispose();
  });

  test('exchange an edit that was made again for the old one, in its place, and back', async () => {
    const { page, kept, make } = await openPage(await storeOf(a, b), 'one');
    await page.dose('a', 0.5);
    await make(keptEdit('c', 3, { replaces: 'a' }));
    expect([shown(page), idsOf(kept)]).toEqual([
      ['c 1', 'b 1'],
      ['c 1', 'b 1'],
    ]);
    expect((await page.undo())?.kind).toBe('again');
    expect(idsOf(kept)).toEqual(['a 0.5', 'b 1']);
    await page.redo();
    expect(idsOf(kept)).toEqual(['c 1', 'b 1']);
    kept.dispose();
  });
});

test('two tabs: undo takes back what was done in this one, and leaves alone what was done in the other', async () => {
  const name = await storeOf(a, b);
  const [one, two] = [await openPage(name, 'one'), await openPage(name, 'two')];
  await one.page.dose('a', 0.5);
  await expect.poll(() => shown(two.page)).toEqual(['a 0.5', 'b 1']);
  expect(two.page.history.past).toEqual([]);
  await two.page.remove('b');
  await expect.poll(() => shown(one.page)).toEqual(['a 0.5']);
  await one.page.undo();
  await expect.poll(() => shown(two.page)).toEqual(['a 1']);
  await two.page.undo();
  expect(shown(two.page)).toEqual(['a 1', 'b 1']);
  one.kept.dispose();
  two.kept.dispose();
});

describe('the engine', () => {
  test('is told where a drag has come to, not each step of it, and it is one act', async () => {
    const { page, kept, told } = await openPage(await storeOf(a), 'one');
    await Promise.all([0.9, 0.8, 0.7, 0.6].map((alpha) => page.dose('a', alpha)));
    expect(told).toEqual([['a 0.9'], ['a 0.6']]);
    expect(page.history.past).toHaveLength(1);
    kept.dispose();
  });

  test('is asked again as soon as it is told, but for an edit that has to be fetched from where it is kept', async () => {
    const name = await storeOf(a, c);
    const before = await openPage(name, 'one');
    await before.page.remove('a');
    expect(before.heard).toEqual(['leave', 'arrive']);
    before.kept.dispose();
    const { page, kept, heard } = await openPage(name, 'one');
    const undone = page.undo();
    expect(heard).toEqual(['leave']);
    await undone;
    expect([heard, shown(page)]).toEqual([
      ['leave', 'arrive'],
      ['a 1', 'c 1'],
    ]);
    kept.dispose();
  });

  test('says no: it is told, and the page asks how things are', async () => {
    const { page, kept } = await openPage(await storeOf(a), 'one');
    await page.dose('a', NaN);
    expect(page.error?.code).toBe('invalid-input');
    await page.reload();
    expect([page.error, shown(page)]).toEqual([null, ['a 1']]);
    kept.dispose();
  });
});

describe('what is done while the model is being opened', () => {
  const noModel = new EditorError('no-device', 'answer', 'no model is open', 'open a model first');

  /** As the page does it when a model has been opened. */
  const reopened = (page: Stack, kept: EditStack) => page.start(kept.views(), structuredClone(kept.history));

  test('is told to the engine that waits with it, and is not overwritten by what was opened', async () => {
    const { page, kept, engine } = await openPage(await storeOf(a, b), 'one');
    let open = () => {};
    engine.isOpen = new Promise((resolve) => (open = resolve));
    const act = page.dose('a', 0.5);
    reopened(page, kept);
    expect(shown(page)).toEqual(['a 0.5', 'b 1']);
    open();
    await act;
    expect([shown(page), idsOf(kept)]).toEqual([
      ['a 0.5', 'b 1'],
      ['a 0.5', 'b 1'],
    ]);
    await page.undo();
    expect(idsOf(kept)).toEqual(['a 1', 'b 1']);
    kept.dispose();
  });

  test.each(['no-device', 'worker-died'] as const)('is told later where there is no engine (%s)', async (code) => {
    const { page, kept, engine, told } = await openPage(await storeOf(a, b), 'one');
    const { what, found, advice } = noModel;
    engine.isOpen = Promise.reject(new EditorError(code, what, found, advice));
    await page.remove('b');
    await page.switch('a', false);
    expect([page.error, page.busy, shown(page), idsOf(kept)]).toEqual([null, true, ['a off'], ['a 1', 'b 1']]);
    page.take(kept.views());
    expect(shown(page)).toEqual(['a off']);
    engine.isOpen = Promise.resolve();
    reopened(page, kept);
    await expect.poll(() => page.busy).toBe(false);
    expect([shown(page), idsOf(kept), told.at(-1)]).toEqual([['a off'], ['a off'], ['a off']]);
    await page.undo();
    await page.undo();
    expect(idsOf(kept)).toEqual(['a 1', 'b 1']);
    kept.dispose();
  });
});
