import { memoize } from '../base/tasks.ts';
import type { ByteFile, Bytes } from '../store/byte-file.ts';
import type { FileManifest } from '../store/database.ts';
import type { Expected, FileStore } from '../store/files.ts';
import { combineHashes, sha256 } from '../store/hash.ts';
import { isRecord, parseJson } from '../store/json.ts';
import { fileKey, fingerprintsOf, folderKey, keysOf, openKept, type Fingerprints } from './kept-files.ts';
import { makeSource, missingFile, type ModelSource } from './source.ts';

/** A version of a model of which something lies in the store. */
export interface KeptVersion {
  readonly revision: string;
  /** Whether a release of it is here with all its files, or, where none was noted, nothing of it is still on its way. */
  readonly isWhole: boolean;
  /** When its last file came, in milliseconds since 1970. */
  readonly savedAt: number;
}

/** Versions of a model that earlier visits have brought, the latest first. */
export async function keptVersions(store: FileStore, name: string): Promise<KeptVersion[]> {
  const files = (await store.list()).filter(({ key }) => key.startsWith(`${name}@`));
  const revisions = new Set(files.map(({ key }) => key.slice(name.length + 1, key.indexOf('/'))));
  const versions = [...revisions].map((revision) => {
    const folder = folderKey(name, revision);
    const own = files.filter(({ key }) => key.startsWith(folder));
    // Those without a fingerprint in their key were kept when no release was noted.
    const plain = own.filter(({ key }) => !key.includes('?', folder.length));
    const isNoted = own.some(({ key, manifest }) => key === noteKey(folder) && manifest.complete);
    const isWhole = isNoted || (plain.length > 0 && plain.every(({ manifest }) => manifest.complete));
    return { revision, isWhole, savedAt: Math.max(...own.map(({ manifest }) => manifest.savedAt)) };
  });
  return versions.sort((a, b) => b.savedAt - a.savedAt);
}

/**
 * A version as it lies in the store, and nothing else: the network may have another one by now, and isn't asked. Of several
 * releases with the same weights it is the one that was open last, never some files of each.
 *
 * @param due what some of its files have to be, where it is known
 */
export function keptSource(store: FileStore, name: string, revision: string, due: Fingerprints = {}): ModelSource {
  const folder = folderKey(name, revision);
  const noted = memoize((of: string) => readNote(store, of));
  const find = memoize(async (file: string): Promise<ByteFile> => {
    const release = await noted(folder);
    const known = { ...release, ...due };
    const isOfIt = release === undefined || Object.hasOwn(release, file);
    const kept = isOfIt ? await openKept(store, folder, file, known[file]) : undefined;
    if (!kept) throw missingFile(name, file);
    return kept;
  });
  return makeSource({ name, revision }, find);
}

/**
 * Notes which files make up the release that has just been open, if all of them will outlive the page: it is the one to fall
 * back on.
 *
 * @param opened the files that were read
 * @returns whether they are all here
 */
export async function noteRelease(
  store: FileStore,
  { name, revision }: Pick<ModelSource, 'name' | 'revision'>,
  expected: Readonly<Record<string, Expected>>,
  opened: ReadonlySet<string>,
): Promise<boolean> {
  const folder = folderKey(name, revision);
  const release = Object.fromEntries(
    Object.entries(await fingerprintsOf(expected)).filter(([file]) => opened.has(file)),
  );
  const places = await placesOf(store, folder, release);
  if (places.length === 0 || places.includes(undefined)) return false;
  const note = new TextEncoder().encode(JSON.stringify(release));
  const before = await store.open(noteKey(folder));
  if (before?.hash !== (await combineHashes([await sha256(note)]))) await writeNote(store, folder, note);
  return true;
}

/** Lets go of the files of a version that don't belong to its noted release: of those of other releases, and of damaged ones. */
export async function forgetOtherReleases(store: FileStore, name: string, revision: string): Promise<void> {
  const folder = folderKey(name, revision);
  const release = await readNote(store, folder);
  if (release === undefined) return;
  const places = new Set([noteKey(folder), ...(await placesOf(store, folder, release))]);
  for (const { key } of await store.list()) {
    if (key.startsWith(folder) && !places.has(key)) await store.remove(key);
  }
}

/** Lets go of a version's files. */
export async function forgetVersion(store: FileStore, name: string, revision: string): Promise<void> {
  for (const { key } of await store.list()) {
    if (key.startsWith(folderKey(name, revision))) await store.remove(key);
  }
}

// ---

/** The key of what a version's last whole release consists of. No file has an empty name. */
function noteKey(folder: string): string {
  return fileKey(folder, '', 'release');
}

async function readNote(store: FileStore, folder: string): Promise<Fingerprints | undefined> {
  const file = await store.open(noteKey(folder));
  const json = file && parseJson(await file.read(0, file.size));
  return json && 'value' in json && isRecord(json.value) ? (json.value as Fingerprints) : undefined;
}

async function writeNote(store: FileStore, folder: string, note: Bytes): Promise<void> {
  const writer = await store.write(noteKey(folder));
  await writer.restart({ bytes: note.length, etag: null });
  await writer.append(note);
  await writer.finish();
}

/** Under which key each file of a release lies; undefined for those that aren't here for good. */
async function placesOf(store: FileStore, folder: string, release: Fingerprints): Promise<(string | undefined)[]> {
  const kept = new Map((await store.list()).map(({ key, manifest }) => [key, manifest]));
  const holds = async (manifest: FileManifest | undefined, hash: string) =>
    manifest?.complete === true && (await combineHashes(manifest.chunks)) === hash;
  return Promise.all(
    Object.entries(release).map(async ([file, hash]) => {
      for (const key of keysOf(folder, file, hash)) if (await holds(kept.get(key), hash)) return key;
      return undefined;
    }),
  );
}
