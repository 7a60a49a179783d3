import { makeQueue, memoize } from '../base/tasks.ts';

/**
 * Runs work while no tab of this site runs other work of the same name. A tab that closes, or a worker that dies, lets go.
 * Without Web Locks (Node, pages that aren't secure) jobs wait for one another in this thread only.
 *
 * @param signal ends the waiting; work that has begun is its own master
 */
export async function exclusively<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const locks = lockManager();
  if (!locks) return (await queueOf(name))(work);
  // The lock's promise can't carry the work's type: what it brings is taken out here.
  let result: Promise<T> | undefined;
  await locks.request(PREFIX + name, signal ? { signal } : {}, async () => {
    result = work();
    await result.catch(() => undefined);
  });
  return result as Promise<T>;
}

/**
 * Takes a lock for as long as this thread lives, so that others can see it end; see `whenReleased`.
 *
 * @returns the lock's name, or null without Web Locks
 */
export function holdForLife(name: string): Promise<string | null> {
  const locks = lockManager();
  if (!locks) return Promise.resolve(null);
  const own = `${name} ${crypto.randomUUID()}`;
  return new Promise((resolve, reject) => {
    const forever = () => new Promise<never>(() => resolve(own));
    locks.request(PREFIX + own, forever).catch(reject);
  });
}

/** Resolves when whoever holds a lock has let go of it: the thread of `holdForLife` is no more, for whatever reason. */
export async function whenReleased(name: string): Promise<void> {
  await lockManager()?.request(PREFIX + name, () => undefined);
}

// ---

/** Locks belong to an origin, which may serve other pages too. */
const PREFIX = 'palimpsest: ';

const queueOf = memoize<string, ReturnType<typeof makeQueue>>(() => Promise.resolve(makeQueue()));

function lockManager(): LockManager | undefined {
  return (globalThis.navigator as Navigator | undefined)?.locks as LockManager | undefined;
}
