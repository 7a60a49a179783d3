import { memoize } from '../base/tasks.ts';
import type { ByteFile } from '../store/byte-file.ts';
import type { FileStore } from '../store/files.ts';
import { folderKey, makeSource, missingFile, type ModelSource } from './source.ts';

/** A version of a model of which something lies in the store. */
export interface KeptVersion {
  readonly revision: string;
  /** Whether nothing of it is still on its way. */
  readonly isWhole: boolean;
  /** When its last file came, in milliseconds since 1970. */
  readonly savedAt: number;
}

/** Versions of a model that earlier visits have brought, the latest first. */
export async function keptVersions(store: FileStore, name: string): Promise<KeptVersion[]> {
  const files = (await store.list()).filter(({ key }) => key.startsWith(`${name}@`));
  const revisions = new Set(files.map(({ key }) => key.slice(name.length + 1, key.indexOf('/'))));
  const versions = [...revisions].map((revision) => {
    const manifests = files.flatMap(({ key, manifest }) =>
      key.startsWith(folderKey(name, revision)) ? [manifest] : [],
    );
    const isWhole = manifests.every(({ complete }) => complete);
    return { revision, isWhole, savedAt: Math.max(...manifests.map(({ savedAt }) => savedAt)) };
  });
  return versions.sort((a, b) => b.savedAt - a.savedAt);
}

/** A version as it lies in the store, and nothing else: the network may have another one by now, and isn't asked. */
export function keptSource(store: FileStore, name: string, revision: string): ModelSource {
  const find = memoize(async (file: string): Promise<ByteFile> => {
    const kept = await store.open(folderKey(name, revision) + file);
    if (!kept) throw missingFile(name, file);
    return { ...kept, name: file };
  });
  return makeSource({ name, revision }, find);
}

/** Lets go of a version's files. */
export async function forgetVersion(store: FileStore, name: string, revision: string): Promise<void> {
  for (const { key } of await store.list()) {
    if (key.startsWith(folderKey(name, revision))) await store.remove(key);
  }
}
