import { breathe, throwIfAborted, type Watch } from '../base/tasks.ts';

/** Long host work gives the event loop a turn this often, in milliseconds: an abort must be seen within 100. */
const TURN = 30;

/**
 * A function for the middle of long host loops: at most every 30 ms it lets the event loop run, then throws
 * `aborted` if the caller has asked to stop.
 */
export function makePace(watch: Watch | undefined, what: string): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < TURN) return;
    await breathe();
    throwIfAborted(watch, what);
    last = performance.now();
  };
}
