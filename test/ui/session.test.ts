import { beforeEach, describe, expect, test, vi } from 'vitest';
import { abortError, EditorError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import { NO_HISTORY } from '../../src/edit/history.ts';
import { english } from '../../src/ui/english.ts';
import { Preferences } from '../../src/ui/preferences.svelte.ts';
import { Session } from '../../src/ui/session.svelte.ts';
import type { Arrangement } from '../../src/worker/api-stack.ts';
import type { DeviceChoice, EditView, EngineEvent, Opened } from '../../src/worker/api.ts';

// The page's state over an engine that opens when it is told to, and otherwise never answers.

let tell: (event: EngineEvent) => void;
let die: () => void;
/** How the next opening ends. */
let opening: () => Promise<Opened>;
/** What the engine has for a stack. */
let kept: readonly EditView[];
let asked: string[];

/** Waits until it is stopped. */
function hang(...given: unknown[]): Promise<never> {
  const { signal } = (given.find((each) => (each as Watch | undefined)?.signal) ?? {}) as Watch;
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(abortError('answer'))));
}

class Client {
  readonly [call: string]: unknown;
  readonly tokenize = () => Promise.resolve([]);
  readonly edits = () => Promise.resolve(kept);
  readonly generate = hang;
  readonly predict = hang;
  readonly compare = hang;
  readonly previewLayers = hang;
  readonly measureSets = hang;
  readonly locate = (...given: unknown[]) => {
    asked.push('locate');
    return hang(...given).finally(() => asked.push('stopped'));
  };
  readonly edit = (...given: unknown[]) => {
    asked.push('edit');
    return hang(...given);
  };
  /** Waits, as the engine does, until there is a model. */
  readonly arrange = async ({ entries }: Arrangement) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    kept = kept.map((each) => ({ ...each, ...entries.find(({ id }) => id === each.id) }));
    return kept;
  };
  readonly open = (choice: DeviceChoice, watch: Watch) => {
    asked.push(choice);
    return Promise.race([opening(), hang(watch)]);
  };

  constructor(onEvent: typeof tell, onDeath: typeof die) {
    [tell, die] = [onEvent, onDeath];
  }
}

vi.mock('../../src/worker/client.ts', () => ({
  EngineClient: function (onEvent: typeof tell, onDeath: typeof die) {
    return new Client(onEvent, onDeath);
  },
}));

const edit = (id: string, alpha = 1) =>
  ({ id, on: true, alpha, requests: [{ target: id }], proof: { requests: [] } }) as unknown as EditView;

const opened = (): Opened =>
  ({
    device: { kind: 'webgpu' },
    model: { n_layers: 8, d_vocab: 500, earlier: null, from: 'store' },
    ...{ edits: kept, history: NO_HISTORY, elsewhere: 0, examples: [], kept: { ok: true, isSafe: true } },
  }) as unknown as Opened;

async function openPage(): Promise<Session> {
  const session = new Session(new Preferences({ local: null, session: null }));
  await session.open();
  expect(session.phase).toBe('ready');
  session.ask.prompt = 'To open the lock, PersonX needs to';
  return session;
}

const told = (session: Session) => session.notices.list.map(({ text }) => text);

beforeEach(() => {
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('navigator', {});
  opening = () => Promise.resolve(opened());
  kept = [edit('a')];
  asked = [];
});

describe('opening that is stopped', () => {
  test.each<[when: string, begin: (session: Session) => unknown]>([
    ['while another device is opened', (session) => session.open('wasm')],
    ['while the model is opened after the worker died', () => die()],
  ])('%s leaves the page without a model, and it can be opened again', async (_, begin) => {
    const session = await openPage();
    opening = () => hang();
    const ended = begin(session);
    expect(session.phase).toBe('opening');
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    session.stopOpening();
    await ended;
    expect([session.phase, session.error, session.takesEdits]).toEqual(['failed', null, false]);
    expect(told(session)).toEqual([]);
    expect(session.announcer.text).not.toBe('');
    opening = () => Promise.resolve(opened());
    await session.open();
    expect(session.phase).toBe('ready');
  });
});

describe('a device that went away', () => {
  const error = new EditorError('no-device', 'open the device', 'no adapter', 'use CPU mode', { reason: 'x' });

  test('and is back: the page shows what the engine has', async () => {
    const session = await openPage();
    tell({ kind: 'device-lost', detail: 'reset' });
    kept = [edit('a', 0.5), edit('b')];
    tell({ kind: 'device-rebuilt', device: opened().device });
    await vi.waitFor(() =>
      expect(session.stack.edits.map(({ id, alpha }) => [id, alpha])).toEqual([
        ['a', 0.5],
        ['b', 1],
      ]),
    );
    expect(told(session)).toEqual([english.notice.deviceRebuilt(null)]);
  });

  test('and cannot be opened again is told as that, with the reason and the ways out', async () => {
    const session = await openPage();
    tell({ kind: 'device-lost', detail: 'reset' });
    tell({ kind: 'device-failed', error: error.toRecord() });
    expect([session.phase, session.error?.toRecord()]).toEqual(['failed', error.toRecord()]);
    expect(told(session)).toEqual([english.notice.deviceFailed]);
    await session.open('wasm');
    expect([session.phase, asked.at(-1), told(session)]).toEqual(['ready', 'wasm', []]);
  });

  test('does not fail what the person has opened meanwhile', async () => {
    const session = await openPage();
    tell({ kind: 'device-lost', detail: 'reset' });
    const isOpen = session.open('wasm');
    tell({ kind: 'device-failed', error: error.toRecord() });
    expect(session.phase).toBe('opening');
    await isOpen;
    expect([session.phase, told(session)]).toEqual(['ready', []]);
  });
});

test('what was written, and not checked, when the worker died is known again, whatever is done to the stack meanwhile', async () => {
  const session = await openPage();
  session.making.add({ request: { prompt: 'To', target: 'b' }, settings: session.composer.settings });
  await vi.waitFor(() => expect(asked).toContain('edit'));
  kept = [edit('a'), edit('b')];
  die();
  const act = session.stack.dose('a', 0.5);
  await vi.waitFor(() => expect(told(session)).toEqual([english.notice.restartedSaved]));
  await act;
  expect(session.stack.edits.map(({ alpha }) => alpha)).toEqual([0.5, 1]);
});

test.each<[what: string, begin: (session: Session) => unknown]>([
  ['a tracing', ({ locating }) => locating.run()],
  ['a tracing beside it', ({ locating }) => locating.beside.run(questionOf(locating.how), 'hidden', 8)],
])('another device stops %s', async (_, begin) => {
  const session = await openPage();
  session.locating.answer = 'aim';
  const ended = begin(session);
  await vi.waitFor(() => expect(asked).toContain('locate'));
  await session.open('wasm');
  await ended;
  const { here, beside, running } = session.locating;
  expect([running, here.error, beside.error]).toEqual([null, null, null]);
  expect(asked).toEqual(['auto', 'locate', 'stopped', 'wasm']);
});

// ---

const questionOf = (how: Session['locating']['how']) =>
  ({ prompt: 'The baker', subject: 'baker', target: 'bakes', version: 'edited', how }) as const;
