import { toEditorError, type EditorError } from '../base/errors.ts';
import type { Prediction, Sampling, TokenEvent, Version } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { firstSentence } from './difference.ts';
import { pause } from './pause.ts';

/** What one version of the model makes of a prompt. */
export interface Reading {
  readonly prompt: string;
  readonly prediction: Prediction;
  /** The greedy continuation so far, up to the end of its first sentence. */
  readonly text: string;
  readonly done: boolean;
}

/** The first step: a prompt, its tokens, what should follow, with the edits that are on and without. */
export class Ask {
  readonly #client: EngineClient;
  readonly #hasEdits: () => boolean;
  #controller: AbortController | null = null;

  prompt = $state('');
  edited = $state.raw<Reading | null>(null);
  /** The untouched model's; null while no edit is on, for both are then the same. */
  original = $state.raw<Reading | null>(null);
  /** Whether the person holds the original up. */
  peeking = $state(false);
  reading = $state(false);
  error = $state.raw<EditorError | null>(null);

  /** The version that is shown. */
  readonly shown: Reading | null = $derived(this.peeking ? (this.original ?? this.edited) : this.edited);
  /** The version underneath; null when there is none, or when it says the same. */
  readonly under: Reading | null = $derived.by(() => {
    const under = this.peeking ? this.edited : this.original;
    return under && this.shown && under !== this.shown && under.text !== this.shown.text ? under : null;
  });

  constructor(client: EngineClient, hasEdits: () => boolean) {
    this.#client = client;
    this.#hasEdits = hasEdits;
  }

  /** Reads the prompt again, after `delay` milliseconds without another call; what was being read is given up. */
  async refresh(delay = 0): Promise<void> {
    this.#controller?.abort();
    const controller = new AbortController();
    const { signal } = controller;
    const { prompt } = this;
    this.#controller = controller;
    if (prompt.trim() === '') {
      Object.assign(this, { edited: null, original: null, error: null, reading: false });
      return;
    }
    this.reading = true;
    try {
      await pause(delay, signal);
      const hasEdits = this.#hasEdits();
      const edited = await this.#client.predict(prompt, 'edited', CANDIDATES, { signal });
      const original = hasEdits ? await this.#client.predict(prompt, 'original', CANDIDATES, { signal }) : null;
      this.error = null;
      await this.#write('edited', prompt, edited, signal);
      if (original) await this.#write('original', prompt, original, signal);
      else this.original = null;
    } catch (thrown) {
      const error = toEditorError(thrown, 'read the prompt');
      if (error.code !== 'aborted' && this.#controller === controller) this.error = error;
    } finally {
      if (this.#controller === controller) this.reading = false;
    }
  }

  /** Streams the continuation of one version into its reading. */
  async #write(version: Version, prompt: string, prediction: Prediction, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const stop = AbortSignal.any([signal, enough.signal]);
    let text = '';
    this[version] = { prompt, prediction, text, done: false };
    const onToken = (token: TokenEvent) => {
      if (stop.aborted) return;
      text += token.text;
      const end = firstSentence(text);
      if (end >= 0) text = text.slice(0, end);
      this[version] = { prompt, prediction, text, done: end >= 0 };
      if (end >= 0) enough.abort();
    };
    try {
      await this.#client.generate(prompt, version, CONTINUATION, GREEDY, onToken, { signal: stop });
    } catch (thrown) {
      if (signal.aborted || !enough.signal.aborted) throw thrown;
    }
    this[version] = { prompt, prediction, text, done: true };
  }
}

// ---

/** Rows of the next-token chart. */
const CANDIDATES = 8;

/** Tokens of a continuation without an end of sentence. */
const CONTINUATION = 24;

const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, seed: 0 };
