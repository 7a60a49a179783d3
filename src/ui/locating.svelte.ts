import type { Example, Opened } from '../worker/api.ts';
import {
  isMeasuredAlike,
  tracingFaults,
  usualTracing,
  type LocationKind,
  type Question,
  type TracingFault,
  type TracingSettings,
} from '../worker/api-locate.ts';
import type { EngineClient } from '../worker/client.ts';
import type { OnTenth } from './job.svelte.ts';
import { offerSubject, toDraft, type Draft } from './request.ts';
import { Sets } from './sets.svelte.ts';
import { Tracing } from './tracing.svelte.ts';

/** Where the step finds what it asks about. */
export interface LocatingContext {
  /** What the first step reads and the next one would write. */
  readonly composer: { readonly draft: Draft };
  readonly opened: Pick<Opened, 'model'> | null;
}

/** The ways to look at where an answer is held. */
export const VIEWS = ['map', 'lens', 'similarity', 'layers', 'relations'] as const;

/** One of them. */
export type View = (typeof VIEWS)[number];

/** Whether a view is about many prompts, whatever has been traced. */
export function isOfSets(view: View): boolean {
  return view === 'layers' || view === 'relations';
}

/** With the edits that are on, without them, or the difference. */
export const MOMENTS = ['after', 'before', 'change'] as const;

/** One of them. */
export type Moment = (typeof MOMENTS)[number];

/** The second step: where the answer is held, and from there the layers to edit. */
export class Locating {
  readonly #client: EngineClient;
  readonly #context: LocatingContext;
  /** Whether an earlier visit has been looked for. */
  #sought = false;
  /** The prompt that is asked. */
  readonly here: Tracing;
  /** Another one beside it, to compare. */
  readonly beside: Tracing;

  /** The same question to the untouched model, once it is asked for. */
  readonly before: Tracing;
  /** Many prompts together. */
  readonly sets: Sets;

  /** What the last whole map took. */
  #pace = $state.raw<Pace | null>(null);
  /** Words that the person wants blurred, in the prompt that they were chosen for. */
  #own = $state.raw<{ readonly words: string; readonly prompt: string } | null>(null);
  /** Settings that aren't left as they usually are. */
  #ownHow = $state.raw<Partial<TracingSettings>>({});
  /** The answer that is looked for; empty for what the model says. */
  answer = $state('');
  view = $state<View>('map');
  moment = $state<Moment>('after');
  kind = $state<LocationKind>('hidden');
  /** Whether every panel has a scale of its own. */
  perPanel = $state(false);
  /** Layers that the person has painted, ascending. */
  layers = $state.raw<readonly number[]>([]);
  /** The layers that were handed on to the edit last. */
  used = $state.raw<readonly number[] | null>(null);

  constructor(client: EngineClient, context: LocatingContext, onTenth: OnTenth) {
    this.#client = client;
    this.#context = context;
    this.here = new Tracing(client, onTenth);
    this.beside = new Tracing(client, onTenth);
    this.before = new Tracing(client, onTenth);
    this.sets = new Sets(client, onTenth);
  }

  get #draft(): Draft {
    return this.#context.composer.draft;
  }

  get #depth(): number {
    return this.#context.opened?.model.n_layers ?? 0;
  }

  /** Words of the prompt that are blurred: the person's own, the example's, or those that are offered. */
  get subject(): string {
    const { prompt, subject } = this.#draft;
    if (this.#own?.prompt === prompt) return this.#own.words;
    return subject.trim() !== '' && prompt.includes(subject.trim()) ? subject.trim() : offerSubject(prompt);
  }

  set subject(words: string) {
    this.#own = { words, prompt: this.#draft.prompt };
  }

  /** How one measures here where nobody says otherwise. */
  get usual(): TracingSettings {
    return usualTracing(this.#context.opened?.model ?? UNOPENED);
  }

  /** How the next prompt will be measured. */
  get how(): TracingSettings {
    return { ...this.usual, ...this.#ownHow };
  }

  /** The settings that the engine would refuse. */
  get faults(): TracingFault[] {
    return tracingFaults(this.how, (this.#context.opened?.model ?? UNOPENED).d_vocab);
  }

  /** What runs, if anything does. */
  get running(): Tracing | Sets | null {
    return [this.here, this.before, this.beside, this.sets].find(({ job }) => job.running) ?? null;
  }

  /** Whether something ended with its device, and was not asked again since. */
  get wasLost(): boolean {
    return [this.here, this.before, this.beside, this.sets].some(({ error }) => error?.code === 'device-lost');
  }

  /**
   * How long so many tokens will take, by what the last whole map took: twice as many cells, each with twice as much to run,
   * and every draw beside the clean run. Null before there was one.
   */
  secondsFor(tokens: number): number | null {
    if (!this.#pace) return null;
    const runs = (this.how.draws + 1) / (this.#pace.draws + 1);
    return this.#pace.seconds * (tokens / this.#pace.tokens) ** 2 * runs;
  }

  /** Measures otherwise from now on; what isn't named stays. */
  measure(how: Partial<TracingSettings>): void {
    this.#ownHow = { ...this.#ownHow, ...how };
  }

  /** Measures as usual again, in the windows that are chosen. */
  measureAsUsual(): void {
    this.#ownHow = { window: this.how.window };
  }

  /** Traces the prompt as it stands. */
  async run(): Promise<void> {
    const asked = this.#question();
    Object.assign(this, { layers: [], used: null, moment: 'after' });
    this.before.forget();
    await this.here.run(asked, this.kind, this.#depth);
    this.#learnPace();
    const { here, beside } = this;
    const isWhole = here.question === asked && !here.stopped && !here.error;
    // What is measured in different ways, or with other edits, is not comparable.
    const isAlike =
      !beside.question || (isMeasuredAlike(beside.question.how, asked.how) && beside.stamp === here.stamp);
    if (isWhole && beside.question && !isAlike) await this.#runBeside({ ...beside.question, how: asked.how });
    else await this.#keep();
  }

  /** Shows what an earlier visit has traced, once, unless something was asked since. */
  async restore(): Promise<void> {
    if (this.#sought) return;
    this.#sought = true;
    const kept = await this.#client.keptTracing(this.#draft.prompt).catch(() => null);
    if (!kept || this.here.question) return;
    const { here, beside } = kept;
    this.here.restore(here);
    this.#learnPace();
    if (beside) this.beside.restore(beside);
    this.measure(here.question.how);
    if (here.question.prompt !== this.#draft.prompt) return;
    Object.assign(this, { subject: here.question.subject, answer: here.question.target });
  }

  /** Shows the answer with the edits, without them, or the difference: then the untouched model is asked the same. */
  async show(moment: Moment): Promise<void> {
    this.moment = moment;
    const { item, question } = this.here;
    const { before } = this;
    const isAnswered = before.question && !before.error && !before.stopped;
    if (moment === 'after' || !item || !question || isAnswered) return;
    const { subject, targetIds } = item;
    await before.run({ ...question, subject, targetIds, version: 'original' }, this.kind, this.#depth);
  }

  /** Traces an example's own answer beside it, in the same way; without one, nothing is beside it. */
  async compareWith(example: Example | null): Promise<void> {
    this.beside.forget();
    if (!example) return this.#keep();
    const { prompt, subject } = toDraft(example);
    const how = this.here.question?.how ?? this.how;
    await this.#runBeside({ prompt, subject, target: '', version: 'edited', how });
  }

  /** Whether a question is what the form asks. */
  isAsked({ prompt, subject, target, how }: Question): boolean {
    const asked = this.#question();
    const isSame = prompt === asked.prompt && subject === asked.subject && target === asked.target;
    return isSame && isMeasuredAlike(how, asked.how);
  }

  /** Stops what runs. Returns whether anything did. */
  cancel(): boolean {
    return this.running?.cancel() ?? false;
  }

  #learnPace(): void {
    const { traced } = this.here;
    if (!traced || traced.stopped) return;
    this.#pace = { tokens: traced.item.ids.length, draws: traced.map.draws, seconds: traced.seconds };
  }

  #question(): Question {
    const { subject, answer: target, how } = this;
    return { prompt: this.#draft.prompt, subject, target, version: 'edited', how };
  }

  async #runBeside(question: Question): Promise<void> {
    await this.beside.run(question, this.kind, this.#depth);
    await this.#keep();
  }

  /** For another visit. What can't be kept stays on the screen; that the store refuses is told by a notice. */
  async #keep(): Promise<void> {
    const { traced: here } = this.here;
    if (here) await this.#client.keepTracing({ here, beside: this.beside.traced }).catch(() => undefined);
  }
}

// ---

/** What a whole map took. */
interface Pace {
  readonly tokens: number;
  readonly draws: number;
  readonly seconds: number;
}

/** As long as no model is open, nothing is known of it. */
const UNOPENED = { n_layers: 0, d_vocab: Infinity };
