import 'fake-indexeddb/auto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import config from '../../vite.config.ts';
import { versionLock } from '../../src/model/kept-files.ts';
import { httpSource, type ModelSource } from '../../src/model/source.ts';
import { memoryFile } from '../../src/store/byte-file.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { createFileStore, type Expected } from '../../src/store/files.ts';
import { combineHashes, fingerprint, sha256 } from '../../src/store/hash.ts';
import { hold } from '../../src/store/locks.ts';
import { isOwn, keptModel, keptModels, shippedModel } from '../../src/worker/shipped.ts';
import { expectFault } from '../support/faults.ts';
import { type FileServer, startFileServer } from '../support/file-server.ts';
import { SHIPPED } from '../support/shipped.ts';

/** What a release puts beside the page. */
type Release = Readonly<Record<string, string>>;

const FIRST = { 'config.json': '"one"', 'model.safetensors': 'weights one', 'corpus.txt': 'corpus one' };
const NEW_TEXT: Release = { ...FIRST, 'corpus.txt': 'corpus two' };
const NEW_WEIGHTS: Release = { ...FIRST, 'config.json': '"two"', 'model.safetensors': 'weights two' };

const served = new Map<string, Uint8Array>();
let server: FileServer;
let database: Database;
let names = 0;

beforeAll(async () => {
  server = await startFileServer(served);
});
afterAll(() => server.close());
beforeEach(async () => {
  database = await openDatabase(`shipped ${names++}`);
  server.asked.length = 0;
});
afterEach(() => {
  vi.unstubAllGlobals();
  database.close();
});

const bytesOf = (text: string) => new TextEncoder().encode(text);

function deploy(release: Release): void {
  served.clear();
  for (const [file, text] of Object.entries(release)) served.set(`models/hearth/${file}`, bytesOf(text));
}

/** A page that was built with a release: from here on it is this page that runs. */
async function load(release: Release) {
  const expected: Record<string, Expected> = {};
  for (const [file, text] of Object.entries(release))
    expected[file] = { bytes: text.length, chunks: [await sha256(bytesOf(text))] };
  vi.stubGlobal('__SHIPPED_FILES__', expected);
  vi.stubGlobal('location', { href: `${server.url}/assets/worker.js` });
  const store = createFileStore(database);
  return { store, ...shippedModel(store, true) };
}

/** Reads all of a model, as opening it does. */
async function readAll(source: ModelSource): Promise<Release> {
  const read: Record<string, string> = {};
  for (const file of Object.keys(FIRST)) {
    const opened = await source.open(file);
    read[file] = new TextDecoder().decode(await opened.read(0, opened.size));
  }
  return read;
}

async function visit(release: Release): Promise<Release> {
  const { source, settle } = await load(release);
  const read = await readAll(source);
  await settle();
  return read;
}

/** What the page falls back on. */
async function readKept(): Promise<Release> {
  const store = createFileStore(database);
  const [version] = await keptModels(store);
  return readAll(await keptModel(store, version));
}

const asked = () => server.asked.splice(0).map((each) => each.replace(/^models\/hearth\/|\?.*/g, ''));

describe('the shipped model', () => {
  test('is fetched once, and the host asked for exactly that content', async () => {
    deploy(FIRST);
    expect(await visit(FIRST)).toEqual(FIRST);
    expect(server.asked[0]).toMatch(/^models\/hearth\/config\.json\?[\da-f]{16} /);
    expect(asked()).toHaveLength(3);
    expect(await visit(FIRST)).toEqual(FIRST);
    expect(asked()).toEqual([]);
  });

  test('with another text beside the same weights: only the text is fetched, and the one before goes', async () => {
    deploy(FIRST);
    await visit(FIRST);
    const before = await database.keys('manifests', '');
    deploy(NEW_TEXT);
    asked();
    expect(await visit(NEW_TEXT)).toEqual(NEW_TEXT);
    expect(asked()).toEqual(['corpus.txt']);
    expect(await database.keys('manifests', '')).toHaveLength(before.length);
  });

  test('stays what it is in a page whose host has other weights by now: nothing is mixed', async () => {
    deploy(FIRST);
    const { source } = await load(FIRST);
    await source.open('config.json');
    deploy(NEW_WEIGHTS);
    await expectFault(() => source.open('model.safetensors'), 'hash-mismatch', 'another model.safetensors');
    expect(await keptModels(createFileStore(database))).toEqual([]);
    expect(await visit(NEW_WEIGHTS)).toEqual(NEW_WEIGHTS);
  });

  test('kept whole, goes on in a page whose host has other weights by now', async () => {
    deploy(FIRST);
    await visit(FIRST);
    deploy(NEW_WEIGHTS);
    asked();
    expect(await visit(FIRST)).toEqual(FIRST);
    expect(asked()).toEqual([]);
  });

  test.each<[string, { body: string; headers?: Record<string, string> }]>([
    ['a word of its host', { body: 'Too many requests', headers: { 'Content-Type': 'text/plain' } }],
    ['the page of a network that asks for a login', { body: '<!doctype html><p>Log in' }],
    ['another thing of the same length', { body: '"0n3"' }],
  ])('does not take %s for a file, and asks for it again', async (_, behavior) => {
    deploy(FIRST);
    server.behaviors.push(behavior, behavior);
    const { source } = await load(FIRST);
    await expect(source.readJson('config.json')).rejects.toMatchObject({
      code: expect.stringMatching(/^(hash-mismatch|network)$/) as string,
    });
    server.behaviors.length = 0;
    expect(await visit(FIRST)).toEqual(FIRST);
  });

  test.each<[string, object]>([
    ['a login page', { body: '<!doctype html><p>Log in' }],
    ['nothing', { status: 404 }],
  ])('cannot do without a file that belongs to it, where the host has %s in its place', async (_, behavior) => {
    deploy(FIRST);
    const { source } = await load(FIRST);
    server.behaviors.push(behavior);
    await expectFault(() => source.open('corpus.txt'), 'network');
    await source.open('model.safetensors');
    expect(await visit(FIRST)).toEqual(FIRST);
  });
});

describe('what is kept', () => {
  test('of this release is used when an earlier version of the page has kept it, without a network', async () => {
    await visitEarlier(FIRST, FIRST);
    deploy({});
    expect(await visit(FIRST)).toEqual(FIRST);
    expect(asked()).toEqual([]);
  });

  test('is replaced where an earlier version of the page took a later release’s files for this one’s', async () => {
    await visitEarlier(FIRST, { ...NEW_WEIGHTS, 'config.json': 'Too many requests' });
    deploy(FIRST);
    expect(await visit(FIRST)).toEqual(FIRST);
    expect(asked()).toEqual(['config.json', 'model.safetensors']);
    const plain = (await database.keys('manifests', 'hearth@')).filter((key) => !key.includes('?'));
    expect(plain.map((key) => key.replace(/.*\//, ''))).toEqual(['corpus.txt']);
  });

  test('with other weights than its name says is nothing to fall back on', async () => {
    await visitEarlier(FIRST, NEW_WEIGHTS);
    await load(FIRST);
    await expectFault(readKept, 'missing-file', 'model.safetensors');
  });

  test('goes on without a network in a page that has another text beside the same weights, all of one release', async () => {
    for (const kept of ['by this version of the page', 'by an earlier one']) {
      if (kept === 'by this version of the page') {
        deploy(FIRST);
        await visit(FIRST);
      } else {
        database.close();
        database = await openDatabase(`shipped ${names++}`);
        await visitEarlier(FIRST, FIRST);
      }
      // The new text comes, then the network goes.
      deploy({ 'corpus.txt': 'corpus two' });
      const next = { ...NEW_TEXT, 'config.json': '"new"' };
      const { source } = await load(next);
      await source.open('corpus.txt');
      await expectFault(() => source.open('config.json'), 'network');
      expect(await readKept()).toEqual(FIRST);
      const [version] = await keptModels(createFileStore(database));
      expect(isOwn(version)).toBe(true);
    }
  });

  test('stays as long as another tab has a release of the same weights open', async () => {
    deploy(FIRST);
    await visit(FIRST);
    const release = await hold(versionLock('hearth', __SHIPPED_REVISION__), 'shared');
    deploy(NEW_TEXT);
    await visit(NEW_TEXT);
    deploy({});
    expect(await visit(FIRST)).toEqual(FIRST);
    release?.();
    await visit(FIRST);
    const { source } = await load(NEW_TEXT);
    await expectFault(() => source.open('corpus.txt'), 'network');
  });
});

describe('a build', () => {
  test('knows every file of the shipped model by its fingerprint', async () => {
    const built = JSON.parse(await pins('build')) as Record<string, Expected>;
    expect(Object.keys(built)).toEqual(expect.arrayContaining(['model.safetensors', 'check.json', 'located.json']));
    for (const [file, { bytes, chunks }] of Object.entries(built)) {
      const content = memoryFile(file, new Uint8Array(readFileSync(`${SHIPPED}/${file}`)));
      expect([file, bytes, await combineHashes(chunks)]).toEqual([file, content.size, await fingerprint(content)]);
    }
  });

  test('knows none while the page is served from its sources, where they may change', async () => {
    expect(await pins('serve')).toBe('{}');
  });
});

// ---

/** What a page kept that didn't know yet what its files must be: all under their names, whatever the host had. */
async function visitEarlier(built: Release, found: Release): Promise<void> {
  deploy(found);
  await load(built);
  const store = createFileStore(database);
  const base = `${server.url}/models/hearth/`;
  await readAll(httpSource(base, { name: 'hearth', revision: __SHIPPED_REVISION__, store }));
  asked();
}

async function pins(command: 'build' | 'serve'): Promise<string> {
  const { define } = await (config as (env: object) => { define: Record<string, string> })({ command, mode: 'x' });
  return define['__SHIPPED_FILES__'];
}
