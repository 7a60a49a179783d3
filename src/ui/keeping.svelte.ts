import type { Kept } from '../worker/api.ts';

/** Whether finished edits outlive the page, as far as the browser has said. */
export class Keeping {
  readonly #persist: () => Promise<boolean>;
  #asked = false;

  /** What is kept, and why it may not stay so. */
  kept = $state.raw<Kept>({ ok: true, isSafe: true });

  /** @param persist asks the browser not to clear what is kept; resolves with whether it agrees */
  constructor(persist: () => Promise<boolean>) {
    this.#persist = persist;
  }

  /** Asked when there is something worth keeping: a browser that passes the question on is then understood. */
  async persist(): Promise<void> {
    if (this.#asked || !this.kept.ok || this.kept.isSafe) return;
    this.#asked = true;
    if (await this.#persist()) this.kept = { ok: true, isSafe: true };
  }
}
