import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import type { Edit } from '../../src/edit/record.ts';
import { keptVersions } from '../../src/model/kept-source.ts';
import type { Model } from '../../src/model/model.ts';
import { cacheKey } from '../../src/store/cache-key.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createFileStore } from '../../src/store/files.ts';
import { putRecord, listKeys, type RecordKind } from '../../src/store/keep.ts';
import { forgetFollowed, useVersion } from '../../src/worker/versions.ts';

const STATISTICS: RecordKind<number> = { name: 'moment', version: 1 };

let names = 0;

/** A store with three versions, one after the other, each with statistics. */
async function storeOfThree() {
  const database = await openDatabase(`versions ${names++}`);
  const store = createFileStore(database);
  for (const [at, revision] of ['1', '2', '3'].entries()) {
    const writer = await store.write(`hearth@${revision}/config.json`);
    await writer.restart({ bytes: 1, etag: null });
    await writer.append(new Uint8Array(1));
    await writer.finish();
    // They come faster here than a clock can tell.
    const key = `hearth@${revision}/config.json`;
    const manifest = await database.get('manifests', key);
    if (manifest) await database.put('manifests', key, { ...manifest, savedAt: at });
    await putRecord(database, STATISTICS, cacheKey({ model: `hash${revision}`, site: 'mlp.3' }), at);
  }
  const found = async () => {
    const statistics = await listKeys(database, STATISTICS);
    return {
      versions: (await keptVersions(store, 'hearth')).map(({ revision }) => revision),
      statistics: statistics.map((key) => /hash(\d)/.exec(key)?.[1]),
    };
  };
  const studioOf = (revision: string) => ({
    model: { name: 'hearth', revision, hash: `hash${revision}` } as Model,
    database,
    closed: new AbortController().signal,
  });
  return { studioOf, found };
}

const madeOn = (revision: string | null, hash: string): Edit['model'] => ({ name: 'hearth', revision, hash });

test.each<[string, string, Edit['model'][], string[], string[]]>([
  ['no edit', '3', [], ['3'], ['3']],
  ['its own edits', '3', [madeOn('3', 'hash3')], ['3'], ['3']],
  ['an edit on the second', '3', [madeOn('2', 'hash2')], ['3', '2'], ['2', '3']],
  ['an edit that doesn’t tell', '3', [madeOn(null, 'hash1')], ['3', '2', '1'], ['1', '2', '3']],
  ['no edit, and a later version', '2', [], ['3', '2'], ['1', '2', '3']],
])(
  'with %s, version %s lets go of what it has followed and nobody needs',
  async (_, own, edits, versions, statistics) => {
    const { studioOf, found } = await storeOfThree();
    await forgetFollowed(studioOf(own), edits);
    expect(await found()).toEqual({ versions, statistics });
  },
);

test('a version that another tab has open stays', async () => {
  const { studioOf, found } = await storeOfThree();
  const closing = new AbortController();
  await useVersion({ ...studioOf('1'), closed: closing.signal });
  await forgetFollowed(studioOf('3'), []);
  expect(await found()).toEqual({ versions: ['3', '1'], statistics: ['1', '2', '3'] });
  closing.abort();
  await forgetFollowed(studioOf('3'), []);
  expect(await found()).toEqual({ versions: ['3'], statistics: ['3'] });
});
