import { toEditorError, type EditorError } from '../base/errors.ts';
import {
  firstOfEach,
  type KeptSets,
  type MeasuredSets,
  type PromptFigures,
  type PromptSet,
  type RelationPrompt,
  type RelationSummary,
  type SetsAsked,
  type StoredSets,
} from '../worker/api-locate.ts';
import type { EngineClient } from '../worker/client.ts';
import { Job, type OnTenth } from './job.svelte.ts';
import type { Comparison } from './layer-lines.ts';
import { relationsIn, type OfferedRelation, type SetLine } from './sets-view.ts';

/** Where the figures that are shown come from: with the model, or measured in this page. */
export const SOURCES = ['stored', 'measured'] as const;

/** One of them. */
export type Source = (typeof SOURCES)[number];

/** As many prompts of each relation as there are. */
export const ALL_OF_EACH = 10_000;

/** What many prompts show together: figures that came with the model, and those that are computed here. */
export class Sets {
  readonly #client: EngineClient;
  readonly job: Job;
  #loaded = false;

  /** Null when none came with the model; undefined as long as that isn't known. */
  stored = $state.raw<StoredSets | null | undefined>(undefined);
  /** Computed in this page, as far as that has come. */
  measured = $state.raw<MeasuredSets | null>(null);
  /** What that was asked of, in its order. */
  #prompts: readonly RelationPrompt[] = [];
  /** When that ended, in milliseconds since 1970; null from its first figures to its last. */
  measuredAt = $state<number | null>(null);
  /** What that took, and how many prompts and variants it was: for the others, figures were kept from before. */
  took = $state.raw({ seconds: 0, fresh: 0 });
  /** Whether it is from an earlier visit. */
  restored = $state(false);
  error = $state.raw<EditorError | null>(null);

  /** Prompts that came with the model; null without any, undefined as long as that isn't known. */
  offered = $state.raw<PromptSet | null | undefined>(undefined);
  /** A person's own, from a file. */
  own = $state.raw<PromptSet | null>(null);
  /** Whether those are the ones to be measured. */
  usesOwn = $state(false);
  /** What is wrong with the file that was chosen last. */
  refusal = $state.raw<EditorError | null>(null);
  /** Relations that are not to be measured. */
  leftOut = $state.raw<readonly string[]>([]);
  /** Prompts of each relation, at most. */
  each = $state(3);
  /** What a prompt took in the last run, without its variants; null before there was one. */
  secondsPerPrompt = $state<number | null>(null);

  /** What is looked at. */
  line = $state<SetLine>('effect');
  /** What the lines over layers set beside each other. */
  comparison = $state<Comparison>('knowledge');
  source = $state<Source>('measured');

  /** What is shown: what was computed here comes first, unless the other is chosen. */
  readonly shown: StoredSets | MeasuredSets | null = $derived(
    (this.source === 'measured' ? this.measured : null) ?? this.stored ?? this.measured,
  );
  /** The prompts to be measured. */
  readonly chosen: PromptSet | null = $derived(this.usesOwn && this.own ? this.own : (this.offered ?? null));
  readonly relations: readonly OfferedRelation[] = $derived(relationsIn(this.chosen));
  /** The prompts that a run would measure. */
  readonly #asked: readonly RelationPrompt[] = $derived.by(() => {
    const prompts = this.chosen?.prompts.filter(({ relation }) => !this.leftOut.includes(relation)) ?? [];
    return firstOfEach(prompts, this.each);
  });
  /** How many they are. */
  readonly count: number = $derived(this.#asked.length);

  constructor(client: EngineClient, onTenth: OnTenth) {
    this.#client = client;
    this.job = new Job('locate', onTenth);
  }

  /** Reads what came with the model, once. */
  async load(): Promise<void> {
    if (this.#loaded) return;
    this.#loaded = true;
    try {
      this.offered = await this.#client.modelPrompts();
      this.#restore(await this.#client.keptSets());
      this.stored = await this.#client.storedSets();
    } catch (thrown) {
      this.#loaded = false;
      Object.assign(this, { stored: null, error: toEditorError(thrown, 'read the stored sets') });
    }
  }

  /** Takes a file of a person's own prompts; one that is refused changes nothing. */
  async take(file: File): Promise<void> {
    try {
      const own = await this.#client.readPrompts(file);
      Object.assign(this, { own, refusal: null });
      this.use('own');
    } catch (thrown) {
      this.refusal = toEditorError(thrown, 'read the prompts');
    }
  }

  /** Chooses whose prompts are measured: all of few, few of many. */
  use(whose: 'own' | 'model'): void {
    const usesOwn = whose === 'own';
    Object.assign(this, { usesOwn, leftOut: [], each: usesOwn ? ALL_OF_EACH : 3, refusal: null });
  }

  /** Leaves relations out, or takes them in again. */
  choose(relations: readonly string[], isIn: boolean): void {
    const others = this.leftOut.filter((each) => !relations.includes(each));
    this.leftOut = isIn ? others : [...others, ...relations];
  }

  /** Measures on the model as it stands. What has come stays when it is stopped. */
  async run(): Promise<void> {
    Object.assign(this, { error: null, source: 'measured' });
    const relations = this.relations.map(({ relation }) => relation).filter((each) => !this.leftOut.includes(each));
    const prompts = this.#asked;
    const asked: SetsAsked = { own: this.usesOwn ? this.own : null, relations, each: this.each };
    // Parts come by another way than the whole: one may come after it.
    let isOpen = true;
    let fresh = 0;
    const outcome = await this.job.run('measure sets', async (watch) => {
      const hear = (part: MeasuredSets) => {
        if (!isOpen || watch.signal?.aborted) return;
        fresh += 1;
        this.#prompts = prompts;
        Object.assign(this, { measured: part, measuredAt: null, restored: false });
        if (variantsIn(part) === 0) this.secondsPerPrompt = this.job.seconds / fresh;
      };
      return this.#client.measureSets(asked, 'edited', hear, watch);
    });
    isOpen = false;
    if (this.job.running) return;
    if (outcome.state === 'failed') this.error = outcome.error;
    if (outcome.state === 'done') {
      this.#prompts = prompts;
      Object.assign(this, { measured: outcome.value, restored: false });
    } else if (fresh === 0) return;
    this.took = { seconds: this.job.seconds, fresh };
    this.measuredAt = Date.now();
    await this.#keep();
  }

  /** Stops what runs. Returns whether anything did. */
  cancel(): boolean {
    return this.job.cancel();
  }

  /**
   * The prompts that a relation's figures are from, as far as they have come. Null where they aren't known: none came with
   * the model, or they were measured by a version of this page that didn't keep them.
   */
  promptsOf({ relation, summary: { n } }: RelationSummary): readonly RelationPrompt[] | null {
    const all = this.#isMeasuredShown ? this.#prompts : (this.offered?.prompts ?? []);
    const prompts = all.filter((each) => each.relation === relation).slice(0, n);
    return prompts.length === n ? prompts : null;
  }

  /** What was measured here of single prompts; null for those of which nothing is kept, and of those that came so. */
  async figuresOf(prompts: readonly RelationPrompt[]): Promise<readonly (PromptFigures | null)[]> {
    const { measured } = this;
    const none = prompts.map(() => null);
    if (!measured || !this.#isMeasuredShown) return none;
    const { settings, stamp } = measured;
    return this.#client.promptFigures(prompts, { settings, stamp }).catch(() => none);
  }

  get #isMeasuredShown(): boolean {
    return this.measured !== null && this.shown === this.measured;
  }

  #restore(kept: KeptSets | null): void {
    if (!kept || this.measured || this.job.running) return;
    const { sets: measured, prompts, computedAt: measuredAt, secondsPerPrompt } = kept;
    this.#prompts = prompts;
    Object.assign(this, { measured, measuredAt, secondsPerPrompt, restored: true });
  }

  /** For another visit. What can't be kept stays on the screen; that the store refuses is told by a notice. */
  async #keep(): Promise<void> {
    const { measured: sets, measuredAt: computedAt, secondsPerPrompt } = this;
    if (!sets || computedAt === null) return;
    const prompts = this.#prompts;
    await this.#client.keepSets({ sets, prompts, computedAt, secondsPerPrompt }).catch(() => undefined);
  }
}

/** How many prompts about other people have been measured. */
export function variantsIn({ decoupling }: Pick<MeasuredSets, 'decoupling'>): number {
  return Object.values(decoupling).reduce((sum, { n }) => sum + n, 0);
}
