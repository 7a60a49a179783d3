import { toEditorError, type EditorError } from '../base/errors.ts';
import type { Prediction, Sampling, TokenView, Version } from '../worker/api.ts';
import type { EngineClient } from '../worker/client.ts';
import { pause } from './pause.ts';
import { continueSentence } from './sentence.ts';

/** What one version of the model makes of a prompt. */
export interface Reading {
  readonly prompt: string;
  readonly prediction: Prediction;
  /** The continuation so far, up to the end of its first sentence. */
  readonly text: string;
  readonly done: boolean;
}

/** What a reading asks of the engine. */
export type AskClient = Pick<EngineClient, 'tokenize' | 'predict' | 'generate'>;

/** The first step: a prompt, its tokens, what should follow, with the edits that are on and without. */
export class Ask {
  readonly #client: AskClient;
  readonly #askStamp: () => string;
  /** What has been said of the prompt to the end, by the edits that took part: going back and forth between them shows it at once. */
  #said: Readonly<Record<string, Reading>> = {};
  #controller: AbortController | null = null;
  #running: Promise<boolean> = Promise.resolve(true);
  /** Whose bars are being computed: another change of the stack waits for them, so that a drag doesn't starve them. */
  #predicting: AbortSignal | null = null;
  #again = false;

  prompt = $state('');
  /** The prompt's tokens, as soon as it is typed. */
  tokens = $state.raw<readonly TokenView[]>([]);
  edited = $state.raw<Reading | null>(null);
  /** The untouched model's, of any prompt: no change of the stack changes it. */
  untouched = $state.raw<Reading | null>(null);
  /** How continuations are drawn: the likeliest token each time, until the person wants otherwise. */
  sampling = $state.raw<Sampling>({ temperature: 0, topK: 0, topP: 1, seed: 0 });
  /** Whether the seed stays when words or edits change: what differs then is not the luck of the draw. */
  keepsSeed = $state(true);
  /** Whether the person holds the original up. */
  peeking = $state(false);
  /** The bars are being computed for longer than an eye forgives. */
  late = $state(false);
  error = $state.raw<EditorError | null>(null);

  /** The untouched model's reading of the prompt; null while no edit is on, for both are then the same. */
  readonly original: Reading | null = $derived.by(() => {
    return this.#hasEdits && this.untouched?.prompt === this.edited?.prompt ? this.untouched : null;
  });
  /** The version that is shown. */
  readonly shown: Reading | null = $derived(this.peeking ? (this.original ?? this.edited) : this.edited);
  /** The version underneath; null when there is none, or when it says the same. */
  readonly under: Reading | null = $derived.by(() => {
    const under = this.peeking ? this.edited : this.original;
    return under && this.shown && under !== this.shown && under.text !== this.shown.text ? under : null;
  });

  /** @param askStamp which edits take part; empty for none */
  constructor(client: AskClient, askStamp: () => string) {
    this.#client = client;
    this.#askStamp = askStamp;
  }

  get #hasEdits(): boolean {
    return this.#askStamp() !== '';
  }

  /** Cuts the prompt into tokens. A courtesy: what is wrong with a prompt, reading it says. */
  async tokenize(): Promise<void> {
    const { prompt } = this;
    const tokens = await this.#client.tokenize(prompt).catch(() => []);
    if (this.prompt === prompt) this.tokens = tokens;
  }

  /**
   * Reads the prompt again, after `delay` milliseconds without another call; what was being read is given up.
   *
   * @returns whether it was read to the end
   */
  refresh(delay = 0): Promise<boolean> {
    this.#controller?.abort();
    const controller = (this.#controller = new AbortController());
    this.#running = this.#read(this.prompt, delay, controller.signal);
    return this.#running;
  }

  /** The stack has changed: the bars first. */
  restack(): Promise<boolean> {
    if (!this.#predicting) return this.refresh();
    this.#again = true;
    return this.#running;
  }

  /** Draws continuations another way. */
  sample(changes: Partial<Sampling>): void {
    this.#unsay(changes);
    void this.refresh();
  }

  /** Draws them with another seed. */
  redraw(): void {
    this.sample({ seed: drawSeed() });
  }

  /** Gives up what is being said of a stack that is gone; bars on their way still arrive. */
  leave(): void {
    if (!this.#predicting) this.#controller?.abort();
  }

  /** Forgets what the model said: another device may say it in other numbers. */
  forget(): void {
    this.untouched = null;
    this.forgetStacks();
  }

  /** Forgets what it said with edits: another tab has changed them, and which ones answered last can't be told. */
  forgetStacks(): void {
    this.#said = {};
  }

  /** What was drawn in another way no longer counts; the bars do, which nothing is drawn for. */
  #unsay(changes: Partial<Sampling>): void {
    this.sampling = { ...this.sampling, ...changes };
    this.#said = {};
    this.untouched &&= { ...this.untouched, text: '', done: false };
  }

  async #read(prompt: string, delay: number, signal: AbortSignal): Promise<boolean> {
    if (prompt.trim() === '') {
      Object.assign(this, { edited: null, tokens: [], error: null });
      return true;
    }
    try {
      if (delay > 0) await pause(delay, signal);
      if (!this.keepsSeed) this.#unsay({ seed: drawSeed() });
      const known = this.#known(prompt);
      const edited = known ?? { prompt, prediction: await this.#predict(prompt, signal), text: '', done: false };
      Object.assign(this, { edited, error: null });
      const stamp = this.#askStamp();
      if (this.#hasEdits && this.untouched?.prompt !== prompt) {
        const original = await this.#client.predict(prompt, 'original', CANDIDATES, { signal });
        this.untouched = { prompt, prediction: original, text: '', done: false };
      }
      if (!known) await this.#continue('edited', edited, signal, (reading) => (this.edited = reading));
      if (!this.#hasEdits) this.untouched = this.edited;
      else if (this.edited) this.#said = { ...this.#said, [stamp]: this.edited };
      if (this.untouched && !this.untouched.done) {
        await this.#continue('original', this.untouched, signal, (reading) => (this.untouched = reading));
      }
      return true;
    } catch (thrown) {
      const error = toEditorError(thrown, 'read the prompt');
      if (error.code !== 'aborted' && !signal.aborted) this.error = error;
      return false;
    }
  }

  /** What the model with the edits that are on has said to a prompt, if that was heard to the end. */
  #known(prompt: string): Reading | null {
    const said: Reading | null | undefined = this.#hasEdits ? this.#said[this.#askStamp()] : this.untouched;
    return said?.done && said.prompt === prompt ? said : null;
  }

  /** The next token's distribution for the stack as it is when it arrives; each on the way there is shown. */
  async #predict(prompt: string, signal: AbortSignal): Promise<Prediction> {
    const late = setTimeout(() => (this.late = true), LATE);
    this.#predicting = signal;
    try {
      for (;;) {
        this.#again = false;
        const prediction = await this.#client.predict(prompt, 'edited', CANDIDATES, { signal });
        if (!this.#again) return prediction;
        this.edited = { prompt, prediction, text: '', done: false };
      }
    } finally {
      clearTimeout(late);
      // One that was given up ends while the one after it is on its way.
      if (this.#predicting === signal) {
        this.late = false;
        this.#predicting = null;
      }
    }
  }

  /** Streams the continuation of one version into a reading. */
  async #continue(
    version: Version,
    { prompt, prediction }: Reading,
    signal: AbortSignal,
    show: (reading: Reading) => void,
  ): Promise<void> {
    const onText = (text: string, done: boolean) => show({ prompt, prediction, text, done });
    const { text } = await continueSentence(this.#client, prompt, version, this.sampling, signal, onText);
    show({ prompt, prediction, text, done: true });
  }
}

// ---

/** Rows of the next-token chart. */
const CANDIDATES = 8;

/** Milliseconds after which old bars must not pass for new ones. */
const LATE = 150;

function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
