import { beforeEach, describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { Ask, type AskClient } from '../../src/ui/ask.svelte.ts';

// What the page asks of the engine, and what it still knows. The engine here answers with the name of what was asked.

let stamp: string;
let asked: string[];
/** Keeps an answer waiting until it is released. */
let hold: Promise<void>;
/** Keeps the bars of a prompt waiting. */
let holdBars: (prompt: string) => Promise<void>;

const nameOf = (version: string) => (version === 'original' || stamp === '' ? 'untouched' : stamp);

const client: AskClient = {
  tokenize: async () => [],
  predict: async (prompt, version, _count, { signal } = {}) => {
    asked.push(`bars ${nameOf(version)}`);
    await holdBars(prompt);
    if (signal?.aborted) throw new EditorError('aborted', 'predict', 'it was stopped', 'ask again');
    return { tokens: [], editedToken: 0, limit: 128, top: [{ id: 0, text: nameOf(version), probability: 1 }] };
  },
  generate: async (_prompt, version, _most, _sampling, onToken, { signal } = {}) => {
    asked.push(`text ${nameOf(version)}`);
    await hold;
    if (signal?.aborted) throw new EditorError('aborted', 'say', 'it was stopped', 'ask again');
    onToken({ id: 0, text: ` says ${nameOf(version)}.`, probability: 1 });
  },
};

async function openPage(): Promise<Ask> {
  const ask = new Ask(client, () => stamp);
  ask.prompt = 'To be';
  await ask.refresh();
  return ask;
}

/** What the stack's change to `to` has the engine asked. */
async function restacked(ask: Ask, to: string): Promise<string[]> {
  asked = [];
  stamp = to;
  await ask.restack();
  return asked;
}

beforeEach(() => {
  stamp = '';
  asked = [];
  hold = Promise.resolve();
  holdBars = () => Promise.resolve();
});

describe('going back and forth between edits', () => {
  test('asks once for each state of the stack, and shows what each said', async () => {
    const ask = await openPage();
    expect(asked).toEqual(['bars untouched', 'text untouched']);
    expect(await restacked(ask, 'a·1')).toEqual(['bars a·1', 'text a·1']);
    expect(await restacked(ask, 'a·0.5')).toEqual(['bars a·0.5', 'text a·0.5']);
    for (const [to, name] of [
      ['a·1', 'a·1'],
      ['', 'untouched'],
      ['a·0.5', 'a·0.5'],
    ]) {
      expect(await restacked(ask, to)).toEqual([]);
      expect(ask.shown?.text).toContain(`says ${name}`);
      expect(ask.shown?.prediction.top[0].text).toBe(name);
      expect(ask.original?.text ?? null).toBe(to === '' ? null : ' says untouched.');
    }
  });

  test('asks again about another prompt', async () => {
    const ask = await openPage();
    await restacked(ask, 'a·1');
    ask.prompt = 'Not to be';
    asked = [];
    await ask.refresh();
    expect(asked).toEqual(['bars a·1', 'bars untouched', 'text a·1', 'text untouched']);
    expect(ask.shown?.prompt).toBe('Not to be');
  });

  test.each<[what: string, act: (ask: Ask) => void]>([
    ['another device computes', (ask) => ask.forget()],
    ['another tab has changed the stack', (ask) => ask.forgetStacks()],
    ['another seed is drawn', (ask) => ask.redraw()],
  ])('asks again when %s', async (_, act) => {
    const ask = await openPage();
    await restacked(ask, 'a·1');
    await restacked(ask, '');
    act(ask);
    await ask.refresh();
    expect(await restacked(ask, 'a·1')).toEqual(expect.arrayContaining(['bars a·1', 'text a·1']));
  });

  test('does not take for said what was cut off', async () => {
    const ask = await openPage();
    let release = () => {};
    hold = new Promise((resolve) => (release = resolve));
    stamp = 'a·1';
    const cut = ask.restack();
    while (!asked.includes('text a·1')) await Promise.resolve();
    ask.leave();
    release();
    expect(await cut).toBe(false);
    await restacked(ask, '');
    expect(await restacked(ask, 'a·1')).toEqual(['bars a·1', 'text a·1']);
    expect(ask.shown?.text).toBe(' says a·1.');
  });
});

test('a drag waits for the bars of a new prompt, also when the old one’s were given up for them', async () => {
  const ask = await openPage();
  stamp = 'a·1';
  const release: Record<string, () => void> = {};
  holdBars = (prompt) => new Promise((resolve) => (release[prompt] = resolve));
  ask.prompt = 'old';
  const old = ask.refresh();
  ask.prompt = 'new';
  const read = ask.refresh();
  release['old']();
  expect(await old).toBe(false);
  // The stack changes under the bars: they still arrive, and are followed by those of the stack as it is then.
  stamp = 'a·0.5';
  ask.leave();
  expect(ask.restack()).toBe(read);
  holdBars = () => Promise.resolve();
  release['new']();
  expect(await read).toBe(true);
  expect(ask.shown?.prediction.top[0].text).toBe('a·0.5');
});
