import { beforeEach, describe, expect, test, vi } from 'vitest';
import { Announcer } from '../../src/ui/announcer.svelte.ts';
import { Preferences, type Storages } from '../../src/ui/preferences.svelte.ts';

/** Local storage as a browser gives it, or one that refuses. */
function makeStorage(text: string | null, refuses = false): Storage & { text: () => string | null } {
  let kept = text;
  const refuse = () => {
    throw new Error('QuotaExceededError');
  };
  const storage = {
    length: 1,
    key: () => null,
    clear: () => (kept = null),
    removeItem: () => (kept = null),
    getItem: () => (refuses ? refuse() : kept),
    setItem: (_: string, value: string) => (refuses ? refuse() : (kept = value)),
  };
  return { ...storage, text: () => kept };
}

/** A new tab over what all of them share. */
function inTab(local: Storage, session: Storage = makeStorage(null)): Storages {
  return { local, session };
}

test.each([
  ['nothing kept', null],
  ['no JSON', '{'],
  ['no object', '3'],
  ['unknown values', '{"theme":"sepia","device":"abacus","singleKeys":"no","draft":{"prompt":3}}'],
])('%s: as if new', (_, text) => {
  const { theme, device, singleKeys, draft } = new Preferences(inTab(makeStorage(text)));
  expect({ theme, device, singleKeys, draft }).toEqual({
    theme: 'system',
    device: 'auto',
    singleKeys: true,
    draft: null,
  });
});

test('what is set is found again', () => {
  const storage = makeStorage(null);
  const draft = { prompt: 'a', target: 'b', subject: '' };
  new Preferences(inTab(storage)).set({ theme: 'dark', device: 'wasm', singleKeys: false, draft });
  const { theme, device, singleKeys, draft: found } = new Preferences(inTab(makeStorage(storage.text())));
  expect({ theme, device, singleKeys, found }).toEqual({
    theme: 'dark',
    device: 'wasm',
    singleKeys: false,
    found: draft,
  });
});

describe('two tabs', () => {
  const draftOf = (prompt: string) => ({ prompt, target: '', subject: '' });
  let shared: Storage;
  let one: Storages;
  let two: Storages;

  beforeEach(() => {
    shared = makeStorage(null);
    one = inTab(shared);
    two = inTab(shared);
  });

  test('a tab leaves alone what another has set since it was opened', () => {
    const [first, second] = [new Preferences(one), new Preferences(two)];
    first.set({ theme: 'dark', seed: 7 });
    second.set({ draft: draftOf('q') });
    second.set({ palette: 'viridis' });
    const { theme, seed, palette } = new Preferences(inTab(shared));
    expect([theme, seed, palette]).toEqual(['dark', 7, 'viridis']);
  });

  test('each finds its own words again when it is loaded again; a new one those that were written last', () => {
    new Preferences(one).set({ draft: draftOf('a long text of mine') });
    new Preferences(two).set({ draft: draftOf('q') });
    const prompts = [one, two, inTab(shared)].map((tab) => new Preferences(tab).draft?.prompt);
    expect(prompts).toEqual(['a long text of mine', 'q', 'q']);
  });

  test('words that a new tab began with are its own, before a key is struck', () => {
    new Preferences(one).set({ draft: draftOf('mine') });
    expect(new Preferences(two).draft?.prompt).toBe('mine');
    new Preferences(one).set({ draft: draftOf('mine, and more') });
    expect(new Preferences(two).draft?.prompt).toBe('mine');
  });
});

test('a storage that refuses costs nothing but the memory', () => {
  const preferences = new Preferences(inTab(makeStorage(null, true), makeStorage(null, true)));
  preferences.set({ theme: 'dark' });
  expect(preferences.theme).toBe('dark');
});

test('a screen reader hears one sentence in three seconds, and results before progress', () => {
  vi.useFakeTimers();
  const announcer = new Announcer();
  announcer.progress('10 %');
  expect(announcer.text).toBe('10 %');
  announcer.progress('20 %');
  announcer.result('done');
  announcer.progress('30 %');
  expect(announcer.text).toBe('10 %');
  vi.advanceTimersByTime(2999);
  expect(announcer.text).toBe('10 %');
  vi.advanceTimersByTime(1);
  expect(announcer.text).toBe('done');
  vi.useRealTimers();
});
