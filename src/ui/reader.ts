import type { EditView } from '../worker/api.ts';
import type { Ask } from './ask.svelte.ts';
import type { Comparing } from './comparing.svelte.ts';
import type { Composer } from './composer.svelte.ts';
import type { Stack } from './stack.svelte.ts';

/** Whose readings follow from the prompt and the stack. */
export interface Readings {
  readonly ask: Ask;
  readonly composer: Composer;
  readonly comparing: Comparing;
  readonly stack: Stack;
}

/**
 * Reads again what a change has made out of date, in this order: bars and continuations; then, where there is something to
 * compare, both models side by side.
 */
export class Reader {
  readonly #readings: Readings;

  constructor(readings: Readings) {
    this.#readings = readings;
  }

  /** Another prompt is there, or another model. */
  all(): void {
    const { ask, composer } = this.#readings;
    void ask.tokenize();
    void this.#compareAfter(ask.refresh());
    void composer.refreshPreview();
    void composer.countTarget();
  }

  /** The prompt is being typed. */
  typed(): void {
    const { ask, composer } = this.#readings;
    void ask.tokenize();
    void this.#compareAfter(ask.refresh(TYPING));
    void composer.refreshPreview(2 * TYPING);
  }

  /** The stack is about to change: what is being read of it is given up. */
  leaveStack(): void {
    this.#readings.ask.leave();
    this.#readings.comparing.leave();
  }

  /** The stack has changed. */
  restack(): void {
    void this.#compareAfter(this.#readings.ask.restack());
  }

  /** The engine tells of a stack that it was not told: another tab's, or one whose check was finished. */
  takeStack(edits: readonly EditView[]): void {
    this.#readings.ask.forgetStacks();
    this.#readings.stack.take(edits);
  }

  /** Another device computes: it may say the same in other numbers. */
  afresh(): void {
    this.#readings.ask.forget();
    void this.#compareAfter(this.#readings.ask.refresh());
  }

  async #compareAfter(reading: Promise<boolean>): Promise<void> {
    const { comparing, stack } = this.#readings;
    const isRead = await reading;
    if (isRead && (stack.edits.length > 0 || comparing.result)) void comparing.run();
  }
}

// ---

/** Milliseconds without a key stroke before the prompt is read. */
const TYPING = 200;
