import type { EditorError } from '../base/errors.ts';
import type { EditRequest, EditSettings, EditView } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import type { Announcer } from './announcer.svelte.ts';
import { Job, type OnTenth } from './job.svelte.ts';
import { language } from './language.svelte.ts';
import type { Stack } from './stack.svelte.ts';
import type { Stage } from './stages.ts';

/** An edit that a person asked for. */
export interface Wish {
  readonly request: EditRequest;
  readonly settings: EditSettings;
  /** The edit that it makes again, and whose place it takes. */
  readonly replaces?: string;
}

/** What making needs of the page around it. */
export interface MakingContext {
  readonly client: EngineClient;
  readonly stack: Stack;
  readonly announcer: Announcer;
  /** Whether there is a model to edit. */
  readonly isReady: () => boolean;
  /** Hears that an edit was made. */
  readonly onMade: () => void;
  readonly onTenth: OnTenth;
}

/**
 * Edits in the making: those that wait, the one that runs, what came of the last. Those that wait outlive the worker: they
 * are made when the model is open again.
 */
export class Making {
  readonly #context: MakingContext;
  readonly job: Job;
  #working = false;
  #failed: Wish | null = null;

  /** What is being made; null when nothing is. */
  current = $state.raw<Wish | null>(null);
  /** What is to be made after it, first things first. */
  waiting = $state.raw<readonly Wish[]>([]);
  /** Why the last edit that failed did: told until another one is asked for. */
  error = $state.raw<EditorError | null>(null);
  /** The person has stopped the last edit. */
  stopped = $state(false);
  /** The edit whose proof is shown, with the time it took if it was made just now. */
  result = $state.raw<{ readonly edit: EditView; readonly seconds: number | null } | null>(null);
  /** How long the last edit took, but for what is kept from it: what the next may take. */
  usualSeconds = $state<number | null>(null);

  constructor(context: MakingContext) {
    this.#context = context;
    this.job = new Job('edit', context.onTenth);
  }

  /** Makes an edit, after those that wait. */
  add(wish: Wish): void {
    const { announcer, isReady } = this.#context;
    if (this.current || !isReady()) announcer.result(language.say.job.queued(wish.request.target.trim()));
    this.error = null;
    this.waiting = [...this.waiting, wish];
    void this.work();
  }

  /** Says why an edit can't even be asked for. */
  refuse(error: EditorError): void {
    this.error = error;
    this.#context.announcer.result(language.say.error.title[error.code]);
  }

  /** Makes the edit that failed, as it was asked for, after those that wait. */
  again(): void {
    if (this.#failed) this.add(this.#failed);
  }

  /** Leaves a waiting edit out. */
  forgo(wish: Wish): void {
    this.waiting = this.waiting.filter((each) => each !== wish);
  }

  /** Stops the edit that runs; the page says so at once. Returns whether one did. */
  cancel(): boolean {
    const ran = this.job.cancel();
    if (ran) this.stopped = true;
    return ran;
  }

  /** Shows the proof of an edit again. */
  show(edit: EditView): void {
    Object.assign(this, { error: null, stopped: false, result: { edit, seconds: null } });
  }

  /** Forgets what went wrong or was stopped: the form is about something else now. */
  clear(): void {
    Object.assign(this, { error: null, stopped: false });
  }

  /** Makes what waits, one after the other, as long as there is a model. */
  async work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#context.isReady() && this.waiting.length > 0) await this.#make(this.waiting[0]);
    } finally {
      this.#working = false;
    }
  }

  async #make(wish: Wish): Promise<void> {
    const { announcer, isReady, onMade, stack } = this.#context;
    this.forgo(wish);
    const edit = await this.#run(wish);
    if (edit) {
      const took = edit.proof.requests.every((request) => request.took);
      announcer.result(took ? language.say.proof.took : language.say.proof.missed);
      onMade();
    }
    // Also after a stop: an edit that was finished just before it is there, and must be seen.
    if (isReady()) await stack.admit(edit, wish.replaces);
  }

  async #run(wish: Wish): Promise<EditView | null> {
    const { announcer, client } = this.#context;
    const { request, settings, replaces } = wish;
    Object.assign(this, { current: wish, stopped: false, result: null });
    const outcome = await this.job.run('edit the model', (watch) => client.edit([request], settings, replaces, watch));
    this.current = null;
    if (outcome.state === 'failed') {
      this.error = outcome.error;
      this.#failed = wish;
      announcer.result(language.say.error.title[outcome.error.code]);
    }
    if (outcome.state !== 'done') return null;
    this.usualSeconds = this.job.seconds - secondsOnce(this.job.stages);
    this.result = { edit: outcome.value, seconds: this.job.seconds };
    return outcome.value;
  }
}

// ---

/** Time that went into what is made once and kept. */
function secondsOnce(stages: readonly Stage[]): number {
  return stages.filter(({ id }) => ONCE.has(id)).reduce((sum, { seconds }) => sum + seconds, 0);
}

const ONCE = new Set(['templates', 'covariance', 'factor']);
