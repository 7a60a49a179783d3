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
 * Takes a lock until it is let go of, or until this thread is no more. Without Web Locks only this thread's own count.
 *
 * @param patience milliseconds to wait for whoever holds it
 * @returns what lets go of it; null when somebody else still holds it then
 */
export function hold(name: string, mode: LockMode = 'exclusive', patience = 0): Promise<(() => void) | null> {
  const locks = lockManager();
  if (!locks) return Promise.resolve(holdHere(name, mode));
  const waiting = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
  return new Promise((resolve) => {
    const granted = (lock: Lock | null) =>
      lock === null ? resolve(null) : new Promise<void>((release) => resolve(release));
    locks.request(PREFIX + name, { mode, ...waiting }, granted).catch(() => resolve(null));
  });
}

/** Whether somebody holds a lock for themselves alone. Who asks holds it no longer than that, and together with others who ask. */
export async function isHeld(name: string): Promise<boolean> {
  const release = await hold(name, 'shared');
  release?.();
  return release === null;
}

/**
 * Takes a lock for as long as this thread lives, so that others can see it end; see `whenReleased`.
 *
 * @returns the lock's name, or null without Web Locks
 */
export async function holdForLife(name: string): Promise<string | null> {
  if (!lockManager()) return null;
  const own = `${name} ${crypto.randomUUID()}`;
  await hold(own);
  return own;
}

/** Resolves when whoever holds a lock has let go of it: the thread of `holdForLife` is no more, for whatever reason. */
export async function whenReleased(name: string): Promise<void> {
  await lockManager()?.request(PREFIX + name, () => undefined);
}

// ---

/** Locks belong to an origin, which may serve other pages too. */
const PREFIX = 'palimpsest: ';

const queueOf = memoize<string, ReturnType<typeof makeQueue>>(() => Promise.resolve(makeQueue()));

/** Locks of this thread where there are no Web Locks: how each is held, and how often. */
const heldHere = new Map<string, { readonly mode: LockMode; times: number }>();

function holdHere(name: string, mode: LockMode): (() => void) | null {
  const held = heldHere.get(name) ?? { mode, times: 0 };
  if (held.times > 0 && (mode === 'exclusive' || held.mode === 'exclusive')) return null;
  held.times += 1;
  heldHere.set(name, held);
  return () => {
    held.times -= 1;
    if (held.times === 0) heldHere.delete(name);
  };
}

function lockManager(): LockManager | undefined {
  return (globalThis.navigator as Navigator | undefined)?.locks as LockManager | undefined;
}
