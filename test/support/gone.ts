import { MIGRATIONS, openDatabase, type Database } from '../../src/store/database.ts';
import { withFallback } from '../../src/store/fallback.ts';

/** A database that a newer version of this page takes over as soon as it is filled, with memory behind it. */
export async function goneDatabase(
  name: string,
  fill: (database: Database) => Promise<unknown> = () => Promise.resolve(),
): Promise<Database> {
  const database = withFallback(await openDatabase(name), () => undefined);
  await fill(database);
  (await openDatabase(name, [...MIGRATIONS, () => undefined])).close();
  return database;
}
