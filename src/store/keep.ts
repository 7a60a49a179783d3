import type { Database } from './database.ts';

/**
 * A kind of record, as its owner defines it: edits, covariances, factors, settings. `T` is plain data and typed arrays:
 * whatever structured cloning takes.
 */
export interface RecordKind<T> {
  readonly name: string;
  /** Raised when the shape of `T` changes. */
  readonly version: number;
  /** Makes a record of an older version new; without it, older ones are as if they weren't there. */
  readonly upgrade?: (old: unknown, version: number) => T | undefined;
}

/** A kept value with its key. */
export interface Kept<T> {
  readonly key: string;
  readonly value: T;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
}

/**
 * Keeps a value, in place of an older one under the same key.
 *
 * @param key a name, or what `cacheKey` makes
 * @returns whether it will outlive the page
 * @throws EditorError `quota`
 */
export function putRecord<T>(database: Database, kind: RecordKind<T>, key: string, value: T): Promise<boolean> {
  return database.put('records', tableKey(kind, key), { version: kind.version, savedAt: Date.now(), value });
}

/** The value under a key, if there is one. */
export async function getRecord<T>(database: Database, kind: RecordKind<T>, key: string): Promise<T | undefined> {
  return (await getKept(database, kind, key))?.value;
}

/** All values of a kind, oldest first. */
export async function listRecords<T>(database: Database, kind: RecordKind<T>): Promise<Kept<T>[]> {
  const prefix = tableKey(kind, '');
  const keys = await database.keys('records', prefix);
  const found = await Promise.all(keys.map((key) => getKept(database, kind, key.slice(prefix.length))));
  return found.filter((each) => each !== undefined).sort((a, b) => a.savedAt - b.savedAt);
}

/** Forgets a value; nothing happens when there is none. */
export async function deleteRecord<T>(database: Database, kind: RecordKind<T>, key: string): Promise<void> {
  await database.delete('records', tableKey(kind, key));
}

// ---

async function getKept<T>(database: Database, kind: RecordKind<T>, key: string): Promise<Kept<T> | undefined> {
  const stored = await database.get('records', tableKey(kind, key));
  if (stored === undefined) return undefined;
  const { version, savedAt } = stored;
  const value = version === kind.version ? (stored.value as T) : kind.upgrade?.(stored.value, version);
  return value === undefined ? undefined : { key, value, savedAt };
}

function tableKey<T>(kind: RecordKind<T>, key: string): string {
  return `${kind.name}:${key}`;
}
