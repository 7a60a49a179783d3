import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { cacheKey, type KeyPart } from '../../src/store/cache-key.ts';
import { type Database, memoryDatabase, MIGRATIONS, openDatabase } from '../../src/store/database.ts';
import { asCache, withFallback } from '../../src/store/fallback.ts';
import { deleteRecord, getRecord, listKeys, putRecord, type RecordKind } from '../../src/store/keep.ts';
import { expectFault } from '../support/faults.ts';

interface Sums {
  readonly width: number;
  readonly lower: Float32Array;
}

const SUMS: RecordKind<Sums> = { name: 'sums', version: 1 };
const sums = (width: number): Sums => ({ width, lower: Float32Array.from({ length: width }, (_, i) => i / 3) });

let names = 0;
const fresh = () => openDatabase(`test-${names++}`);

describe.each<[string, () => Promise<Database>]>([
  ['IndexedDB', fresh],
  ['memory', () => Promise.resolve(memoryDatabase())],
  ['IndexedDB, with memory behind it', async () => withFallback(await fresh(), () => expect.unreachable())],
])('records in %s', (_, open) => {
  test('come back as they went, typed arrays included', async () => {
    const database = await open();
    await putRecord(database, SUMS, 'a', sums(3));
    expect(await getRecord(database, SUMS, 'a')).toEqual(sums(3));
    expect(await getRecord(database, SUMS, 'b')).toBeUndefined();
    database.close();
  });

  test('replace each other under one key', async () => {
    const database = await open();
    for (const width of [1, 2]) await putRecord(database, SUMS, 'a', sums(width));
    expect(await getRecord(database, SUMS, 'a')).toEqual(sums(2));
    database.close();
  });

  test('are copies', async () => {
    const database = await open();
    const value = sums(2);
    await putRecord(database, SUMS, 'a', value);
    value.lower[0] = 7;
    expect(await getRecord(database, SUMS, 'a')).toEqual(sums(2));
    database.close();
  });

  test('are listed and forgotten one by one, each kind apart', async () => {
    const database = await open();
    const other: RecordKind<number> = { name: 'sums-other', version: 1 };
    for (const key of ['b', 'a', 'ab']) await putRecord(database, SUMS, key, sums(1));
    await putRecord(database, other, 'a', 5);
    await deleteRecord(database, SUMS, 'a');
    await deleteRecord(database, SUMS, 'never there');
    expect(await listKeys(database, SUMS)).toEqual(['ab', 'b']);
    expect(await listKeys(database, other)).toEqual(['a']);
    database.close();
  });

  test('of an older version are gone, unless their kind can renew them', async () => {
    const database = await open();
    await putRecord(database, SUMS, 'a', sums(2));
    const next: RecordKind<{ d: number }> = { name: 'sums', version: 2 };
    expect(await getRecord(database, next, 'a')).toBeUndefined();
    const upgrade = (old: unknown) => ({ d: (old as Sums).width });
    expect(await getRecord(database, { ...next, upgrade }, 'a')).toEqual({ d: 2 });
    database.close();
  });

  test('that can’t be copied are a bug of the caller', async () => {
    const database = await open();
    const kind: RecordKind<() => void> = { name: 'functions', version: 1 };
    await expectFault(() => putRecord(database, kind, 'a', () => undefined), 'internal');
    database.close();
  });
});

describe('the database', () => {
  test('outlives a visit', async () => {
    const first = await openDatabase('visits');
    expect(await putRecord(first, SUMS, 'a', sums(3))).toBe(true);
    first.close();
    const second = await openDatabase('visits');
    expect(await getRecord(second, SUMS, 'a')).toEqual(sums(3));
    second.close();
  });

  test('of an older version is brought up to date, with what is in it', async () => {
    const first = await openDatabase('migrated', MIGRATIONS);
    await putRecord(first, SUMS, 'a', sums(3));
    first.close();
    const ran: number[] = [];
    const added = [2, 3].map((version) => () => void ran.push(version));
    const second = await openDatabase('migrated', [...MIGRATIONS, ...added]);
    expect(ran).toEqual([2, 3]);
    expect(await getRecord(second, SUMS, 'a')).toEqual(sums(3));
    second.close();
  });

  test('of a newer version is left alone', async () => {
    const later = await openDatabase('from the future', [...MIGRATIONS, () => undefined]);
    later.close();
    await expectFault(() => openDatabase('from the future'), 'quota', 'reload the page to get its newer version');
  });

  test('gives way to a newer version in another tab, and says so from then on', async () => {
    const told: string[] = [];
    const older = await openDatabase('two tabs', MIGRATIONS, { onGone: ({ found }) => told.push(found) });
    const newer = await openDatabase('two tabs', [...MIGRATIONS, () => undefined]);
    expect(told).toEqual(['the store now belongs to a newer version of this page']);
    expect(await putRecord(newer, SUMS, 'a', sums(1))).toBe(true);
    await expectFault(() => putRecord(older, SUMS, 'a', sums(2)), 'quota', ...told, 'reload the page');
    newer.close();
  });

  test('waits for an older version in another tab that doesn’t give way, and says so', async () => {
    const older = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('held', 1);
      request.onsuccess = () => resolve(request.result);
    });
    let blocked = 0;
    const newer = await openDatabase('held', [() => undefined, () => undefined], {
      onBlocked: () => {
        blocked += 1;
        older.close();
      },
    });
    expect(blocked).toBe(1);
    newer.close();
  });

  test.each([
    ['QuotaExceededError', 'the browser gives this page no more room'],
    ['SecurityError', 'this browser stores nothing for this page'],
    ['UnknownError', 'the browser’s store refuses (UnknownError: the disk)'],
  ])('that is refused with %s says so in plain words', async (name, found) => {
    const { open } = IDBFactory.prototype;
    IDBFactory.prototype.open = () => {
      throw new DOMException('the disk', name);
    };
    await expectFault(() => openDatabase('refused'), 'quota', found).finally(() => (IDBFactory.prototype.open = open));
  });

  test('two tabs see one another’s records', async () => {
    const [one, two] = [await openDatabase('shared'), await openDatabase('shared')];
    await Promise.all([putRecord(one, SUMS, 'a', sums(1)), putRecord(two, SUMS, 'b', sums(2))]);
    expect(await listKeys(one, SUMS)).toEqual(['a', 'b']);
    one.close();
    two.close();
  });
});

describe('a full disk', () => {
  /** A database that refuses, as a browser does when the disk is full. */
  async function full(accepts: number): Promise<Database> {
    const database = await fresh();
    let left = accepts;
    const refusal = new EditorError('quota', 'store', 'the browser gives this page no more room', 'free some');
    return { ...database, put: (...row) => (left-- > 0 ? database.put(...row) : Promise.reject(refusal)) };
  }

  test('is an error', async () => {
    const database = await full(0);
    await expectFault(() => putRecord(database, SUMS, 'a', sums(1)), 'quota');
  });

  test('is told once, and memory serves from then on', async () => {
    const told: EditorError[] = [];
    const database = withFallback(await full(1), (refusal) => told.push(refusal));
    expect(await putRecord(database, SUMS, 'a', sums(1))).toBe(true);
    expect(await putRecord(database, SUMS, 'b', sums(2))).toBe(false);
    expect(await putRecord(database, SUMS, 'a', sums(3))).toBe(false);
    expect(told.map(({ code }) => code)).toEqual(['quota']);
    expect(await getRecord(database, SUMS, 'a')).toEqual(sums(3));
    expect(await listKeys(database, SUMS)).toEqual(['a', 'b']);
    await deleteRecord(database, SUMS, 'a');
    expect(await getRecord(database, SUMS, 'a')).toBeUndefined();
    database.close();
  });
});

describe('a store that a newer version of this page has taken over', () => {
  /** One that had two records, with memory behind it. */
  async function gone() {
    const name = `gone-${names++}`;
    const opened = await openDatabase(name);
    for (const key of ['a', 'b']) await putRecord(opened, SUMS, key, sums(1));
    const told: EditorError[] = [];
    const database = withFallback(opened, (refusal) => told.push(refusal));
    (await openDatabase(name, [...MIGRATIONS, () => undefined])).close();
    return { database, told };
  }

  test('says so, rather than that there is nothing', async () => {
    const { database } = await gone();
    await expectFault(() => getRecord(database, SUMS, 'a'), 'quota', 'now belongs to a newer version');
    await expectFault(() => listKeys(database, SUMS), 'quota');
  });

  test('lets go of a record for as long as the page runs', async () => {
    const { database, told } = await gone();
    await deleteRecord(database, SUMS, 'a');
    expect(told.map(({ code }) => code)).toEqual(['quota']);
    expect(await getRecord(database, SUMS, 'a')).toBeUndefined();
    await putRecord(database, SUMS, 'a', sums(2));
    expect(await getRecord(database, SUMS, 'a')).toEqual(sums(2));
  });

  test('has nothing of what can be made again, but for what was made since', async () => {
    const { database } = await gone();
    const cache = asCache(database);
    await putRecord(cache, SUMS, 'b', sums(2));
    expect([await getRecord(cache, SUMS, 'a'), await getRecord(cache, SUMS, 'b')]).toEqual([undefined, sums(2)]);
    expect(await listKeys(cache, SUMS)).toEqual([]);
    await expectFault(() => cache.get('chunks', 'a'), 'quota');
  });
});

test('a record that can’t be deleted isn’t listed, until there is one again', async () => {
  const opened = await fresh();
  const refusal = new EditorError('quota', 'delete', 'the browser’s store refuses', 'go on');
  const database = withFallback({ ...opened, delete: () => Promise.reject(refusal) }, () => undefined);
  for (const key of ['a', 'b']) await putRecord(database, SUMS, key, sums(1));
  await deleteRecord(database, SUMS, 'a');
  expect(await listKeys(database, SUMS)).toEqual(['b']);
  await putRecord(database, SUMS, 'a', sums(2));
  expect(await listKeys(database, SUMS)).toEqual(['a', 'b']);
  database.close();
});

describe('a cache key', () => {
  const inputs = { model: 'abc', site: 'mlp.3', corpus: ['x', 2], tokens: 1000, options: { ridge: 1e-4, seed: null } };

  test('can be read', () => {
    expect(cacheKey(inputs)).toMatchInlineSnapshot(
      `"{"code":1,"corpus":["x",2],"model":"abc","options":{"ridge":0.0001,"seed":null},"site":"mlp.3","tokens":1000}"`,
    );
  });

  test('is the same in any order of the fields, and without undefined ones', () => {
    const { model, ...rest } = inputs;
    expect(cacheKey({ ...rest, extra: undefined, model })).toBe(cacheKey(inputs));
  });

  test.each<[string, Record<string, KeyPart>]>([
    ['the model', { model: 'abd' }],
    ['a text', { site: 'mlp.4' }],
    ['a number', { tokens: 1001 }],
    ['the order of a list', { corpus: [2, 'x'] }],
    ['a type', { corpus: ['x', '2'] }],
    ['something deep inside', { options: { ridge: 1e-5, seed: null } }],
    ['a field more', { more: false }],
  ])('changes with %s', (_, change) => {
    expect(cacheKey({ ...inputs, ...change })).not.toBe(cacheKey(inputs));
  });

  test('differs wherever its inputs differ', () => {
    const part = fc.letrec<{ part: KeyPart }>((tie) => ({
      part: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('part')),
        fc.dictionary(fc.string(), tie('part')),
      ),
    })).part;
    fc.assert(
      fc.property(part, part, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
        expect(cacheKey({ model: 'm', a }) === cacheKey({ model: 'm', a: b })).toBe(same);
      }),
    );
  });

  test('is not made of NaN', () => expectFault(() => cacheKey({ model: 'm', ridge: NaN }), 'internal', 'NaN'));
});

// ---

/** The same with all fields in order, and never a list where there was none. */
function sorted(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(sorted);
  if (typeof part !== 'object' || part === null) return part;
  const fields = Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1));
  return { fields: fields.map(([name, value]) => [name, sorted(value)]) };
}
