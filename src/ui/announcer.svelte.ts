/** Milliseconds between two announcements: a screen reader must be able to finish a sentence. */
const PAUSE = 3000;

/**
 * What a screen reader is told: one polite region for the whole page, at most one sentence every three seconds. Of several
 * that come in between, results outlive progress, and the later outlives the earlier.
 */
export class Announcer {
  text = $state('');
  #next: { readonly text: string; readonly isResult: boolean } | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** Something ended or went wrong. */
  result(text: string): void {
    this.#queue(text, true);
  }

  /** Something goes on. */
  progress(text: string): void {
    if (!this.#next?.isResult) this.#queue(text, false);
  }

  #queue(text: string, isResult: boolean): void {
    this.#next = { text, isResult };
    if (this.#timer === null) this.#speak();
  }

  #speak(): void {
    this.#timer = null;
    if (!this.#next) return;
    this.text = this.#next.text;
    this.#next = null;
    this.#timer = setTimeout(() => this.#speak(), PAUSE);
  }
}
