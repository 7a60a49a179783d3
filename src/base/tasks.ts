import { abortError } from './errors.ts';

/** What a long call reports: never a sentence, so that a screen can say it in its own language. */
export interface Progress {
  /** Which part of the work: "download", "covariance", "optimize", … */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly unit: 'bytes' | 'tokens' | 'layers' | 'steps' | 'sites' | 'edits' | 'files' | 'cells' | 'prompts';
  /** Numbers that belong to the stage, such as the loss of an optimization step. */
  readonly detail?: Readonly<Record<string, number | string | readonly number[]>>;
}

/** How a long call is watched and stopped. */
export interface Watch {
  readonly progress?: (report: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Throws `aborted` once the caller has asked to stop. */
export function throwIfAborted(watch: Watch | undefined, what: string): void {
  if (watch?.signal?.aborted) throw abortError(what);
}

/**
 * A queue of one: jobs run in the order they came, one at a time. A job that fails rejects its own promise
 * and leaves the queue fit for the next. A signal ends the waiting; a job that has begun is its own master.
 */
export function makeQueue(): <T>(job: () => Promise<T>, signal?: AbortSignal) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(job: () => Promise<T>, signal?: AbortSignal) =>
    new Promise<T>((resolve, reject) => {
      const stop = () => reject(abortError('wait for its turn'));
      const begin = async () => {
        signal?.removeEventListener('abort', stop);
        if (signal?.aborted) return;
        try {
          resolve(await job());
        } catch (error) {
          reject(error as Error);
        }
      };
      if (signal?.aborted) stop();
      signal?.addEventListener('abort', stop, { once: true });
      last = last.then(begin);
    });
}

/** Same key, same promise. A rejected promise is forgotten, so that a retry can work. */
export function memoize<K, T>(make: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const made = new Map<K, Promise<T>>();
  return (key) => {
    const known = made.get(key);
    if (known) return known;
    const promise = make(key);
    made.set(key, promise);
    promise.catch(() => made.delete(key));
    return promise;
  };
}

/**
 * Passes reports on, at most one in `interval` milliseconds. Those that begin or end a stage pass in between, as long as
 * no second sees more than twice as many.
 */
export function throttle(report: (progress: Progress) => void, interval: number): (progress: Progress) => void {
  const limit = Math.floor(2000 / interval);
  let passed: number[] = [];
  let stage = '';
  return (progress) => {
    const now = performance.now();
    passed = passed.filter((then) => now - then < 1000);
    const isEdge = progress.stage !== stage || progress.done === progress.total;
    const isDue = now - (passed.at(-1) ?? -Infinity) >= interval;
    if (passed.length >= limit || !(isEdge || isDue)) return;
    passed.push(now);
    stage = progress.stage;
    report(progress);
  };
}

/**
 * Gives the event loop a turn, so that messages (an abort among them) are seen in the middle of long host work.
 * A message channel, because timers are clamped to 4 ms when nested.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      lastBreath = performance.now();
      resolve();
    };
    port2.postMessage(null);
  });
}

/**
 * Breathes if nobody has for `interval` milliseconds. For the end of every piece of work that may come back without the
 * event loop having had a turn: a run of a graph, whose promise is kept as soon as it is given.
 */
export async function breatheIfDue(interval = 20): Promise<void> {
  if (performance.now() - lastBreath >= interval) await breathe();
}

// ---

let lastBreath = 0;
