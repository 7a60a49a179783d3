import { type Database } from '../store/database.ts';
import { asCache } from '../store/fallback.ts';
import { deleteRecord, getRecord, listKeys, putRecord, type RecordKind } from '../store/keep.ts';
import type { KeptSets, KeptTracing } from './api-locate.ts';
import type { Studio } from './studio.ts';

/** What keeping needs of a studio. */
export type KeepingStudio = Pick<Studio, 'model' | 'database'>;

/** Prompts of which the latest tracing is kept, of all models together. */
export const MOST_TRACINGS = 6;

/**
 * Keeps what was traced of a prompt, in place of what was traced of it before; of the oldest prompt it is forgotten.
 *
 * @throws EditorError `quota`
 */
export async function keepTracing({ model, database }: KeepingStudio, tracing: KeptTracing): Promise<void> {
  const { question, computedAt } = tracing.here;
  const about = `${model.hash} ${question.prompt}`;
  await keepNewest(database, TRACINGS, computedAt, about, tracing, MOST_TRACINGS);
}

/** What was traced last of a prompt on this model; where it wasn't, what was traced last. Null where nothing was. */
export async function findTracing({ model, database }: KeepingStudio, prompt: string): Promise<KeptTracing | null> {
  const keys = await keysAbout(database, TRACINGS, model.hash);
  const key = keys.findLast((each) => aboutOf(each) === `${model.hash} ${prompt}`) ?? keys.at(-1);
  return key === undefined ? null : ((await getRecord(asCache(database), TRACINGS, key)) ?? null);
}

/**
 * Keeps the sets that were measured last.
 *
 * @throws EditorError `quota`
 */
export async function keepSets({ model, database }: KeepingStudio, sets: KeptSets): Promise<void> {
  await keepNewest(database, SETS, sets.computedAt, model.hash, sets, MOST_SETS);
}

/** The sets that were measured last on this model; null where none were. */
export async function findSets({ model, database }: KeepingStudio): Promise<KeptSets | null> {
  const key = (await keysAbout(database, SETS, model.hash)).at(-1);
  return key === undefined ? null : ((await getRecord(asCache(database), SETS, key)) ?? null);
}

// ---

/** The first didn't say how it was measured: it isn't found any more. */
const TRACINGS: RecordKind<KeptTracing> = { name: 'tracings', version: 2 };
const SETS: RecordKind<KeptSets> = {
  name: 'measured-sets',
  version: 2,
  // The first didn't say what was measured.
  upgrade: (old) => ({ ...(old as Omit<KeptSets, 'prompts'>), prompts: [] }),
};

/** Models of which sets are kept. */
const MOST_SETS = 3;

/**
 * Keeps a value under the time that it is from and what it is about, so that keys are in the order of time. Others about
 * the same go, and the oldest of those that are too many.
 */
async function keepNewest<T>(
  database: Database,
  kind: RecordKind<T>,
  at: number,
  about: string,
  value: T,
  most: number,
): Promise<void> {
  const key = `${String(at).padStart(TIME_DIGITS, '0')} ${about}`;
  await putRecord(database, kind, key, value);
  const others = (await listKeys(database, kind)).filter((each) => each !== key);
  const [same, different] = [true, false].map((is) => others.filter((each) => (aboutOf(each) === about) === is));
  const old = different.slice(0, Math.max(0, different.length - (most - 1)));
  for (const each of [...same, ...old]) await deleteRecord(database, kind, each);
}

/** Digits of milliseconds since 1970, for some thousand years. */
const TIME_DIGITS = 15;

function aboutOf(key: string): string {
  return key.slice(TIME_DIGITS + 1);
}

async function keysAbout<T>(database: Database, kind: RecordKind<T>, hash: string): Promise<string[]> {
  return (await listKeys(asCache(database), kind)).filter((key) => aboutOf(key).startsWith(hash));
}
