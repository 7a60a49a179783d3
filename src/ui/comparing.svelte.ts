import { toEditorError, type EditorError } from '../base/errors.ts';
import type { Comparison } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { pause } from './pause.ts';

/** The third step: one prompt, both models. */
export class Comparing {
  readonly #client: EngineClient;
  readonly #askPrompt: () => string;
  readonly #askStamp: () => string;
  #controller: AbortController | null = null;

  /** A prompt of its own; null as long as it is the one that was asked. */
  own = $state<string | null>(null);
  result = $state.raw<{ readonly prompt: string; readonly stamp: string; readonly comparison: Comparison } | null>(
    null,
  );
  running = $state(false);
  error = $state.raw<EditorError | null>(null);

  /** @param askStamp which edits take part (`stampOf`) */
  constructor(client: EngineClient, askPrompt: () => string, askStamp: () => string) {
    this.#client = client;
    this.#askPrompt = askPrompt;
    this.#askStamp = askStamp;
  }

  /** Whether what is shown is about another prompt, or about other edits. */
  get isStale(): boolean {
    return this.result?.prompt !== this.prompt || this.result.stamp !== this.#askStamp();
  }

  get prompt(): string {
    return this.own ?? this.#askPrompt();
  }

  /** Gives up what is being asked: the stack it is asked of is gone. */
  leave(): void {
    this.#controller?.abort();
  }

  /** Asks both models, after `delay` milliseconds without another call. */
  async run(delay = 0): Promise<void> {
    this.#controller?.abort();
    const controller = new AbortController();
    const { signal } = controller;
    const { prompt } = this;
    this.#controller = controller;
    // Also where there is nothing to ask: what was given up no longer says so itself.
    this.running = prompt.trim() !== '';
    if (!this.running) return;
    try {
      await pause(delay, signal);
      const stamp = this.#askStamp();
      const comparison = await this.#client.compare(prompt, TOKENS, { signal });
      this.result = { prompt, stamp, comparison };
      this.error = null;
    } catch (thrown) {
      const error = toEditorError(thrown, 'compare');
      if (error.code !== 'aborted' && this.#controller === controller) this.error = error;
    } finally {
      if (this.#controller === controller) this.running = false;
    }
  }
}

// ---

/** Tokens that either model writes. */
const TOKENS = 20;
