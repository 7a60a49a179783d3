import { modelOfKey } from './cache-key.ts';
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
  const stored = await database.get('records', tableKey(kind, key));
  if (stored === undefined) return undefined;
  return stored.version === kind.version ? (stored.value as T) : kind.upgrade?.(stored.value, stored.version);
}

/** The keys of all values of a kind, sorted. */
export async function listKeys<T>(database: Database, kind: RecordKind<T>): Promise<string[]> {
  const prefix = tableKey(kind, '');
  return (await database.keys('records', prefix)).map((key) => key.slice(prefix.length));
}

/** Forgets a value; nothing happens when there is none. */
export async function deleteRecord<T>(database: Database, kind: RecordKind<T>, key: string): Promise<void> {
  await database.delete('records', tableKey(kind, key));
}

/**
 * Forgets what could be computed again for models that nobody wants any more.
 *
 * @param isWanted told the content hash of a model, as `cacheKey` has it
 */
export async function forgetCached(database: Database, isWanted: (model: string) => boolean): Promise<void> {
  for (const key of await database.keys('records', '')) {
    const model = modelOfKey(key.slice(key.indexOf(':') + 1));
    if (model !== null && !isWanted(model)) await database.delete('records', key);
  }
}

// ---

function tableKey<T>(kind: RecordKind<T>, key: string): string {
  return `${kind.name}:${key}`;
}
