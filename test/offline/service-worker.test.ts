import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Tidings } from '../../src/offline/client.ts';
import { keyOf, type PageFile } from '../../src/offline/files.ts';

const SCOPE = 'https://host.example/page/';
const file = (path: string, content: string): PageFile => ({ path, integrity: `sha256-${content}` });
const RUNTIME = file('assets/ort-wasm-simd-threaded-AAAAAAAA.wasm', 'runtime');
const BEFORE = [file('assets/index-Before.js', 'a'), file('assets/worker-Before.js', 'b'), file('index.html', 'c')];
const OWN = [file('assets/index-OwnOwn.js', 'd'), file('assets/worker-OwnOwn.js', 'e'), file('index.html', 'f')];
const keysOf = (files: readonly PageFile[]) => files.map((each) => keyOf(each, SCOPE));

let kept: Set<string>;
let windows: number;
/** Gives the service worker a message, and waits until it has dealt with it. */
let tell: (tidings: unknown) => Promise<void>;

beforeEach(async () => {
  kept = new Set(keysOf([RUNTIME, ...BEFORE, ...OWN]));
  windows = 1;
  const cache = {
    keys: () => Promise.resolve([...kept].map((url) => ({ url }))),
    delete: (key: string) => Promise.resolve(kept.delete(key)),
  };
  const listeners = new Map<string, (event: unknown) => void>();
  vi.stubGlobal('__PAGE_FILES__', [RUNTIME, ...OWN]);
  vi.stubGlobal('caches', { open: () => Promise.resolve(cache) });
  vi.stubGlobal('self', {
    registration: { scope: SCOPE, waiting: null, installing: null },
    clients: { matchAll: () => Promise.resolve(Array.from({ length: windows }, () => ({ url: `${SCOPE}#/edit` }))) },
    addEventListener: (name: string, listener: (event: unknown) => void) => listeners.set(name, listener),
  });
  vi.resetModules();
  await import('../../src/offline/service-worker.ts');
  tell = async (tidings) => {
    const work: Promise<unknown>[] = [];
    listeners.get('message')?.({ data: tidings, waitUntil: (promise: Promise<unknown>) => work.push(promise) });
    await Promise.all(work);
  };
});
afterEach(() => vi.unstubAllGlobals());

const opened = (path: string): Tidings => ({ opened: SCOPE + path });

test('a page of this version that has its model open: files of other versions go', async () => {
  await tell(opened('assets/index-OwnOwn.js'));
  expect([...kept]).toEqual(keysOf([RUNTIME, ...OWN]));
});

test.each<[string, unknown]>([
  ['of the version before', opened('assets/index-Before.js')],
  ['that does not tell its version, as pages once did', 'opened'],
])('the only page left is one %s: its files stay, it may open its model again', async (_, tidings) => {
  await tell(tidings);
  expect([...kept]).toEqual(keysOf([RUNTIME, ...BEFORE, ...OWN]));
});

test('another page is open, of whatever version: everything stays', async () => {
  windows = 2;
  await tell(opened('assets/index-OwnOwn.js'));
  expect([...kept]).toEqual(keysOf([RUNTIME, ...BEFORE, ...OWN]));
});
