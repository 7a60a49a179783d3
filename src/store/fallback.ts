import { EditorError } from '../base/errors.ts';
import { memoryDatabase, type Database, type TableName } from './database.ts';

/**
 * The same tables, except that what can't be stored stays in memory for this session, and what can't be deleted is as if it
 * were gone.
 *
 * @param tell called with the first refusal, so that the page can say that it goes on from memory
 */
export function withFallback(database: Database, tell: (refusal: EditorError) => void): Database {
  const memory = memoryDatabase();
  /** What the store still has and shouldn't. */
  const deleted = { manifests: new Set<string>(), chunks: new Set<string>(), records: new Set<string>() };
  let told = false;
  /** Only a refusal is made good for. */
  const hear = (error: unknown) => {
    if (!isRefusal(error)) throw error;
    if (!told) tell(error);
    told = true;
  };
  return {
    get: async (table, key) => {
      const value = await memory.get(table, key);
      return value !== undefined || deleted[table].has(key) ? value : database.get(table, key);
    },
    put: async (table, key, value) => {
      try {
        const kept = await database.put(table, key, value);
        await memory.delete(table, key);
        deleted[table].delete(key);
        return kept;
      } catch (error) {
        hear(error);
        return memory.put(table, key, value);
      }
    },
    keys: async (table, prefix) => {
      const [here, stored] = await Promise.all([memory.keys(table, prefix), database.keys(table, prefix)]);
      return [...new Set([...here, ...stored.filter((key) => !deleted[table].has(key))])].sort();
    },
    delete: async (table, key) => {
      await memory.delete(table, key);
      try {
        await database.delete(table, key);
      } catch (error) {
        hear(error);
        deleted[table].add(key);
      }
    },
    close: () => {
      memory.close();
      database.close();
    },
  };
}

/**
 * The same tables, some of which hold what can be computed or fetched again: where the browser refuses to read those, there
 * is nothing in them. A stack of edits must not be read like this: it would be taken for empty.
 */
export function asCache(database: Database, tables: readonly TableName[] = ['records']): Database {
  const instead =
    <T>(table: TableName, nothing: T) =>
    (error: unknown) => {
      if (tables.includes(table) && isRefusal(error)) return nothing;
      throw error;
    };
  return {
    ...database,
    get: (table, key) => database.get(table, key).catch(instead(table, undefined)),
    keys: (table, prefix) => database.keys(table, prefix).catch(instead(table, [])),
  };
}

// ---

function isRefusal(error: unknown): error is EditorError {
  return error instanceof EditorError && error.code === 'quota';
}
