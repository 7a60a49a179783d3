import { toEditorError, type EditorError } from '../base/errors.ts';
import type { EditView } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { pause } from './pause.ts';

/** The edits over the untouched model, bottom first: switches, doses, removal. */
export class Stack {
  readonly #client: EngineClient;
  readonly #onChange: () => void;
  #controller: AbortController | null = null;

  edits = $state.raw<readonly EditView[]>([]);
  /** How many were found again when the model was opened. */
  restored = $state(0);
  error = $state.raw<EditorError | null>(null);
  /** Those that take part. */
  readonly on: readonly EditView[] = $derived(this.edits.filter(({ on, alpha }) => on && alpha !== 0));

  constructor(client: EngineClient, onChange: () => void) {
    this.#client = client;
    this.#onChange = onChange;
  }

  /** Takes what the engine holds as what there is. */
  async reload(): Promise<void> {
    await this.#try('list edits', () => this.#client.edits());
  }

  /** Takes what the engine tells by itself: another tab has changed something, or a check was finished. */
  take(edits: readonly EditView[]): void {
    this.edits = edits;
    this.#onChange();
  }

  /** Switches or doses one edit: shown at once, computed after `delay` milliseconds without another change. */
  async set(id: string, change: Partial<Pick<EditView, 'on' | 'alpha'>>, delay = 0): Promise<void> {
    this.#controller?.abort();
    const { signal } = (this.#controller = new AbortController());
    this.edits = this.edits.map((edit) => (edit.id === id ? { ...edit, ...change } : edit));
    await this.#try('arrange edits', async () => {
      await pause(delay, signal);
      return this.#client.arrange(this.edits.map(({ id: each, on, alpha }) => ({ id: each, on, alpha })));
    });
  }

  /** Takes an edit off for good. */
  async remove(id: string): Promise<void> {
    await this.#try('remove an edit', () => this.#client.remove(id));
  }

  async #try(what: string, call: () => Promise<readonly EditView[]>): Promise<void> {
    try {
      this.edits = await call();
      this.error = null;
      this.#onChange();
    } catch (thrown) {
      const error = toEditorError(thrown, what);
      if (error.code !== 'aborted') this.error = error;
    }
  }
}
