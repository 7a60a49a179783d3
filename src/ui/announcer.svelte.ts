import type { JobKind, Stage } from './stages.ts';
import { language } from './language.svelte.ts';

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

  /** Another tenth of a stage is done. */
  tenth(kind: JobKind, stage: Stage, tenths: number): void {
    const { say, figures } = language;
    const name = say.stage(kind, stage.id);
    this.progress(stage.total > 1 ? say.job.percent(name, figures.percent(tenths / 10)) : name);
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
