import type { Tidings } from './client.ts';
import { dress, keyOf, missingFiles, type PageFile, pathOf, strangeKeys } from './files.ts';

/*
 * The service worker: answers for the page's own files from what it keeps, with the headers that isolate the page. The
 * model isn't its business; that lies in the engine's store.
 *
 * A version is fetched whole, each file checked against the digest that the build took of it, before it is ever used. It
 * then waits until the person lets it take over or the last page of the version before is closed.
 */

declare const self: ServiceWorkerGlobalScope;

const FILES: readonly PageFile[] = __PAGE_FILES__;
const { scope } = self.registration;
const byPath = new Map(FILES.map((file) => [file.path, file]));

self.addEventListener('install', (event) => event.waitUntil(fetchMissing(false)));

self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const path = pathOf(request.url, scope);
  if (path === null || request.method !== 'GET') return;
  const file = byPath.get(path);
  if (file) event.respondWith(answer(file, request));
  else if (path.startsWith('assets/')) event.respondWith(answerEarlier(path, request));
});

self.addEventListener('message', (event) => {
  const tidings = event.data as Tidings;
  if (tidings === 'take-over') event.waitUntil(self.skipWaiting());
  else if (isOwn(tidings)) event.waitUntil(fetchMissing(true).then(tidy));
});

// ---

/** Whether a page of this version speaks. One of another version needs its own files as long as it is open. */
function isOwn({ opened }: Exclude<Tidings, string>): boolean {
  // Pages of the first version don't tell which one they are.
  return typeof opened === 'string' && byPath.has(pathOf(opened, scope) ?? '');
}

/** One cache for all versions, and another for each folder of a host that has the page in several. */
function openCache(): Promise<Cache> {
  return caches.open(`palimpsest ${scope}`);
}

async function keptKeys(): Promise<string[]> {
  const cache = await openCache();
  return (await cache.keys()).map(({ url }) => url);
}

/** Gets a file from the host; rejects when it isn't, to the byte, what the build made. */
async function bring(file: PageFile): Promise<Response> {
  const { path, integrity } = file;
  return dress(await fetch(scope + path, { integrity, cache: 'no-cache' }), path);
}

async function keep(file: PageFile, response: Response): Promise<void> {
  const cache = await openCache();
  await cache.put(keyOf(file, scope), response);
}

async function fetchMissing(fallback: boolean): Promise<void> {
  const missing = missingFiles(FILES, await keptKeys(), scope, fallback);
  await Promise.all(missing.map(async (file) => keep(file, await bring(file))));
}

/** A file of this version: kept, or fetched and then kept. What can't be kept is passed on all the same. */
async function answer(file: PageFile, request: Request): Promise<Response> {
  const cache = await openCache();
  const kept = await cache.match(keyOf(file, scope));
  if (kept) return kept;
  const whole = await bring(file).catch(() => null);
  if (!whole) return dress(await fetch(request.url), file.path);
  await keep(file, whole.clone()).catch(() => undefined);
  return whole;
}

/** A file of the version before, asked for by a page that was open when this one took over. */
async function answerEarlier(path: string, request: Request): Promise<Response> {
  const cache = await openCache();
  return (await cache.match(request, { ignoreSearch: true })) ?? dress(await fetch(request.url), path);
}

/** Lets go of other versions' files, unless another page may still need them or a new version waits with its own. */
async function tidy(): Promise<void> {
  if (self.registration.waiting ?? self.registration.installing) return;
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (windows.filter(({ url }) => url.startsWith(scope)).length > 1) return;
  const cache = await openCache();
  await Promise.all(strangeKeys(FILES, await keptKeys(), scope).map((key) => cache.delete(key)));
}
