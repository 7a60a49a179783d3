import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { makeRandom } from '../../src/base/random.ts';
import { memoryFile } from '../../src/store/byte-file.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { withFallback } from '../../src/store/fallback.ts';
import { createFileStore, persistStorage, storageEstimate } from '../../src/store/files.ts';
import { CHUNK_BYTES, combineHashes, fingerprint, sha256 } from '../../src/store/hash.ts';
import { expectFault } from '../support/faults.ts';

const CHUNK = 100;
const FILE = randomBytes(4 * CHUNK + 30);

let names = 0;
const fresh = () => openDatabase(`files-${names++}`);

/** Stores a file in pieces of 70 bytes; `until` stops before the end, as a closed tab does. */
async function bring(database: Database, bytes = FILE, until = bytes.length, total: number | null = bytes.length) {
  const writer = await createFileStore(database, CHUNK).write('m');
  if (writer.received === 0) await writer.restart({ bytes: total, etag: '"1"' });
  const start = writer.received;
  for (let at = start; at < until; at += 70) await writer.append(bytes.slice(at, Math.min(at + 70, until)));
  return { start, writer };
}

describe('a file in the store', () => {
  test.each([
    ['of several chunks', FILE],
    ['of whole chunks', FILE.slice(0, 3 * CHUNK)],
    ['of one chunk', FILE.slice(0, CHUNK)],
    ['of less', FILE.slice(0, 7)],
    ['of nothing', FILE.slice(0, 0)],
  ])('%s comes back, all of it and every part', async (_, bytes) => {
    for (const total of [bytes.length, null]) {
      const database = await fresh();
      const { writer } = await bring(database, bytes, bytes.length, total);
      const file = await writer.finish();
      expect(file).toMatchObject({ size: bytes.length, kept: true, name: 'm' });
      const reopened = await createFileStore(database, CHUNK).open('m');
      for (const each of [file, reopened]) {
        expect(await each?.read(0, bytes.length)).toEqual(bytes);
        for (const [start, end] of [
          [0, 5],
          [95, 105],
          [100, 200],
          [50, 350],
          [430, 430],
          [0, 0],
        ]) {
          if (end <= bytes.length) expect(await each?.read(start, end)).toEqual(bytes.slice(start, end));
        }
      }
      database.close();
    }
  });

  test('is not there before it is finished', async () => {
    const database = await fresh();
    const { writer } = await bring(database);
    expect(await createFileStore(database, CHUNK).open('m')).toBeUndefined();
    await writer.finish();
    expect(await createFileStore(database, CHUNK).open('m')).toBeDefined();
    database.close();
  });

  test('goes on after a cut, from the last whole chunk', async () => {
    const database = await fresh();
    await bring(database, FILE, 333);
    const { start, writer } = await bring(database);
    expect(start).toBe(300);
    expect(writer.etag).toBe('"1"');
    expect(await (await writer.finish()).read(0, FILE.length)).toEqual(FILE);
    database.close();
  });

  test('goes on before a chunk that was damaged meanwhile', async () => {
    const database = await fresh();
    await bring(database, FILE, 333);
    await damage(database, 1);
    const { start, writer } = await bring(database);
    expect(start).toBe(100);
    expect(await (await writer.finish()).read(0, FILE.length)).toEqual(FILE);
    database.close();
  });

  test('cut before its manifest lacks nothing but that', async () => {
    const database = await fresh();
    await bring(database);
    const { start, writer } = await bring(database);
    expect(start).toBe(FILE.length);
    expect(await (await writer.finish()).read(0, FILE.length)).toEqual(FILE);
    database.close();
  });

  test('that is begun anew forgets the old chunks', async () => {
    const database = await fresh();
    await bring(database, FILE, 333);
    const { writer } = await bring(database, FILE, 0);
    await writer.restart({ bytes: 50, etag: '"2"' });
    await writer.append(FILE.slice(0, 50));
    await writer.finish();
    expect(await database.keys('chunks', '')).toHaveLength(1);
    database.close();
  });

  test('is removed, and its neighbors stay', async () => {
    const database = await fresh();
    const store = createFileStore(database, CHUNK);
    for (const key of ['a', 'a/b', 'ab']) {
      const writer = await store.write(key);
      await writer.restart({ bytes: 150, etag: null });
      await writer.append(FILE.slice(0, 150));
      await writer.finish();
    }
    await store.remove('a');
    expect((await store.list()).map(({ key }) => key)).toEqual(['a/b', 'ab']);
    expect(await (await store.open('ab'))?.read(0, 150)).toEqual(FILE.slice(0, 150));
    expect(await database.keys('chunks', '')).toHaveLength(4);
    database.close();
  });

  test('takes no more bytes than are due', async () => {
    const database = await fresh();
    const { writer } = await bring(database);
    await expectFault(() => writer.append(new Uint8Array(1)), 'hash-mismatch', 'more than its 430 bytes came');
    database.close();
  });

  test('can’t be read beyond its end, nor finished before it', async () => {
    const database = await fresh();
    await expectFault(async () => (await bring(database, FILE, 333)).writer.finish(), 'internal', '333 of 430 bytes');
    const file = await (await bring(database)).writer.finish();
    await expectFault(() => file.read(400, 431), 'internal', 'bytes 400 to 431 of 430');
    database.close();
  });
});

describe('a chunk damaged on the disk', () => {
  test.each([
    ['damaged', damage],
    ['gone', (database: Database, index: number) => database.delete('chunks', chunkKey(index))],
  ])('or %s is fetched again alone', async (_, harm) => {
    const database = await fresh();
    await (await bring(database)).writer.finish();
    await harm(database, 2);
    const fetched: number[][] = [];
    const refetch = (start: number, end: number) => {
      fetched.push([start, end]);
      return Promise.resolve(FILE.slice(start, end));
    };
    const file = await createFileStore(database, CHUNK).open('m', refetch);
    expect(await file?.read(0, FILE.length)).toEqual(FILE);
    expect(fetched).toEqual([[200, 300]]);
    // It was mended for good.
    expect(await (await createFileStore(database, CHUNK).open('m'))?.read(0, FILE.length)).toEqual(FILE);
    database.close();
  });

  test('is an error where it can’t be had again', async () => {
    const database = await fresh();
    await (await bring(database)).writer.finish();
    await damage(database, 4);
    const file = await createFileStore(database, CHUNK).open('m');
    expect(await file?.read(0, 400)).toEqual(FILE.slice(0, 400));
    await expectFault(async () => file?.read(390, 410), 'hash-mismatch', 'part 4 is damaged');
    const worse = await createFileStore(database, CHUNK).open('m', () => Promise.resolve(FILE.slice(0, 30)));
    await expectFault(async () => worse?.read(400, 410), 'hash-mismatch', 'came in its place');
    database.close();
  });

  test('that is gone makes the file incomplete where it can’t be had again', async () => {
    const database = await fresh();
    await (await bring(database)).writer.finish();
    await database.delete('chunks', chunkKey(2));
    expect(await createFileStore(database, CHUNK).open('m')).toBeUndefined();
    const { start, writer } = await bring(database);
    expect(start).toBe(200);
    expect(await (await writer.finish()).read(0, FILE.length)).toEqual(FILE);
    database.close();
  });
});

test('a full disk: the file is there for this session, and the next one goes on with what was kept', async () => {
  const database = await fresh();
  let room = 3;
  const full: Database = {
    ...database,
    put: (table, ...row) =>
      table === 'manifests' || room-- > 0
        ? database.put(table, ...row)
        : Promise.reject(new EditorError('quota', 'store', 'no room', 'free some')),
  };
  const told: string[] = [];
  const patient = withFallback(full, ({ code }) => told.push(code));
  const file = await (await bring(patient)).writer.finish();
  expect(file.kept).toBe(false);
  expect(await file.read(0, FILE.length)).toEqual(FILE);
  expect(told).toEqual(['quota']);

  expect(await createFileStore(database, CHUNK).open('m')).toBeUndefined();
  expect((await bring(database)).start).toBe(300);
  database.close();
});

describe('a fingerprint', () => {
  test('is the same in the store, in memory and by hand', async () => {
    const bytes = new Uint8Array(CHUNK_BYTES + 5).fill(7);
    const database = await fresh();
    const writer = await createFileStore(database).write('big');
    await writer.restart({ bytes: bytes.length, etag: null });
    await writer.append(bytes);
    const stored = await writer.finish();
    const byHand = await combineHashes([await sha256(bytes.slice(0, CHUNK_BYTES)), await sha256(bytes.slice(-5))]);
    expect(await fingerprint(memoryFile('big', bytes))).toBe(byHand);
    expect(await fingerprint(stored)).toBe(byHand);
    database.close();
  });

  test('differs with one bit', async () => {
    const changed = FILE.slice();
    changed[5] ^= 1;
    expect(await fingerprint(memoryFile('m', changed))).not.toBe(await fingerprint(memoryFile('m', FILE)));
  });

  test('SHA-256 of the standard’s example', async () => {
    expect(await sha256(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  test('stops when told', () =>
    expectFault(() => fingerprint(memoryFile('m', FILE), { signal: AbortSignal.abort() }), 'aborted'));
});

test('room is told only where the browser tells it', async () => {
  expect(await storageEstimate()).toBeNull();
  expect(await persistStorage()).toBe(false);
});

// ---

function chunkKey(index: number): string {
  return `m\n00000${index}`;
}

/** Turns one bit over, as a bad disk does. */
async function damage(database: Database, index: number): Promise<void> {
  const chunk = await database.get('chunks', chunkKey(index));
  if (!chunk) throw new Error('no such chunk');
  const bytes = chunk.bytes.slice();
  bytes[9] ^= 1;
  await database.put('chunks', chunkKey(index), { ...chunk, bytes });
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const random = makeRandom(1);
  return Uint8Array.from({ length }, () => 256 * random());
}
