import { type IDBPDatabase, openDB } from 'idb';
import { EditorError, invariant } from '../base/errors.ts';
import type { Bytes } from './byte-file.ts';

/** What a downloaded file is made of. Its last change, to `complete`, comes after all of its chunks are stored. */
export interface FileManifest {
  readonly complete: boolean;
  /** Set in place of all else for a file that the server doesn't have. */
  readonly missing?: true;
  /** The whole length; null while the server hasn't told it. */
  readonly bytes: number | null;
  readonly chunkBytes: number;
  /** SHA-256 of every chunk, in order; empty until complete. */
  readonly chunks: readonly string[];
  /** The server's word for this version of the file. */
  readonly etag: string | null;
  readonly savedAt: number;
}

/** One piece of a file, with the SHA-256 that it had when it came. */
export interface FileChunk {
  readonly hash: string;
  readonly bytes: Bytes;
}

/** Anything else that is kept: plain data and typed arrays. `version` is that of its kind. */
export interface StoredRecord {
  readonly version: number;
  readonly savedAt: number;
  readonly value: unknown;
}

/** The tables, each by a text key. */
export interface Tables {
  readonly manifests: FileManifest;
  readonly chunks: FileChunk;
  readonly records: StoredRecord;
}

/** The name of a table. */
export type TableName = keyof Tables;

/**
 * Tables that outlive the page, or stand in for such. Every call may reject with EditorError `quota`: the browser
 * refuses to store or to read.
 */
export interface Database {
  get<T extends TableName>(table: T, key: string): Promise<Tables[T] | undefined>;
  /** Resolves once it is written, with whether it will outlive the page. */
  put<T extends TableName>(table: T, key: string, value: Tables[T]): Promise<boolean>;
  /** All keys that begin so, sorted. */
  keys(table: TableName, prefix: string): Promise<string[]>;
  delete(table: TableName, key: string): Promise<void>;
  close(): void;
}

/** One step from a version of the schema to the next. */
export type Migration = (database: IDBPDatabase) => void;

/** The schema is what these make, one after the other; its version is their number. Never change one that has shipped. */
export const MIGRATIONS: readonly Migration[] = [
  (database) => {
    for (const table of ['manifests', 'chunks', 'records']) database.createObjectStore(table);
  },
  // From here on edits that were taken off stay among the records, where an older page would take them for new ones: it must
  // give way.
  () => undefined,
];

/** What may happen between tabs that share the database. */
export interface Neighbors {
  /** An older version of this page holds the database in another tab: opening waits until that tab lets go. */
  readonly onBlocked?: () => void;
  /** The database is gone while this page still runs: every later call rejects with this error. */
  readonly onGone?: (why: EditorError) => void;
}

/**
 * Opens the browser's database, bringing an older one up to date. Gives way when a newer version of this page wants to.
 *
 * @throws EditorError `quota` when the browser refuses, or when a newer version of this page has made it
 */
export async function openDatabase(
  name = 'palimpsest',
  migrations = MIGRATIONS,
  { onBlocked, onGone }: Neighbors = {},
): Promise<Database> {
  let gone: EditorError | null = null;
  const leave = (why: EditorError) => {
    gone ??= why;
    onGone?.(gone);
  };
  const opened = await guarded('open the browser’s store', () =>
    openDB(name, migrations.length, {
      upgrade(database, from) {
        for (const migrate of migrations.slice(from)) migrate(database as IDBPDatabase);
      },
      blocked: () => onBlocked?.(),
      blocking: (_current, _next, event) => {
        (event.target as IDBDatabase).close();
        leave(refusal('keep anything more', 'VersionError', ''));
      },
      terminated: () => leave(refusal('keep anything more', 'AbortError', 'the browser has closed it')),
    }),
  );
  const within = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    if (gone) throw gone;
    return guarded(what, work);
  };
  return {
    get: (table, key) => within(`read ${key}`, () => opened.get(table, key)),
    put: (table, key, value) => within(`store ${key}`, () => opened.put(table, value, key).then(() => true)),
    keys: (table, prefix) =>
      within(`list ${prefix}`, async () => (await opened.getAllKeys(table, startingWith(prefix))) as string[]),
    delete: (table, key) => within(`delete ${key}`, () => opened.delete(table, key)),
    close: () => opened.close(),
  };
}

/** Tables in memory: where there is no IndexedDB, and for what a full one refuses. */
export function memoryDatabase(): Database {
  const tables = { manifests: new Map(), chunks: new Map(), records: new Map() } as {
    readonly [T in TableName]: Map<string, Tables[T]>;
  };
  return {
    get: (table, key) => Promise.resolve(tables[table].get(key)),
    put: async (table, key, value) => {
      const copy = await guarded(`store ${key}`, async () => structuredClone(value));
      tables[table].set(key, copy);
      return false;
    },
    keys: (table, prefix) => Promise.resolve([...tables[table].keys()].filter((key) => key.startsWith(prefix)).sort()),
    delete: (table, key) => {
      tables[table].delete(key);
      return Promise.resolve();
    },
    close: () => Object.values(tables).forEach((table) => table.clear()),
  };
}

// ---

function startingWith(prefix: string): IDBKeyRange {
  return IDBKeyRange.bound(prefix, `${prefix}\uffff`);
}

/** Whatever goes wrong inside IndexedDB means the same to the page: nothing more can be kept here. */
async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { name, message } = cause instanceof Error ? cause : { name: 'Error', message: String(cause) };
    invariant(name !== 'DataCloneError', what, message);
    throw refusal(what, name, message, { cause });
  }
}

/** Why the browser keeps nothing more, in plain words where the name of the cause is known. */
function refusal(what: string, name: string, message: string, options?: ErrorOptions): EditorError {
  const [found, advice] = REFUSALS[name] ?? [
    `the browser’s store refuses (${name}: ${message})`,
    'go on from memory, or reload the page to try again',
  ];
  return new EditorError('quota', what, found, advice, { reason: name }, options);
}

const NO_STORE = [
  'this browser stores nothing for this page',
  'leave the private window, or let this site store data in the browser’s settings',
] as const;

const REFUSALS: Readonly<Record<string, readonly [found: string, advice: string]>> = {
  QuotaExceededError: ['the browser gives this page no more room', 'free some disk space or delete other sites’ data'],
  VersionError: ['the store now belongs to a newer version of this page', 'reload the page to get its newer version'],
  // No IndexedDB at all, or one that is there and forbidden.
  ReferenceError: NO_STORE,
  SecurityError: NO_STORE,
};
