import { toEditorError, type EditorError } from '../base/errors.ts';
import type { MeasuredSets, StoredSets } from '../worker/api-locate.ts';
import type { EngineClient } from '../worker/client.ts';
import { Job, type OnTenth } from './job.svelte.ts';
import type { Comparison } from './layer-lines.ts';
import type { SetLine } from './sets-view.ts';

/** What many prompts show together: figures that came with the model, and those that are computed here. */
export class Sets {
  readonly #client: EngineClient;
  readonly job: Job;
  #asked = false;

  /** Null when none came with the model; undefined as long as that isn't known. */
  stored = $state.raw<StoredSets | null | undefined>(undefined);
  /** Computed in this page, as far as that has come. */
  measured = $state.raw<MeasuredSets | null>(null);
  /** When that ended, in milliseconds since 1970; null while it runs. */
  measuredAt = $state<number | null>(null);
  error = $state.raw<EditorError | null>(null);
  /** Prompts of each relation. */
  each = $state(3);
  /** What is looked at. */
  line = $state<SetLine>('effect');
  /** What the lines over layers set beside each other. */
  comparison = $state<Comparison>('knowledge');
  /** What is shown: what was computed here comes first. */
  readonly shown: StoredSets | MeasuredSets | null = $derived(this.measured ?? this.stored ?? null);

  constructor(client: EngineClient, onTenth: OnTenth) {
    this.#client = client;
    this.job = new Job('locate', onTenth);
  }

  /** Reads what came with the model, once. */
  async load(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    try {
      this.stored = await this.#client.storedSets();
    } catch (thrown) {
      this.#asked = false;
      Object.assign(this, { stored: null, error: toEditorError(thrown, 'read the stored sets') });
    }
  }

  /** Measures on the model as it stands. What has come stays when it is stopped. */
  async run(): Promise<void> {
    Object.assign(this, { error: null, measuredAt: null });
    // Parts come by another way than the whole: one may come after it.
    let isOpen = true;
    const outcome = await this.job.run('measure sets', async (watch) => {
      const hear = (part: MeasuredSets) => {
        if (isOpen && !watch.signal?.aborted) this.measured = part;
      };
      this.measured = await this.#client.measureSets(this.each, 'edited', hear, watch);
    });
    isOpen = false;
    if (this.job.running) return;
    this.measuredAt = Date.now();
    if (outcome.state === 'failed') this.error = outcome.error;
  }

  /** Stops what runs. Returns whether anything did. */
  cancel(): boolean {
    return this.job.cancel();
  }
}
