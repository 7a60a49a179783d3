import { EditorError } from '../base/errors.ts';

/**
 * The mark of a model that is being loaded: set before, taken away after, whatever comes of it. A tab that the system ends
 * on the way leaves it, and the next visit doesn't run into the same wall by itself.   [ux.md 3.3]
 */
export class LoadingMark {
  readonly #storage: Storage | null;
  #release: (() => void) | null = null;

  constructor(storage: Storage | null) {
    this.#storage = storage;
    // A tab that is closed or loaded again has not crashed.
    addEventListener('pagehide', () => this.#clear());
  }

  /**
   * Loads under the mark.
   *
   * @throws EditorError `crashed-last`, once, when a tab has ended while it loaded; and what `load` throws
   */
  async around<T>(load: () => Promise<T>): Promise<T> {
    if (await this.#isLeft()) {
      this.#write(false);
      const found = 'the tab ended while it loaded the model last time';
      throw new EditorError('crashed-last', 'open the model by itself', found, 'use CPU mode, or try the same again');
    }
    this.#write(true);
    const loaded = new Promise<void>((resolve) => (this.#release = resolve));
    void findLocks()?.request(NAME, { mode: 'shared' }, () => loaded);
    return load().finally(() => this.#clear());
  }

  /** One that still loads, in another tab, holds a lock. */
  async #isLeft(): Promise<boolean> {
    if (!this.#isSet()) return false;
    const { held = [] } = (await findLocks()?.query()) ?? {};
    return !held.some(({ name }) => name === NAME);
  }

  #clear(): void {
    // Another tab's mark is another tab's.
    if (!this.#release) return;
    this.#release();
    this.#release = null;
    this.#write(false);
  }

  #isSet(): boolean {
    try {
      return (this.#storage?.getItem(NAME) ?? null) !== null;
    } catch {
      return false;
    }
  }

  #write(isSet: boolean): void {
    try {
      if (isSet) this.#storage?.setItem(NAME, '1');
      else this.#storage?.removeItem(NAME);
    } catch {
      // Without a storage nobody is warned.
    }
  }
}

// ---

/** Of the mark, and of the lock beside it. */
const NAME = 'palimpsest loading';

function findLocks(): LockManager | undefined {
  return navigator.locks as LockManager | undefined;
}
