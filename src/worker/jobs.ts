import { throttle, type Watch } from '../base/tasks.ts';
import type { OnProgress } from './api-call.ts';

/** Calls by their number, so that each can be stopped. */
export class Jobs {
  readonly #running = new Map<number, AbortController>();
  readonly #onIdle: () => void;

  /** @param onIdle hears when nothing runs any more */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  /** Runs a call under its number. */
  async run<T>(job: number, onProgress: OnProgress, work: (watch: Watch) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#running.set(job, controller);
    const { signal } = controller;
    try {
      return await work(onProgress ? { signal, progress: throttle(onProgress, 100) } : { signal });
    } finally {
      this.#running.delete(job);
      if (this.#running.size === 0) this.#onIdle();
    }
  }

  /** Stops a call; nothing happens when it is over. */
  abort(job: number): void {
    this.#running.get(job)?.abort();
  }
}
