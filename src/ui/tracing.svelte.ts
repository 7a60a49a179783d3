import type { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type {
  LocateCase,
  LocatePart,
  LocateRequest,
  LocationKind,
  LocationMap,
  Question,
  Recalled,
  Seen,
  TracedAnswer,
} from '../worker/api-locate.ts';
import type { EngineClient } from '../worker/client.ts';
import { Job, type OnTenth } from './job.svelte.ts';
import { emptyMap, KINDS, withBlock } from './location.ts';
import { continueSentence } from './sentence.ts';

/** Where one answer is held, as far as that is known: cells as they come, and what came when it was stopped. */
export class Tracing {
  readonly #client: EngineClient;
  readonly job: Job;

  question = $state.raw<Question | null>(null);
  item = $state.raw<LocateCase | null>(null);
  /** Which edits took part (`stampOf`). */
  stamp = $state('');
  map = $state.raw<LocationMap | null>(null);
  recalled = $state.raw<Recalled | null>(null);
  seen = $state.raw<Seen | null>(null);
  /** When it was computed, in milliseconds since 1970; null while it is. */
  computedAt = $state<number | null>(null);
  stopped = $state(false);
  /** Whether it is from an earlier visit. */
  restored = $state(false);
  error = $state.raw<EditorError | null>(null);

  constructor(client: EngineClient, onTenth: OnTenth) {
    this.#client = client;
    this.job = new Job('locate', onTenth);
  }

  /**
   * Asks; what was known of another question is forgotten.
   *
   * @param first what is computed first, because it is looked at
   * @param depth layers of the model
   */
  async run(question: Question, first: LocationKind, depth: number): Promise<void> {
    this.forget();
    this.question = question;
    const outcome = await this.job.run('locate the answer', (watch) => this.#ask(question, first, depth, watch));
    if (this.question !== question) return;
    this.computedAt = Date.now();
    this.stopped = outcome.state === 'stopped';
    this.error = outcome.state === 'failed' ? outcome.error : null;
  }

  /** What has come, as far as it can be shown again; null without any cells, and while it runs. */
  get traced(): TracedAnswer | null {
    const { question, item, map, stamp, recalled, seen, computedAt, job, error } = this;
    if (!question || !item || !map || computedAt === null || job.running) return null;
    const stopped = this.stopped || error !== null;
    return { question, item, map, stamp, recalled, seen, computedAt, seconds: job.seconds, stopped };
  }

  /** Shows what was traced before. */
  restore({ seconds, ...traced }: TracedAnswer): void {
    this.forget();
    Object.assign(this, { ...traced, restored: true });
    this.job.seconds = seconds;
  }

  /** Stops; what has come stays. Returns whether anything ran. */
  cancel(): boolean {
    return this.job.cancel();
  }

  /** Stops and forgets everything. */
  forget(): void {
    this.job.cancel();
    Object.assign(this, { question: null, item: null, stamp: '', map: null, recalled: null, seen: null });
    Object.assign(this, { computedAt: null, stopped: false, restored: false, error: null });
  }

  async #ask(question: Question, first: LocationKind, depth: number, watch: Watch) {
    const { prompt, subject, version, how } = question;
    watch.progress?.({ stage: 'answer', done: 0, total: 1, unit: 'steps' });
    const request: LocateRequest = { prompt, subject, ...(await this.#target(question, watch)) };
    const kinds = [first, ...KINDS.filter((kind) => kind !== first)];
    // Parts come by another way than the whole: one may come after it.
    let isOpen = true;
    const hear = (part: LocatePart) => isOpen && !watch.signal?.aborted && this.#take(part, depth);
    const { map, item, stamp } = await this.#client.locate(request, version, { ...how, kinds }, hear, watch);
    isOpen = false;
    Object.assign(this, { map, item, stamp });
    watch.progress?.({ stage: 'recall', done: 0, total: 1, unit: 'steps' });
    const recalled = await this.#client.recall(request, version, how.topK, watch);
    // Edits that came meanwhile make it another model: what that one does isn't shown beside this map.
    if (recalled.stamp !== stamp) return;
    this.recalled = recalled;
    const seen = await this.#client.lens(request, version, watch);
    if (seen.stamp === stamp) this.seen = seen;
  }

  /** The answer that is asked for, or what the model says of itself, token by token, without the end of its sentence. */
  async #target({ prompt, target, targetIds, version }: Question, watch: Watch): Promise<Target> {
    if (targetIds) return { targetIds };
    if (target.trim() !== '') return { target };
    const signal = watch.signal ?? new AbortController().signal;
    const { text, tokens } = await continueSentence(this.#client, prompt, version, GREEDY, signal);
    const end = text.trimEnd().replace(/[.!?”"]+$/, '').length;
    let from = 0;
    const said = tokens.filter((token) => (from += token.text.length) - token.text.length < end);
    return said.length > 0 ? { targetIds: said.map(({ id }) => id) } : {};
  }

  #take(part: LocatePart, depth: number): void {
    if (part.kind === 'case') Object.assign(this, { item: part.item, stamp: part.stamp });
    if (part.kind === 'baseline') this.map = emptyMap(part.baseline, this.item?.ids.length ?? 0, depth);
    if (part.kind === 'cells' && this.map) this.map = withBlock(this.map, part.block);
  }
}

// ---

/** What a request looks for: nothing said of it leaves that to the model. */
type Target = Pick<LocateRequest, 'target' | 'targetIds'>;

const GREEDY = { temperature: 0, topK: 0, topP: 1, seed: 0 };
