import { toEditorError, type EditorError } from '../base/errors.ts';
import type { EditRequest, EditSettings, LayerPreview, LayerSets } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { pause } from './pause.ts';
import { makeRequest, toDraft, type Draft } from './request.ts';
import {
  chosenLayers,
  PRESET_IDS,
  settingsOf,
  withLayers,
  type Changes,
  type Module,
  type PresetId,
} from './settings.ts';

/** What surrounds the form. */
export interface ComposerContext {
  /** What the first step reads. */
  readonly prompt: () => string;
  /** Other ways to ask it, where they are known. */
  readonly paraphrases: (prompt: string) => readonly string[];
  /** Of every draw. */
  readonly seed: () => number;
  /** Hears that the settings have changed. */
  readonly onChange: () => void;
}

/** The second step's form: what shall follow, where and how it is written. */
export class Composer {
  readonly #client: EngineClient;
  readonly #context: ComposerContext;
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

  constructor(client: EngineClient, context: ComposerContext) {
    this.#client = client;
    this.#context = context;
  }

  get draft(): Draft {
    return { prompt: this.#context.prompt(), target: this.target, subject: this.subject };
  }

  get request(): EditRequest {
    return makeRequest(this.draft, this.#context.paraphrases(this.#context.prompt()));
  }

  get settings(): EditSettings {
    return settingsOf(this.preset, { seed: this.#context.seed(), ...this.changes });
  }

  /** Takes over an example or an earlier request; its prompt goes where prompts are. */
  take(request: EditRequest): void {
    const { target, subject } = toDraft(request);
    Object.assign(this, { target, subject });
  }

  /** Another preset; what was changed of the old one is forgotten. */
  choose(preset: PresetId): void {
    Object.assign(this, { preset, changes: {} });
    this.#context.onChange();
    void this.refreshPreview();
  }

  /** Other settings. */
  change(changes: Changes): void {
    this.changes = changes;
    this.#context.onChange();
    void this.refreshPreview(PAUSE);
  }

  /** Writes in these layers of some modules, instead of those that the rule takes. */
  writeIn(modules: readonly Module[], layers: readonly number[]): void {
    this.change(modules.reduce((changes, module) => withLayers(changes, module, layers), this.changes));
  }

  /** Ranks the layers for the prompt as it is now. */
  async refreshPreview(delay = 0): Promise<void> {
    this.#previewing?.abort();
    const controller = new AbortController();
    const { signal } = controller;
    this.#previewing = controller;
    this.previewError = null;
    // Also where there is nothing to rank for: what was given up no longer says so itself.
    this.previewing = this.#context.prompt().trim() !== '';
    if (!this.previewing) return;
    try {
      await pause(delay, signal);
      // Layers follow from the prompt alone; a target that isn't written yet, or is faulty, must not hide them.
      const asked = makeRequest({ ...this.draft, target: 'it' });
      this.preview = await this.#client.previewLayers(asked, this.settings, { signal });
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
}

// ---

/** Milliseconds without a key stroke before anything is asked. */
const PAUSE = 250;

const NONE: LayerSets = { mlp: [], attn: [] };
