import { toEditorError, type EditorError } from '../base/errors.ts';
import type { Progress, Watch } from '../base/tasks.ts';
import type { LossPoint } from './curve.ts';
import {
  advanceStages,
  finishStages,
  fractionOf,
  runningStage,
  waitingStages,
  type JobKind,
  type Stage,
} from './stages.ts';

/** How a call ended. An abort is a quiet end, not an error. */
export type Outcome<T> =
  | { readonly state: 'done'; readonly value: T }
  | { readonly state: 'stopped' }
  | { readonly state: 'failed'; readonly error: EditorError };

/** Hears a stage begin, and every tenth of it. */
export type OnTenth = (stage: Stage, tenths: number) => void;

/** One long call of the engine as the page shows it: its stages, its time, its losses, and how to stop it. */
export class Job {
  readonly kind: JobKind;
  readonly #onTenth: OnTenth;
  #controller: AbortController | null = null;
  #said = '';

  running = $state(false);
  stages = $state.raw<readonly Stage[]>([]);
  /** Losses of the optimization so far. */
  points = $state.raw<readonly LossPoint[]>([]);
  /** Evaluations at most. */
  steps = $state(0);
  /** Time since the start, while it runs; how long it took, afterwards. */
  seconds = $state(0);
  readonly stage: Stage | undefined = $derived(runningStage(this.stages));
  readonly fraction: number | null = $derived(this.stage ? fractionOf(this.stage) : null);

  constructor(kind: JobKind, onTenth: OnTenth) {
    this.kind = kind;
    this.#onTenth = onTenth;
    this.stages = waitingStages(kind);
  }

  /** Runs a call; one that still runs is stopped first. */
  async run<T>(what: string, work: (watch: Watch) => Promise<T>): Promise<Outcome<T>> {
    this.cancel();
    const controller = new AbortController();
    const { signal } = controller;
    const startedAt = performance.now();
    this.#controller = controller;
    Object.assign(this, { running: true, seconds: 0, points: [], steps: 0, stages: waitingStages(this.kind) });
    const tick = setInterval(() => (this.seconds = (performance.now() - startedAt) / 1000), 100);
    try {
      const value = await work({ signal, progress: (report) => !signal.aborted && this.#advance(report) });
      if (this.#controller === controller) this.stages = finishStages(this.stages, performance.now());
      return { state: 'done', value };
    } catch (thrown) {
      const error = toEditorError(thrown, what);
      return error.code === 'aborted' ? { state: 'stopped' } : { state: 'failed', error };
    } finally {
      clearInterval(tick);
      if (this.#controller === controller) {
        this.seconds = (performance.now() - startedAt) / 1000;
        this.running = false;
        this.#controller = null;
      }
    }
  }

  /** Stops what runs; the page shows it at once. Returns whether anything ran. */
  cancel(): boolean {
    if (!this.#controller) return false;
    this.#controller.abort();
    this.#controller = null;
    this.running = false;
    return true;
  }

  #advance(report: Progress): void {
    this.stages = advanceStages(this.stages, report, performance.now());
    const { loss, nll } = report.detail ?? {};
    if (typeof loss === 'number' && typeof nll === 'number') {
      this.steps = report.total;
      this.points = [...this.points, { step: report.done, loss, nll }];
    }
    const { stage } = this;
    if (!stage) return;
    const tenths = Math.floor(10 * (this.fraction ?? 0));
    const said = `${stage.id} ${tenths}`;
    if (said !== this.#said) this.#onTenth(stage, tenths);
    this.#said = said;
  }
}
