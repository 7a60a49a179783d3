import { proxy, wrap, type Remote } from 'comlink';
import { abortError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type { Sampling } from '../model/generate.ts';
import { persistStorage } from '../store/files.ts';
import { whenReleased } from '../store/locks.ts';
import { tabName } from '../store/tab.ts';
import type {
  Comparison,
  DeviceChoice,
  EditRequest,
  EditSettings,
  EditView,
  EngineEvent,
  LayerPreview,
  OnProgress,
  Opened,
  Prediction,
  TokenEvent,
  TokenView,
  Version,
} from './api.ts';
import type {
  HowMeasured,
  KeptSets,
  KeptTracing,
  Located,
  LocatePart,
  LocateRequest,
  MapSettings,
  MeasuredSets,
  PromptFigures,
  PromptSet,
  Recalled,
  RelationPrompt,
  Seen,
  SetsAsked,
  StoredSets,
} from './api-locate.ts';
import type { Arrangement } from './api-stack.ts';
import { unpack, workerDied, type Outcome, type PackedEngine } from './wire.ts';

/**
 * The page's side of the engine. Every method is a method of `EngineApi` with an `AbortSignal` and a progress callback in
 * place of the job record; errors arrive as `EditorError`.
 *
 * An abort is answered at once, whatever the worker is busy with; the worker is told and stops at its next step. When the
 * worker dies, every waiting call rejects with `worker-died`, and the next call starts another one.
 */
export class EngineClient {
  readonly #onEvent: (event: EngineEvent) => void;
  readonly #onDeath: () => void;
  #worker: Worker | null = null;
  #remote: Remote<PackedEngine> | null = null;
  /** How to answer the calls that wait when the worker dies. */
  readonly #pending = new Set<(error: unknown) => void>();
  #jobs = 0;

  constructor(onEvent: (event: EngineEvent) => void, onDeath: () => void) {
    this.#onEvent = onEvent;
    this.#onDeath = onDeath;
  }

  open(choice: DeviceChoice, watch?: Watch): Promise<Opened> {
    return this.#call('open the model', watch, (engine, job, onProgress) =>
      engine.open(choice, tabName(), job, onProgress),
    );
  }

  tokenize(text: string): Promise<readonly TokenView[]> {
    return this.#call('tokenize', undefined, (engine) => engine.tokenize(text));
  }

  predict(prompt: string, version: Version, count: number, watch?: Watch): Promise<Prediction> {
    return this.#call('predict the next token', watch, (engine, job) => engine.predict(prompt, version, count, job));
  }

  generate(
    prompt: string,
    version: Version,
    maxTokens: number,
    sampling: Sampling,
    onToken: (token: TokenEvent) => void,
    watch?: Watch,
  ): Promise<void> {
    return this.#call('generate text', watch, (engine, job) =>
      engine.generate(prompt, version, maxTokens, sampling, job, proxy(onToken)),
    );
  }

  previewLayers(request: EditRequest, settings: EditSettings, watch?: Watch): Promise<LayerPreview> {
    return this.#call('rank layers', watch, (engine, job) => engine.previewLayers(request, settings, job));
  }

  edit(
    requests: readonly EditRequest[],
    settings: EditSettings,
    replaces: string | undefined,
    watch?: Watch,
  ): Promise<EditView> {
    return this.#call('edit the model', watch, (engine, job, onProgress) =>
      engine.edit(requests, settings, replaces, job, onProgress),
    );
  }

  locate(
    request: LocateRequest,
    version: Version,
    settings: MapSettings,
    onPart: (part: LocatePart) => void,
    watch?: Watch,
  ): Promise<Located> {
    return this.#call('locate the answer', watch, (engine, job, onProgress) =>
      engine.locate(request, version, settings, job, onProgress, proxy(onPart)),
    );
  }

  recall(request: LocateRequest, version: Version, topK: number, watch?: Watch): Promise<Recalled> {
    return this.#call('measure recall', watch, (engine, job) => engine.recall(request, version, topK, job));
  }

  lens(request: LocateRequest, version: Version, watch?: Watch): Promise<Seen> {
    return this.#call('look through the lens', watch, (engine, job, onProgress) =>
      engine.lens(request, version, job, onProgress),
    );
  }

  storedSets(): Promise<StoredSets | null> {
    return this.#call('read the stored sets', undefined, (engine) => engine.storedSets());
  }

  modelPrompts(): Promise<PromptSet | null> {
    return this.#call('read the prompts of the sets', undefined, (engine) => engine.modelPrompts());
  }

  readPrompts(file: File): Promise<PromptSet> {
    return this.#call('read the prompts', undefined, (engine) => engine.readPrompts(file));
  }

  measureSets(
    asked: SetsAsked,
    version: Version,
    onPart: (sets: MeasuredSets) => void,
    watch?: Watch,
  ): Promise<MeasuredSets> {
    return this.#call('measure sets', watch, (engine, job, onProgress) =>
      engine.measureSets(asked, version, job, onProgress, proxy(onPart)),
    );
  }

  promptFigures(prompts: readonly RelationPrompt[], how: HowMeasured): Promise<readonly (PromptFigures | null)[]> {
    return this.#call('find the figures of prompts', undefined, (engine) => engine.promptFigures(prompts, how));
  }

  keepTracing(tracing: KeptTracing): Promise<void> {
    return this.#call('keep what was traced', undefined, (engine) => engine.keepTracing(tracing));
  }

  keptTracing(prompt: string): Promise<KeptTracing | null> {
    return this.#call('find what was traced', undefined, (engine) => engine.keptTracing(prompt));
  }

  keepSets(sets: KeptSets): Promise<void> {
    return this.#call('keep the sets', undefined, (engine) => engine.keepSets(sets));
  }

  keptSets(): Promise<KeptSets | null> {
    return this.#call('find the sets', undefined, (engine) => engine.keptSets());
  }

  compare(prompt: string, maxTokens: number, watch?: Watch): Promise<Comparison> {
    return this.#call('compare', watch, (engine, job, onProgress) =>
      engine.compare(prompt, maxTokens, job, onProgress),
    );
  }

  edits(): Promise<readonly EditView[]> {
    return this.#call('list edits', undefined, (engine) => engine.edits());
  }

  arrange(arrangement: Arrangement): Promise<readonly EditView[]> {
    return this.#call('arrange edits', undefined, (engine) => engine.arrange(arrangement));
  }

  /** Asks the browser not to clear what is kept here when the disk gets full. Resolves with whether it agrees. */
  persist(): Promise<boolean> {
    return persistStorage().catch(() => false);
  }

  /** Ends the worker; waiting calls reject with `worker-died`. */
  dispose(): void {
    this.#end('closed');
  }

  /** Starts the worker when there is none. */
  async #engine(): Promise<Remote<PackedEngine>> {
    if (this.#remote) return this.#remote;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'palimpsest' });
    const remote = wrap<PackedEngine>(worker);
    const die = (detail: string) => {
      if (this.#worker !== worker) return;
      this.#end(detail);
      this.#onDeath();
    };
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      die(event.message);
    });
    this.#worker = worker;
    this.#remote = remote;
    const life = unpack(await remote.listen(proxy(this.#onEvent)));
    // A worker that is killed raises no event, but its locks are released.
    if (life) void whenReleased(life).then(() => die(''));
    return remote;
  }

  #end(detail: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#remote = null;
    for (const reject of this.#pending) reject(workerDied(detail));
    this.#pending.clear();
  }

  /** comlink has no reject path for a dead worker and no abort signals: both are added here. */
  #call<T>(
    what: string,
    watch: Watch | undefined,
    send: (engine: Remote<PackedEngine>, job: number, onProgress: OnProgress) => Promise<Outcome<T>>,
  ): Promise<T> {
    const job = ++this.#jobs;
    const onProgress = watch?.progress ? proxy(watch.progress) : null;
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        reject(abortError(what));
        void this.#remote?.abort(job);
      };
      if (watch?.signal?.aborted) return reject(abortError(what));
      watch?.signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.add(reject);
      this.#engine()
        .then((engine) => {
          // An abort that came before the call would find nothing to stop.
          if (watch?.signal?.aborted) throw abortError(what);
          return send(engine, job, onProgress);
        })
        .then((outcome) => resolve(unpack(outcome)))
        .catch(reject)
        .finally(() => {
          this.#pending.delete(reject);
          watch?.signal?.removeEventListener('abort', onAbort);
        });
    });
  }
}
