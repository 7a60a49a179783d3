import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeRandom } from '../../src/base/random.ts';
import type { Progress } from '../../src/base/tasks.ts';
import { memoryDatabase } from '../../src/store/database.ts';
import { download, downloadBytes, type DownloadOptions, downloadRange } from '../../src/store/download.ts';
import { createFileStore, type Expected } from '../../src/store/files.ts';
import { sha256 } from '../../src/store/hash.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { type Behavior, type FileServer, startFileServer } from '../support/file-server.ts';

const CHUNK = 1 << 16;
const SIZE = 5 * CHUNK + 777;
const FILE = randomBytes(SIZE, 1);
const OTHER = randomBytes(SIZE + 5, 2);
const PAGE = '<!DOCTYPE html><html><body>Not found</body></html>';

const files = new Map([['model.safetensors', FILE]]);
let server: FileServer;
beforeAll(async () => {
  server = await startFileServer(files);
});
afterAll(() => server.close());
afterEach(() => {
  server.asked.length = 0;
  server.behaviors.length = 0;
  files.set('model.safetensors', FILE);
});

const NAME = 'model.safetensors';
const quick: DownloadOptions = { name: NAME, pauses: [1, 1, 1] };
const url = () => `${server.url}/${NAME}`;

describe('a download', () => {
  test('is the file, and reports every byte', async () => {
    const reports: Progress[] = [];
    const bytes = await downloadBytes(url(), { ...quick, progress: (report) => reports.push(report) });
    expectSame(bytes, FILE);
    expect(reports.at(-1)).toEqual({
      stage: 'download',
      done: SIZE,
      total: SIZE,
      unit: 'bytes',
      detail: { file: NAME },
    });
    expect(reports.map(({ done }) => done)).toEqual(reports.map(({ done }) => done).sort((a, b) => a - b));
    expect(server.asked).toEqual([`${NAME} bytes=0-`]);
  });

  test('of nothing is nothing', async () => {
    files.set('empty', new Uint8Array(0));
    expect(await downloadBytes(`${server.url}/empty`, quick)).toEqual(new Uint8Array(0));
  });

  test.each<[string, Behavior]>([
    ['that does no ranges', { noRange: true }],
    ['that tells no length', { mute: true, noRange: true }],
  ])('comes from a server %s', async (_, behavior) => {
    server.behaviors.push(behavior);
    expectSame(await downloadBytes(url(), quick), FILE);
  });

  test('cut at 37 % goes on from there', async () => {
    const taken = Math.floor(0.37 * SIZE);
    const { progress, reached } = watchFor(taken);
    server.behaviors.push({ cutAt: 0.37, cutAfter: reached });
    expectSame(await downloadBytes(url(), { ...quick, progress }), FILE);
    expect(server.asked).toEqual([`${NAME} bytes=0-`, `${NAME} bytes=${taken}-`]);
  });

  test('cut again and again goes on as long as something new comes', async () => {
    // Nine cuts, each when half of what was left has come.
    const cuts = Array.from({ length: 9 }, (_, i) => watchFor(Math.floor(SIZE * (1 - 0.5 ** (i + 1))) - i));
    server.behaviors.push(...cuts.map(({ reached }) => ({ cutAt: 0.5, cutAfter: reached })));
    const progress = (report: Progress) => cuts.forEach((cut) => cut.progress(report));
    expectSame(await downloadBytes(url(), { ...quick, pauses: [1], progress }), FILE);
    expect(server.asked).toHaveLength(10);
  });

  test('cut by a server without ranges begins anew, and not for ever', async () => {
    server.behaviors.push({ cutAt: 0.37, noRange: true }, { noRange: true });
    expectSame(await downloadBytes(url(), quick), FILE);
    server.behaviors.push(...Array.from({ length: 40 }, () => ({ cutAt: 0.37, noRange: true })));
    await expectFault(() => downloadBytes(url(), quick), 'network', `download ${NAME}`);
    expect(server.behaviors.length).toBeGreaterThan(0);
  });

  test('begins anew when the file has changed', async () => {
    const two = { etag: '"two"', file: OTHER };
    const { progress, reached } = watchFor(CHUNK);
    server.behaviors.push({ cutAt: 0.5, cutAfter: reached }, two, two);
    expectSame(await downloadBytes(url(), { ...quick, progress }), OTHER);
    expect(server.asked[2]).toBe(`${NAME} bytes=0-`);
  });

  test('outlives a server that is down for a while, and one that stalls', async () => {
    server.behaviors.push({ status: 503, headers: { 'Retry-After': '0' } }, { status: 429 }, { stall: true });
    expectSame(await downloadBytes(url(), { ...quick, pauses: Array<number>(20).fill(1), patience: 200 }), FILE);
  });

  test.each<[string, Behavior[], Parameters<typeof expectFault>[1], string]>([
    ['a missing file', [{ status: 404 }], 'missing-file', 'answered 404'],
    ['a refusal', [{ status: 403 }], 'network', 'answered 403'],
    ['a server that stays down', [500, 500, 500, 500].map((status) => ({ status })), 'network', 'answered 500'],
    [
      'a page, by its type',
      [{ body: PAGE, headers: { 'Content-Type': 'text/html; charset=utf-8' } }],
      'missing-file',
      'a web page',
    ],
    ['a page, by its look', [{ body: `\n ${PAGE}` }], 'missing-file', 'a web page'],
  ])('refuses %s', async (_, behaviors, code, text) => {
    server.behaviors.push(...behaviors);
    await expectFault(() => downloadBytes(url(), quick), code, text);
    expect(server.behaviors).toEqual([]);
  });

  test('from nowhere is a network error', () =>
    expectFault(() => downloadBytes('http://127.0.0.1:9/model', quick), 'network', 'check the connection'));

  test('stops when told, between bytes and between attempts', async () => {
    const before = AbortSignal.abort();
    await expectFault(() => downloadBytes(url(), { ...quick, signal: before }), 'aborted');
    expect(server.asked).toEqual([]);

    server.behaviors.push({ stall: true });
    const during = new AbortController();
    const waiting = faultOf(() => downloadBytes(url(), { ...quick, signal: during.signal }));
    await expect.poll(() => server.asked.length).toBe(1);
    during.abort();
    expect((await waiting).code).toBe('aborted');

    server.behaviors.push({ status: 500 });
    const between = new AbortController();
    const pausing = faultOf(() => downloadBytes(url(), { ...quick, pauses: [1e9], signal: between.signal }));
    await expect.poll(() => server.asked.length).toBe(2);
    between.abort();
    expect((await pausing).code).toBe('aborted');
  });
});

describe('a part of a file', () => {
  test.each<[string, Behavior[]]>([
    ['from a good server', []],
    ['from a server without ranges', [{ noRange: true }]],
    ['after a cut', [{ cutAt: 0.5 }]],
    ['after a cut, without ranges', [{ cutAt: 0.5, noRange: true }, { noRange: true }]],
  ])('%s', async (_, behaviors) => {
    server.behaviors.push(...behaviors);
    const bytes = await downloadRange(url(), 2 * CHUNK, 3 * CHUNK + 5, quick);
    expectSame(bytes, FILE.slice(2 * CHUNK, 3 * CHUNK + 5));
  });

  test('that the file lacks is an error', () =>
    expectFault(() => downloadRange(url(), SIZE - 5, SIZE + 5, quick), 'network'));
});

describe('a download into the store', () => {
  async function expected(bytes: Uint8Array<ArrayBuffer>): Promise<Expected> {
    const chunks: string[] = [];
    for (let at = 0; at < bytes.length; at += CHUNK) chunks.push(await sha256(bytes.slice(at, at + CHUNK)));
    return { bytes: bytes.length, chunks };
  }

  async function bring(database = memoryDatabase(), due?: Expected, options: DownloadOptions = quick) {
    const writer = await createFileStore(database, CHUNK).write('m', due);
    await download(url(), writer, options);
    return writer.finish();
  }

  test('is the file', async () => {
    const file = await bring();
    expectSame(await file.read(0, file.size), FILE);
  });

  test('cut for good goes on next time from the last whole part', async () => {
    const database = memoryDatabase();
    const { progress, reached } = watchFor(2 * CHUNK);
    server.behaviors.push({ cutAt: 0.5, cutAfter: reached });
    await expectFault(() => bring(database, undefined, { ...quick, pauses: [], progress }), 'network');
    server.asked.length = 0;
    const file = await bring(database);
    expect(server.asked).toEqual([`${NAME} bytes=${2 * CHUNK}-`]);
    expectSame(await file.read(0, file.size), FILE);
  });

  test('that was complete asks for nothing', async () => {
    const database = memoryDatabase();
    await bring(database);
    server.asked.length = 0;
    await bring(database);
    expect(server.asked).toEqual([]);
  });

  test('mends damage on the way, and ends when it stays', async () => {
    const damaged = FILE.slice();
    damaged[3 * CHUNK + 9] ^= 1;
    const due = await expected(FILE);
    server.behaviors.push({ file: damaged });
    const file = await bring(memoryDatabase(), due);
    expectSame(await file.read(0, file.size), FILE);

    files.set(NAME, damaged);
    server.asked.length = 0;
    await expectFault(() => bring(memoryDatabase(), due), 'hash-mismatch', 'part 3 is damaged');
    expect(server.asked.slice(1)).toEqual(Array(3).fill(`${NAME} bytes=${3 * CHUNK}-`));
  });

  test.each([
    ['shorter', FILE.slice(0, -1)],
    ['longer', OTHER],
  ])('of a %s file than due is refused', async (_, bytes) => {
    files.set(NAME, bytes);
    const due = await expected(FILE);
    await expectFault(() => bring(memoryDatabase(), due), 'hash-mismatch', `${bytes.length} bytes`, `${SIZE} are due`);
    server.behaviors.push(...Array.from({ length: 4 }, () => ({ mute: true, noRange: true })));
    const fault = await faultOf(() => bring(memoryDatabase(), due));
    expect(['hash-mismatch', 'network']).toContain(fault.code);
  });

  test('stops when told and keeps the whole parts', async () => {
    const database = memoryDatabase();
    const stop = new AbortController();
    const { progress, reached } = watchFor(2 * CHUNK);
    // The server holds the rest back for as long as the test runs.
    server.behaviors.push({ cutAt: 0.5, cutAfter: new Promise(() => undefined) });
    const running = faultOf(() => bring(database, undefined, { ...quick, progress, signal: stop.signal }));
    await reached;
    stop.abort();
    expect((await running).code).toBe('aborted');
    const writer = await createFileStore(database, CHUNK).write('m');
    expect(writer.received).toBe(2 * CHUNK);
  });
});

// ---

/** A promise that is kept once so many bytes have come. */
function watchFor(bytes: number): { progress: (report: Progress) => void; reached: Promise<void> } {
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  return { progress: ({ done }) => done >= bytes && reach(), reached };
}

/** Byte for byte; a matcher would take seconds. */
function expectSame(bytes: Uint8Array, due: Uint8Array): void {
  expect({ length: bytes.length, same: Buffer.compare(bytes, due) === 0 }).toEqual({ length: due.length, same: true });
}

function randomBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = makeRandom(seed);
  return Uint8Array.from({ length }, () => 256 * random());
}
