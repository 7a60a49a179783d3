import { EditorError, invariant } from '../base/errors.ts';
import type { Bytes } from './byte-file.ts';
import { chunkKey, chunkPrefix, mismatch, openChunks, type Refetch, storedHash, type StoredFile } from './chunks.ts';
import type { Database, FileManifest } from './database.ts';
import { CHUNK_BYTES, sha256 } from './hash.ts';

/** What a file must be, when that is known before it comes. */
export interface Expected {
  readonly bytes: number;
  /** SHA-256 of every 8 MiB. */
  readonly chunks: readonly string[];
}

/** A file on its way in: a download appends to it, and a later one goes on where the first was cut. */
export interface FileWriter {
  /** Bytes that are here, from the start of the file on. */
  readonly received: number;
  /** The whole length, once it is known. */
  readonly bytes: number | null;
  /** The server's word for the version that these bytes are of. */
  readonly etag: string | null;
  /** Forgets what is here and begins a file of the given facts. */
  restart(facts: { readonly bytes: number | null; readonly etag: string | null }): Promise<void>;
  /** @throws EditorError `hash-mismatch` when a chunk isn't what was expected; `received` is then back before it */
  append(bytes: Bytes): Promise<void>;
  /** Stores the rest, then the manifest: from here on the file exists. */
  finish(): Promise<StoredFile>;
}

/** Files by key, in hashed chunks. */
export interface FileStore {
  /** A complete file. Chunks that are missing or damaged are fetched again one by one, where `refetch` is given. */
  open(key: string, refetch?: Refetch): Promise<StoredFile | undefined>;
  /** Begins a file, or goes on with one that was cut; what is here already is checked. */
  write(key: string, expected?: Expected): Promise<FileWriter>;
  /** Notes that the server doesn't have a file. */
  noteMissing(key: string): Promise<void>;
  /**
   * Whether a file was missing and its folder was loaded all the same: a file was completed after that note. Then it is
   * optional, and nobody need be asked again.
   */
  canDoWithout(key: string, folder: string): Promise<boolean>;
  remove(key: string): Promise<void>;
  /** Every file that is here, also in part. */
  list(): Promise<{ readonly key: string; readonly manifest: FileManifest }[]>;
}

/**
 * A file store over a database.
 *
 * @param chunkBytes for tests; fingerprints are comparable only at its default
 */
export function createFileStore(database: Database, chunkBytes = CHUNK_BYTES): FileStore {
  const spilled = new Set<string>();
  return {
    open: (key, refetch) => openStored(database, key, refetch),
    write: (key, expected) => startWriting({ database, chunkBytes, spilled }, key, expected),
    async remove(key) {
      // The manifest goes first: a file without one isn't there.
      await database.delete('manifests', key);
      for (const chunk of await database.keys('chunks', chunkPrefix(key))) await database.delete('chunks', chunk);
    },
    async noteMissing(key) {
      const nothing = { complete: false, bytes: null, chunkBytes, chunks: [], etag: null };
      await database.put('manifests', key, { ...nothing, missing: true, savedAt: Date.now() });
    },
    async canDoWithout(key, folder) {
      const note = await database.get('manifests', key);
      if (!note?.missing) return false;
      const all = await listManifests(database, folder);
      return all.some(({ manifest }) => manifest.complete && manifest.savedAt >= note.savedAt);
    },
    async list() {
      return (await listManifests(database, '')).filter(({ manifest }) => !manifest.missing);
    },
  };
}

/** What the browser lets this page store, in bytes; null where it doesn't say. */
export async function storageEstimate(): Promise<{ readonly used: number; readonly quota: number } | null> {
  const { usage, quota } = (await storageManager()?.estimate()) ?? {};
  return usage === undefined || quota === undefined ? null : { used: usage, quota };
}

/** Whether the browser has agreed not to clear this page's store when the disk gets full. */
export async function isPersistent(): Promise<boolean> {
  return (await storageManager()?.persisted()) ?? false;
}

/** Asks the browser for that; false where it doesn't agree. Only a page can ask, not a worker. */
export async function persistStorage(): Promise<boolean> {
  return (await storageManager()?.persist()) ?? false;
}

// ---

async function listManifests(database: Database, prefix: string): Promise<{ key: string; manifest: FileManifest }[]> {
  const keys = await database.keys('manifests', prefix);
  const manifests = await Promise.all(keys.map((key) => database.get('manifests', key)));
  return keys.flatMap((key, i) => {
    const manifest = manifests[i];
    return manifest ? [{ key, manifest }] : [];
  });
}

function storageManager(): StorageManager | undefined {
  return (globalThis.navigator as Navigator | undefined)?.storage as StorageManager | undefined;
}

interface Place {
  readonly database: Database;
  readonly chunkBytes: number;
  /** Files of which a part couldn't be stored for longer than this session. */
  readonly spilled: Set<string>;
}

async function openStored(database: Database, key: string, refetch?: Refetch): Promise<StoredFile | undefined> {
  const manifest = await database.get('manifests', key);
  if (!manifest?.complete || manifest.bytes === null) return undefined;
  const there = await database.keys('chunks', chunkPrefix(key));
  if (refetch === undefined && there.length < manifest.chunks.length) return undefined;
  return openChunks(database, key, { ...manifest, bytes: manifest.bytes }, true, refetch);
}

async function startWriting(place: Place, key: string, expected?: Expected): Promise<FileWriter> {
  const { database, chunkBytes, spilled } = place;
  let facts = { bytes: expected?.bytes ?? null, etag: null as string | null };
  const hashes: string[] = [];
  let stored = 0;
  let pending = new Uint8Array(0);
  let filled = 0;

  const begun = await database.get('manifests', key);
  if (begun?.chunkBytes === chunkBytes && (expected === undefined || begun.bytes === expected.bytes)) {
    facts = { bytes: begun.bytes, etag: begun.etag };
    for (;;) {
      const due = Math.min(chunkBytes, (facts.bytes ?? Infinity) - stored);
      const hash = due > 0 ? await storedHash(database, chunkKey(key, hashes.length), due) : undefined;
      if (hash === undefined || (expected && hash !== expected.chunks[hashes.length])) break;
      hashes.push(hash);
      stored += due;
    }
  }

  const put = async (manifest: Partial<FileManifest>) => {
    const base = { ...facts, complete: false, chunkBytes, chunks: [], savedAt: Date.now() };
    if (!(await database.put('manifests', key, { ...base, ...manifest }))) spilled.add(key);
  };

  /** Stores what is in `pending`, and lets go of it in any case: after a mismatch the part comes anew. */
  const flush = async () => {
    const bytes = pending.subarray(0, filled);
    const index = hashes.length;
    filled = 0;
    const hash = await sha256(bytes);
    if (expected && hash !== expected.chunks[index]) throw mismatch(key, index);
    if (!(await database.put('chunks', chunkKey(key, index), { hash, bytes: bytes.slice() }))) spilled.add(key);
    hashes.push(hash);
    stored += bytes.length;
  };

  return {
    get received() {
      return stored + filled;
    },
    get etag() {
      return facts.etag;
    },
    get bytes() {
      return facts.bytes;
    },
    async restart(next) {
      facts = { etag: next.etag, bytes: expected?.bytes ?? next.bytes };
      hashes.length = 0;
      stored = 0;
      pending = new Uint8Array(0);
      filled = 0;
      for (const chunk of await database.keys('chunks', chunkPrefix(key))) await database.delete('chunks', chunk);
      await put({});
    },
    async append(bytes) {
      const { bytes: due } = facts;
      if (due !== null && stored + filled + bytes.length > due) throw tooLong(key, due);
      if (pending.length === 0) pending = new Uint8Array(Math.min(chunkBytes, due ?? chunkBytes));
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + chunkBytes - filled);
        pending.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === chunkBytes || stored + filled === due) await flush();
      }
    },
    async finish() {
      if (filled > 0) await flush();
      const bytes = facts.bytes ?? stored;
      invariant(stored === bytes, `store ${key}`, `${stored} of ${bytes} bytes are here`);
      // A manifest that outlived the page while its chunks didn't would promise too much.
      if (!spilled.has(key)) await put({ complete: true, bytes, chunks: hashes });
      return openChunks(database, key, { bytes, chunkBytes, chunks: [...hashes] }, !spilled.has(key));
    },
  };
}

function tooLong(key: string, due: number): EditorError {
  return new EditorError('hash-mismatch', `store ${key}`, `more than its ${due} bytes came`, 'load the model again', {
    file: key,
    due,
  });
}
