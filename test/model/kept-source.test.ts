import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { forgetVersion, keptSource, keptVersions } from '../../src/model/kept-source.ts';
import { httpSource } from '../../src/model/source.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createFileStore } from '../../src/store/files.ts';
import { expectFault } from '../support/faults.ts';
import { startFileServer } from '../support/file-server.ts';

const text = (words: string) => new TextEncoder().encode(words);

test('a host that has one version, then another, then is down: both can be read, and one be let go of', async () => {
  const files = new Map<string, Uint8Array>();
  const server = await startFileServer(files);
  const database = await openDatabase('versions');
  const store = createFileStore(database);
  const source = (revision: string) => httpSource(`${server.url}/m/`, { name: 'm', revision, store, pauses: [] });
  const bring = async (revision: string) => {
    for (const file of ['config.json', 'weights']) {
      files.set(`m/${file}`, text(`"${file} ${revision}"`));
      await source(revision).open(file);
    }
  };
  await bring('1');
  expect(await keptVersions(store, 'm')).toMatchObject([{ revision: '1', isWhole: true }]);
  await bring('2');
  server.behaviors.push({ cutAt: 0.5 });
  await expectFault(() => source('3').open('weights'), 'network');
  await server.close();
  await expectFault(() => source('4').open('config.json'), 'network');

  const versions = await keptVersions(store, 'm');
  expect(versions.map(({ revision, isWhole }) => `${revision} ${isWhole}`)).toEqual(['3 false', '2 true', '1 true']);
  expect(await keptVersions(store, 'another')).toEqual([]);
  expect(await keptSource(store, 'm', '1').readJson('config.json')).toBe('config.json 1');
  expect(await keptSource(store, 'm', '2').readJson('weights')).toBe('weights 2');
  await expectFault(
    () => keptSource(store, 'm', '2').open('tokenizer.json'),
    'missing-file',
    'it has no tokenizer.json',
  );
  await expectFault(() => keptSource(store, 'm', '3').open('weights'), 'missing-file');

  await forgetVersion(store, 'm', '1');
  expect((await keptVersions(store, 'm')).map(({ revision }) => revision)).toEqual(['3', '2']);
  expect(await database.keys('chunks', 'm@1/')).toEqual([]);
  database.close();
});
