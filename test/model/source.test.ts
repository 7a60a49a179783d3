import 'fake-indexeddb/auto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { httpSource, type HttpSourceOptions, ifThere, memorySource } from '../../src/model/source.ts';
import { type Database, memoryDatabase, openDatabase } from '../../src/store/database.ts';
import { createFileStore, type Expected } from '../../src/store/files.ts';
import { fingerprint, sha256 } from '../../src/store/hash.ts';
import { expectFault } from '../support/faults.ts';
import { type FileServer, startFileServer } from '../support/file-server.ts';

const CONFIG = text('{"model_type":"gpt2"}');
const WEIGHTS = Uint8Array.from({ length: 1000 }, (_, i) => i);

describe('files in memory', () => {
  const source = memorySource(
    'mine',
    new Map([
      ['config.json', CONFIG],
      ['broken.json', text('{')],
    ]),
  );

  test('are read, whole and in parts', async () => {
    expect(await source.readJson('config.json')).toEqual({ model_type: 'gpt2' });
    expect(await (await source.open('config.json')).read(2, 7)).toEqual(CONFIG.slice(2, 7));
  });

  test('that are missing or no JSON are told', async () => {
    await expectFault(() => source.open('x'), 'missing-file', 'cannot open mine: it has no x');
    await expectFault(() => source.readJson('broken.json'), 'invalid-checkpoint', '1 bytes that are not JSON');
  });

  test('may be optional', async () => {
    expect(await ifThere(source.readJson('x'))).toBeUndefined();
    expect(await ifThere(source.readJson('config.json'))).toBeDefined();
    await expectFault(() => ifThere(source.readJson('broken.json')), 'invalid-checkpoint');
  });
});

describe('a folder on a server', () => {
  const files = new Map<string, Uint8Array>();
  let server: FileServer;
  beforeAll(async () => {
    server = await startFileServer(files);
  });
  afterAll(() => server.close());
  afterEach(() => {
    server.asked.length = 0;
    server.behaviors.length = 0;
  });

  /** As after opening the page: nothing is remembered but what the database holds. */
  function visit(database: Database, options: Partial<HttpSourceOptions> = {}) {
    files.set('models/m/config.json', CONFIG).set('models/m/model.safetensors', WEIGHTS);
    const store = createFileStore(database, 300);
    return httpSource(`${server.url}/models/m/`, { name: 'm', revision: '1', store, pauses: [1], ...options });
  }

  test('is asked once for a file, by however many', async () => {
    const source = visit(memoryDatabase());
    const opened = await Promise.all([1, 2].map(() => source.open('model.safetensors')));
    for (const file of opened) expect(await file.read(0, 1000)).toEqual(WEIGHTS);
    expect(await source.readJson('config.json')).toEqual({ model_type: 'gpt2' });
    expect(server.asked).toEqual(['models/m/model.safetensors bytes=0-', 'models/m/config.json bytes=0-']);
    expect(source).toMatchObject({ name: 'm', revision: '1' });
  });

  test('is not asked at all on the second visit', async () => {
    const database = await openDatabase('second visit');
    await (await visit(database).open('model.safetensors')).read(0, 1);
    server.asked.length = 0;
    const file = await visit(database).open('model.safetensors');
    expect(await file.read(0, 1000)).toEqual(WEIGHTS);
    expect(server.asked).toEqual([]);
    database.close();
  });

  test('is asked for a damaged part alone', async () => {
    const database = await openDatabase('damaged part');
    await visit(database).open('model.safetensors');
    server.asked.length = 0;
    const [, second] = await database.keys('chunks', '');
    const chunk = await database.get('chunks', second);
    if (chunk) await database.put('chunks', second, { ...chunk, bytes: new Uint8Array(300) });
    const file = await visit(database).open('model.safetensors');
    expect(await file.read(0, 1000)).toEqual(WEIGHTS);
    expect(server.asked).toEqual(['models/m/model.safetensors bytes=300-599']);
    database.close();
  });

  test('stops when told while a damaged part comes', async () => {
    const database = await openDatabase('damaged part, stopped');
    await visit(database).open('model.safetensors');
    await database.delete('chunks', (await database.keys('chunks', ''))[1]);
    server.asked.length = 0;
    server.behaviors.push({ stall: true });
    const stop = new AbortController();
    const file = await visit(database).open('model.safetensors', { signal: stop.signal });
    const read = expectFault(() => file.read(0, 1000), 'aborted');
    await expect.poll(() => server.asked.length).toBe(1);
    stop.abort();
    await read;
    database.close();
  });

  test('is asked again for another revision', async () => {
    const database = await openDatabase('revisions');
    await visit(database).open('config.json');
    await visit(database, { revision: '2' }).open('config.json');
    expect(server.asked).toHaveLength(2);
    database.close();
  });

  test('must have what is expected, and is asked again when another thing is', async () => {
    const due = async (bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, Expected>> => ({
      'config.json': { bytes: bytes.length, chunks: [await sha256(bytes)] },
    });
    const database = await openDatabase('expectations');
    await visit(database, { expected: await due(CONFIG) }).open('config.json');
    await visit(database, { expected: await due(CONFIG) }).open('config.json');
    expect(server.asked).toHaveLength(1);
    const other = text('{"model_type":"GPT2"}');
    await expectFault(async () => visit(database, { expected: await due(other) }).open('config.json'), 'hash-mismatch');
    const source = visit(database, { expected: await due(other) });
    files.set('models/m/config.json', other);
    expect(await source.readJson('config.json')).toEqual({ model_type: 'GPT2' });
    database.close();
  });

  test('is not asked again for what it lacked, once the model was loaded without it', async () => {
    const database = await openDatabase('optional');
    await visit(database).open('config.json');
    const load = async () => {
      const source = visit(database);
      await expectFault(() => source.open('extra.json'), 'missing-file');
      await source.open('model.safetensors');
    };
    await load();
    server.asked.length = 0;
    await load();
    expect(server.asked).toEqual([]);
    expect(await createFileStore(database, 300).list()).toHaveLength(2);
    database.close();
  });

  test('is asked again for what it lacked, when that was the end of it', async () => {
    const database = await openDatabase('not optional');
    await visit(database).open('config.json');
    await new Promise((resolve) => setTimeout(resolve, 5));
    await expectFault(() => visit(database).open('late.safetensors'), 'missing-file');
    files.set('models/m/late.safetensors', WEIGHTS);
    expect(await (await visit(database).open('late.safetensors')).read(0, 1000)).toEqual(WEIGHTS);
    database.close();
  });

  test('that lacks a file says so, and a later try may find it', async () => {
    const source = visit(memoryDatabase());
    await expectFault(() => source.open('new.json'), 'missing-file', '404');
    files.set('models/m/new.json', CONFIG);
    expect(await source.readJson('new.json')).toEqual({ model_type: 'gpt2' });
  });

  test('serves names with odd characters', async () => {
    const source = visit(memoryDatabase());
    files.set('models/m/a b#?.json', CONFIG).set('models/m/sub/x.json', CONFIG);
    expect(await source.readJson('a b#?.json')).toEqual({ model_type: 'gpt2' });
    expect(await source.readJson('sub/x.json')).toEqual({ model_type: 'gpt2' });
  });

  test('may do without a store', async () => {
    files.set('models/m/model.safetensors', WEIGHTS);
    const file = await httpSource(`${server.url}/models/m`, { name: 'm' }).open('model.safetensors');
    expect(await file.read(5, 9)).toEqual(WEIGHTS.slice(5, 9));
    const mine = memorySource('mine', new Map([['w', WEIGHTS]]));
    expect(await fingerprint(file)).toBe(await fingerprint(await mine.open('w')));
  });

  test('stops when told', async () => {
    server.behaviors.push({ stall: true });
    const stop = new AbortController();
    const source = visit(memoryDatabase());
    const opened = expectFault(() => source.open('model.safetensors', { signal: stop.signal }), 'aborted');
    await expect.poll(() => server.asked.length).toBe(1);
    stop.abort();
    await opened;
    expect(await (await source.open('model.safetensors')).read(0, 1000)).toEqual(WEIGHTS);
  });
});

// ---

function text(json: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(json);
}
