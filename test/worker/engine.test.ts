import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NO_HISTORY, type Entries } from '../../src/edit/history.ts';
import { saveEdit } from '../../src/edit/library.ts';
import { MIGRATIONS, openDatabase, type Database } from '../../src/store/database.ts';
import type { EngineEvent } from '../../src/worker/api.ts';
import type { Store } from '../../src/worker/store.ts';
import type { Studio } from '../../src/worker/studio.ts';
import { keptEdit } from '../support/kept-edit.ts';

/** What a studio makes of its store. */
let spoil = (database: Database) => database;

/** Studios over a model that is asked for nothing, the latest last. */
const studios: Studio[] = [];

vi.mock('../../src/worker/studio.ts', () => ({
  openStudio: async (_choice: unknown, _watch: unknown, store: Store): Promise<Studio> => {
    const closing = new AbortController();
    const studio = {
      model: { name: 'hearth', revision: '1', hash: 'abc', description: { family: 'gpt2', parameters: {} } },
      ...{ report: {}, heldOut: [], examples: [], earlier: null, fetchedBytes: 0 },
      covariances: { of: () => Promise.reject(new Error('nobody asks for any')) },
      ...{ database: spoil(store.database), kept: await store.kept(), closed: closing.signal },
      companion: () => Promise.resolve(undefined),
      onLost: () => undefined,
      dispose: () => Promise.resolve(closing.abort()),
    } as unknown as Studio;
    studios.push(studio);
    return studio;
  },
}));
const { Engine } = await import('../../src/worker/engine.ts');

/** An engine that has opened its model, and what it tells of the store. */
async function openEngine() {
  const engine = new Engine();
  const refusals: string[] = [];
  await engine.listen((event: EngineEvent) => event.kind === 'not-kept' && refusals.push(event.refusal));
  const open = (choice: 'webgpu' | 'wasm') => engine.open(choice, 'one', 1, null);
  await open('webgpu');
  return { engine, open, refusals };
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  return () => vi.restoreAllMocks();
});

describe('what is only in memory of the edits outlives the device, and so does what is known of the store', () => {
  const full = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const closed = () => {
    throw new DOMException('closed', 'SecurityError');
  };
  const nothing = () => undefined;

  test.each<[string, () => unknown, () => unknown, string]>([
    [
      'a full disk',
      nothing,
      () => vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(full),
      'QuotaExceededError',
    ],
    ['a private window', () => vi.spyOn(indexedDB, 'open').mockImplementation(closed), nothing, 'SecurityError'],
    [
      'a store that a newer page has taken over',
      nothing,
      async () => (await openDatabase('palimpsest', [...MIGRATIONS, nothing])).close(),
      'VersionError',
    ],
  ])('in %s', async (_, before, meanwhile, refusal) => {
    before();
    const { engine, open, refusals } = await openEngine();
    const change = (entries: Entries) => engine.arrange({ entries, gone: [], history: NO_HISTORY });
    await saveEdit(studios[studios.length - 1].database, keptEdit('made', 1));
    await change([]);
    await meanwhile();
    await change([{ id: 'made', on: true, alpha: 0.5 }]);
    const shown = await engine.edits();
    const { edits, kept } = await open('wasm');
    expect(edits).toEqual(shown);
    expect(edits.map(({ id, alpha }) => [id, alpha])).toEqual([['made', 0.5]]);
    expect(kept).toEqual({ ok: false, refusal });
    expect(refusals, 'told when it happened, and when the model was opened again').toEqual([refusal, refusal]);
  });
});

test('a model whose edits can’t be read is closed again, and can be opened again', async () => {
  spoil = (database) => ({ ...database, get: () => Promise.reject(new Error('damaged')) });
  const engine = new Engine();
  await expect(engine.open('wasm', 'one', 1, null)).rejects.toThrow('damaged');
  expect(studios[studios.length - 1].closed.aborted).toBe(true);
  spoil = (database) => database;
  expect((await engine.open('wasm', 'one', 2, null)).edits).toEqual([]);
  expect(studios[studios.length - 1].closed.aborted).toBe(false);
});
