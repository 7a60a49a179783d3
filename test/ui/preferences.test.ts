import { expect, test, vi } from 'vitest';
import { Announcer } from '../../src/ui/announcer.svelte.ts';
import { Preferences } from '../../src/ui/preferences.svelte.ts';

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

test.each([
  ['nothing kept', null],
  ['no JSON', '{'],
  ['no object', '3'],
  ['unknown values', '{"theme":"sepia","device":"abacus","singleKeys":"no","draft":{"prompt":3}}'],
])('%s: as if new', (_, text) => {
  const { theme, device, singleKeys, draft } = new Preferences(makeStorage(text));
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
  new Preferences(storage).set({ theme: 'dark', device: 'wasm', singleKeys: false, draft });
  const { theme, device, singleKeys, draft: found } = new Preferences(makeStorage(storage.text()));
  expect({ theme, device, singleKeys, found }).toEqual({
    theme: 'dark',
    device: 'wasm',
    singleKeys: false,
    found: draft,
  });
});

test('a storage that refuses costs nothing but the memory', () => {
  const preferences = new Preferences(makeStorage(null, true));
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
