import type { Refetch, StoredFile } from '../store/chunks.ts';
import type { Expected, FileStore } from '../store/files.ts';
import { combineHashes } from '../store/hash.ts';

/** Fingerprints of files, by name. */
export type Fingerprints = Readonly<Record<string, string>>;

/** What the keys of a version's files begin with in a file store. */
export function folderKey(name: string, revision = ''): string {
  return `${name}@${revision}/`;
}

/**
 * Where a file is kept. One whose content is known beforehand has it in its key: releases with the same weights have files
 * beside those that differ, and none of them overwrites what another one, in another tab, still reads.
 *
 * @param hash its fingerprint, where it is known
 */
export function fileKey(folder: string, file: string, hash?: string): string {
  return hash === undefined ? folder + file : `${folder}${file}?${shortHash(hash)}`;
}

/** As much of a fingerprint as it takes to tell contents apart. */
export function shortHash(hash: string): string {
  return hash.slice(0, 16);
}

/** Where a file of known content may lie: under its content, or, by an earlier version of the page, under its name alone. */
export function keysOf(folder: string, file: string, hash: string | undefined): string[] {
  return hash === undefined ? [fileKey(folder, file)] : [fileKey(folder, file, hash), fileKey(folder, file)];
}

/** A file that is here, with the content that is due. */
export async function openKept(
  store: FileStore,
  folder: string,
  file: string,
  hash?: string,
  refetch?: Refetch,
): Promise<StoredFile | undefined> {
  for (const key of keysOf(folder, file, hash)) {
    const kept = await store.open(key, refetch);
    if (kept && (hash === undefined || kept.hash === hash)) return { ...kept, name: file };
  }
  return undefined;
}

/** The fingerprints of files that are known by their chunks. */
export async function fingerprintsOf(expected: Readonly<Record<string, Expected>>): Promise<Fingerprints> {
  const known = Object.entries(expected).map(
    async ([file, { chunks }]) => [file, await combineHashes(chunks)] as const,
  );
  return Object.fromEntries(await Promise.all(known));
}

/** The lock that every tab shares while it has a version open. */
export function versionLock(name: string, revision = ''): string {
  return `version ${name}@${revision}`;
}
