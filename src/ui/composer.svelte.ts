import { toEditorError, type EditorError } from '../base/errors.ts';
import type { EditRequest, EditSettings, EditView, LayerPreview, LayerSets } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { Job, type OnTenth } from './job.svelte.ts';
import { pause } from './pause.ts';
import { makeRequest, toDraft, type Draft } from './request.ts';
import type { Stage } from './stages.ts';
import { chosenLayers, PRESET_IDS, settingsOf, type Changes, type PresetId } from './settings.ts';

/** An edit that was asked for, as the form stood then. */
export interface AskedEdit {
  readonly id: number;
  readonly request: EditRequest;
  readonly settings: EditSettings;
}

/** The second step: what shall follow, where and how it is written, the edit itself and its proof. */
export class Composer {
  readonly #client: EngineClient;
  readonly #prompt: () => string;
  readonly #paraphrases: (prompt: string) => readonly string[];
  readonly job: Job;
  #previewing: AbortController | null = null;
  #counting: AbortController | null = null;

  target = $state('');
  subject = $state('');
  targetTokens = $state<number | null>(null);

  preset = $state<PresetId>(PRESET_IDS[0]);
  changes = $state.raw<Changes>({});

  preview = $state.raw<LayerPreview | null>(null);
  previewing = $state(false);
  previewError = $state.raw<EditorError | null>(null);
  /** What will be written, as far as that is known. */
  readonly chosen: LayerSets = $derived(chosenLayers(this.changes, this.preview?.layers ?? NONE));

  /** Edits that were asked for and wait for the one that runs, or for the model to be open again. */
  waiting = $state.raw<readonly AskedEdit[]>([]);
  /** The edit that was begun last. */
  current = $state.raw<AskedEdit | null>(null);
  #asked = 0;

  /** Why the last edit that failed did: told until another one is asked for. */
  error = $state.raw<EditorError | null>(null);
  #failed: AskedEdit | null = null;
  /** The person has stopped the last edit. */
  stopped = $state(false);
  /** The last edit that was finished here, with the time it took. */
  result = $state.raw<{ readonly edit: EditView; readonly seconds: number } | null>(null);
  /** How long the last edit took, but for what is kept from it: what the next may take. */
  lastSeconds = $state<number | null>(null);

  /**
   * @param prompt      what the first step reads
   * @param paraphrases other ways to ask it, where they are known
   */
  constructor(
    client: EngineClient,
    prompt: () => string,
    paraphrases: (prompt: string) => readonly string[],
    onTenth: OnTenth,
  ) {
    this.#client = client;
    this.#prompt = prompt;
    this.#paraphrases = paraphrases;
    this.job = new Job('edit', onTenth);
  }

  get draft(): Draft {
    return { prompt: this.#prompt(), target: this.target, subject: this.subject };
  }

  get request(): EditRequest {
    return makeRequest(this.draft, this.#paraphrases(this.#prompt()));
  }

  /** What is wrong with a setting, as far as the engine has said. */
  faultOf(name: keyof Changes): string | null {
    const { code, values } = this.previewError ?? {};
    return code === 'invalid-hyperparameter' && values && name in values ? String(values[name]) : null;
  }

  /** Takes over an example or an earlier request; its prompt goes where prompts are. */
  take(request: EditRequest): void {
    const { target, subject } = toDraft(request);
    Object.assign(this, { target, subject, error: null, stopped: false });
  }

  /** Another preset; what was changed of the old one is forgotten. */
  choose(preset: PresetId): void {
    Object.assign(this, { preset, changes: {}, error: null });
    void this.refreshPreview();
  }

  /** Other settings. */
  change(changes: Changes): void {
    Object.assign(this, { changes, error: null });
    void this.refreshPreview(PAUSE);
  }

  /** Ranks the layers for the prompt as it is now. */
  async refreshPreview(delay = 0): Promise<void> {
    this.#previewing?.abort();
    const controller = new AbortController();
    const { signal } = controller;
    this.#previewing = controller;
    this.previewError = null;
    if (this.#prompt().trim() === '') return;
    this.previewing = true;
    try {
      await pause(delay, signal);
      // Layers follow from the prompt alone; a target that isn't written yet, or is faulty, must not hide them.
      const asked = makeRequest({ ...this.draft, target: 'it' });
      this.preview = await this.#client.previewLayers(asked, settingsOf(this.preset, this.changes), { signal });
      this.previewError = null;
    } catch (thrown) {
      const error = toEditorError(thrown, 'rank layers');
      if (error.code !== 'aborted' && this.#previewing === controller) this.previewError = error;
    } finally {
      if (this.#previewing === controller) this.previewing = false;
    }
  }

  /** Counts the target's tokens. */
  async countTarget(): Promise<void> {
    this.#counting?.abort();
    const { signal } = (this.#counting = new AbortController());
    const text = this.target.trim();
    try {
      await pause(PAUSE, signal);
      const tokens = text === '' ? [] : await this.#client.tokenize(` ${text}`);
      if (!signal.aborted) this.targetTokens = tokens.length;
    } catch {
      // A count is a courtesy: the edit itself says what is wrong with a target.
    }
  }

  /** Puts the edit that the form describes behind those that wait. */
  ask(): void {
    this.#enqueue(this.request, settingsOf(this.preset, this.changes));
  }

  /** Puts the edit that failed behind those that wait, as it was asked for. */
  askAgain(): void {
    if (this.#failed) this.#enqueue(this.#failed.request, this.#failed.settings);
  }

  /** Takes back an edit that waits. */
  withdraw(id: number): void {
    this.waiting = this.waiting.filter((asked) => asked.id !== id);
  }

  /** Makes the edit that has waited longest. Resolves with it; null when it was stopped or failed. */
  async runNext(): Promise<EditView | null> {
    const [asked, ...rest] = this.waiting;
    Object.assign(this, { waiting: rest, current: asked, stopped: false, result: null });
    const { request, settings } = asked;
    const outcome = await this.job.run('edit the model', (watch) => this.#client.edit([request], settings, watch));
    if (outcome.state === 'failed') {
      this.error = outcome.error;
      this.#failed = asked;
    }
    if (outcome.state !== 'done') return null;
    this.lastSeconds = this.job.seconds - secondsOnce(this.job.stages);
    this.result = { edit: outcome.value, seconds: this.job.seconds };
    return outcome.value;
  }

  /** Stops the edit that runs; the page says so at once. */
  cancel(): boolean {
    const ran = this.job.cancel();
    if (ran) this.stopped = true;
    return ran;
  }

  #enqueue(request: EditRequest, settings: EditSettings): void {
    this.error = null;
    this.waiting = [...this.waiting, { id: ++this.#asked, request, settings }];
  }
}

// ---

/** Milliseconds without a key stroke before anything is asked. */
const PAUSE = 250;

/** Time that went into what is made once and kept. */
function secondsOnce(stages: readonly Stage[]): number {
  return stages.filter(({ id }) => ONCE.has(id)).reduce((sum, { seconds }) => sum + seconds, 0);
}

const ONCE = new Set(['templates', 'covariance', 'factor']);

const NONE: LayerSets = { mlp: [], attn: [] };
