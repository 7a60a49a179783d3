import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { abortError, EditorError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import { saveEdit } from '../../src/edit/library.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { DeviceChoice, EngineEvent } from '../../src/worker/api.ts';
import { Engine } from '../../src/worker/engine.ts';
import type { Studio } from '../../src/worker/studio.ts';
import { keptEdit } from '../support/kept-edit.ts';

// The engine while its model is being opened, over a studio whose model is asked for nothing.

/** Lets the next studio open; rejects where it can't be opened. */
let opens: Promise<void>;
/** The device of the open studio goes away by itself. */
let lose: (detail: string) => void;
let name: string;
let names = 0;

async function openStudio(_: DeviceChoice, { signal }: Watch): Promise<Studio> {
  await opens;
  if (signal?.aborted) throw abortError('open the model');
  const database = await openDatabase(name);
  const closing = new AbortController();
  const studio = {
    model: { name: 'hearth', revision: '1', hash: 'abc', description: { n_layers: 2 } },
    ...{ report: { kind: 'webgpu' }, database, heldOut: [], closed: closing.signal },
    covariances: { of: () => Promise.reject(new Error('nobody asks')) },
    onLost: (callback: typeof lose) => (lose = callback),
    dispose: async () => {
      closing.abort();
      database.close();
    },
  };
  return studio as unknown as Studio;
}

vi.mock('../../src/worker/studio.ts', async (original) => ({
  ...(await original<object>()),
  openStudio: (choice: DeviceChoice, watch: Watch) => openStudio(choice, watch),
}));

vi.mock('../../src/worker/views.ts', async (original) => ({
  ...(await original<object>()),
  reportOf: ({ report }: Studio) => ({ device: report }),
}));

/** An engine with an open model and one edit, and what it tells. */
async function openEngine() {
  const events: EngineEvent[] = [];
  const engine = new Engine();
  await engine.listen((event) => events.push(event));
  await engine.open('auto', 'tab', 1, null);
  return { engine, events: () => events.filter(({ kind }) => kind.startsWith('device')) };
}

/** Halves the dose of the one edit. */
const dose = (engine: Engine) =>
  engine.arrange({ entries: [{ id: 'a', on: true, alpha: 0.5 }], gone: [], history: { past: [], future: [] } });

beforeEach(async () => {
  opens = Promise.resolve();
  name = `reopening ${names++}`;
  const database = await openDatabase(name);
  await saveEdit(database, keptEdit('a', 1));
  database.close();
});

describe('an act on the stack waits', () => {
  const acts: [what: string, begin: (engine: Engine) => Promise<unknown>][] = [
    ['while another device is opened', (engine) => engine.open('wasm', 'tab', 2, null)],
    [
      'while a device that went away is opened again',
      (engine) => {
        lose('reset');
        return engine.edits();
      },
    ],
  ];

  test.each(acts)('%s, and is done to the edits that are then there', async (_, begin) => {
    const { engine } = await openEngine();
    let open = () => {};
    opens = new Promise((resolve) => (open = resolve));
    const opened = begin(engine);
    const done = dose(engine);
    await new Promise((resolve) => setTimeout(resolve, 20));
    open();
    await opened;
    expect((await done).map(({ id, alpha }) => [id, alpha])).toEqual([['a', 0.5]]);
    expect((await engine.edits()).map(({ alpha }) => alpha)).toEqual([0.5]);
  });

  test('for the next opening, when the first is stopped for it', async () => {
    const { engine } = await openEngine();
    let open = () => {};
    opens = new Promise((resolve) => (open = resolve));
    const stopped = engine.open('wasm', 'tab', 2, null).catch(({ code }: EditorError) => code);
    const done = dose(engine);
    await engine.abort(2);
    const opened = engine.open('webgpu', 'tab', 3, null);
    open();
    expect(await stopped).toBe('aborted');
    await opened;
    expect((await done).map(({ alpha }) => alpha)).toEqual([0.5]);
  });

  test('no longer than until it is clear that no model is open', async () => {
    const { engine } = await openEngine();
    opens = Promise.reject(new Error('no adapter'));
    const failed = engine.open('webgpu', 'tab', 2, null).catch(({ message }: Error) => message);
    await expect(dose(engine)).rejects.toMatchObject({ code: 'no-device' });
    expect(await failed).toBe('no adapter');
  });
});

test('a device that is back is told', async () => {
  const { engine, events } = await openEngine();
  lose('reset');
  await engine.edits();
  expect(events()).toMatchObject([{ kind: 'device-lost', detail: 'reset' }, { kind: 'device-rebuilt' }]);
});

test('a device that cannot be opened again is told once more, with the reason', async () => {
  const { engine, events } = await openEngine();
  opens = Promise.reject(
    new EditorError('no-device', 'open the device', 'no adapter', 'use CPU mode', { reason: 'x' }),
  );
  lose('reset');
  await expect(engine.edits()).rejects.toMatchObject({ code: 'no-device' });
  expect(events()).toMatchObject([
    { kind: 'device-lost', detail: 'reset' },
    { kind: 'device-failed', error: { code: 'no-device', found: 'no adapter', values: { reason: 'x' } } },
  ]);
});
