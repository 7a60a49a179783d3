import { EditorError, toEditorError } from '../base/errors.ts';
import { makeQueue, type Watch } from '../base/tasks.ts';
import type { Hparams } from '../edit/hparams.ts';
import { readHparams } from '../edit/read-hparams.ts';
import { validateRequests } from '../edit/request.ts';
import type { Sampling } from '../model/generate.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { holdForLife } from '../store/locks.ts';
import type {
  Comparison,
  DeviceChoice,
  EditRequest,
  EditSettings,
  EditView,
  EngineApi,
  EngineEvent,
  LayerPreview,
  OnProgress,
  Opened,
  Prediction,
  TokenEvent,
  TokenView,
  Version,
} from './api.ts';
import { stampOf } from './api-locate.ts';
import type { Arrangement } from './api-stack.ts';
import { compareVersions } from './compare.ts';
import { Jobs } from './jobs.ts';
import { LocateEngine } from './locate-engine.ts';
import type { StandingEdits } from './locating.ts';
import { prepareFirstEdit } from './preparing.ts';
import { continuePrompt, cutText, predictNext, rankLayers, requiredIds } from './reading.ts';
import type { Shelf } from './shelf.ts';
import { restoreStack, type EditStack } from './stack.ts';
import { openStore, type Store } from './store.ts';
import { openStudio, type Studio } from './studio.ts';
import { forgetFollowed, useVersion } from './versions.ts';
import { reportOf } from './views.ts';

/**
 * Everything heavy, in one worker: model, device, store and the stack of edits.   [design.md D1]
 *
 * Edits, and opening, wait for one another; questions are answered in between, because the device runs one graph at a time
 * and a stack never changes under a running question: it takes the patches as they are when it starts.
 */
export class Engine extends LocateEngine implements EngineApi {
  readonly #exclusive = makeQueue();
  protected readonly jobs = new Jobs(() => this.#opened?.stack.sweep());
  protected rebuilt = Promise.resolve();
  /** Opened once: edits that it refuses to keep live in it. */
  #store: Promise<Store> | null = null;
  #opened: { readonly studio: Studio; readonly stack: EditStack } | null = null;
  /** What the last stack knew, for the next one: the store may not be there to be read any more. */
  #shelf: Shelf | null = null;
  #tell: (event: EngineEvent) => void = () => undefined;
  /** How often the graphics device went away by itself. */
  #losses = 0;

  listen(onEvent: (event: EngineEvent) => void): Promise<string | null> {
    this.#tell = onEvent;
    return holdForLife('worker');
  }

  async abort(job: number): Promise<void> {
    this.jobs.abort(job);
  }

  open(choice: DeviceChoice, tab: string, job: number, onProgress: OnProgress): Promise<Opened> {
    return this.jobs.run(job, onProgress, (watch) => {
      const opened = this.#exclusive(() => this.#reopen(choice, tab, watch));
      this.rebuilt = opened.then(ignore, ignore);
      return opened;
    });
  }

  async tokenize(text: string): Promise<readonly TokenView[]> {
    return cutText(this.studio.model, text);
  }

  predict(prompt: string, version: Version, count: number, job: number): Promise<Prediction> {
    return this.jobs.run(job, null, (watch) =>
      predictNext(this.studio.model, prompt, count, this.#patches(version), watch),
    );
  }

  generate(
    prompt: string,
    version: Version,
    maxTokens: number,
    sampling: Sampling,
    job: number,
    onToken: (token: TokenEvent) => void,
  ): Promise<void> {
    return this.jobs.run(job, null, (watch) => {
      const options = { maxTokens, sampling, patches: this.#patches(version), watch };
      return continuePrompt(this.studio.model, prompt, options, onToken);
    });
  }

  previewLayers(request: EditRequest, settings: EditSettings, job: number): Promise<LayerPreview> {
    return this.jobs.run(job, null, (watch) => rankLayers(this.studio.model, request, this.#settings(settings), watch));
  }

  edit(
    requests: readonly EditRequest[],
    settings: EditSettings,
    replaces: string | undefined,
    job: number,
    onProgress: OnProgress,
  ): Promise<EditView> {
    return this.jobs.run(job, onProgress, (watch) =>
      this.#exclusive(async () => {
        const { covariances, heldOut } = this.studio;
        const { method, preset } = settings;
        const input = {
          requests: validateRequests([...requests]),
          ...{ method, preset, covariances, heldOut },
          hparams: this.#settings(settings),
        };
        return this.#stack.make(input, watch, replaces);
      }),
    );
  }

  compare(prompt: string, maxTokens: number, job: number, onProgress: OnProgress): Promise<Comparison> {
    return this.jobs.run(job, onProgress, (watch) => {
      const { model } = this.studio;
      const ids = requiredIds(model, prompt);
      return compareVersions(model, ids, maxTokens, this.#patches('edited'), watch);
    });
  }

  async edits(): Promise<readonly EditView[]> {
    await this.#settled();
    return this.#stack.views();
  }

  async arrange(arrangement: Arrangement): Promise<readonly EditView[]> {
    await this.#settled();
    await this.#stack.arrange(arrangement);
    return this.#stack.views();
  }

  // --- what the calls above are made of

  protected get studio(): Studio {
    return this.#requireOpen().studio;
  }

  get #stack(): EditStack {
    return this.#requireOpen().stack;
  }

  /** Resolves once no model is being opened any more: what is asked of the stack meanwhile is asked of the next one. */
  async #settled(): Promise<void> {
    let last: unknown;
    while (last !== this.rebuilt) await (last = this.rebuilt);
  }

  #requireOpen() {
    if (this.#opened) return this.#opened;
    throw new EditorError('no-device', 'answer', 'no model is open', 'open a model first');
  }

  #patches(version: Version): PlacedPatches | undefined {
    return version === 'edited' ? this.#stack.patches() : undefined;
  }

  /** A version by what makes it so: taken at once, so that both belong together. */
  protected standing(version: Version): StandingEdits {
    return { patches: this.#patches(version), stamp: version === 'edited' ? stampOf(this.#stack.views()) : '' };
  }

  #settings({ method, preset, changes }: EditSettings): Hparams {
    return readHparams(method, { preset, ...changes }, this.studio.model.description.n_layers).hparams;
  }

  async #reopen(choice: DeviceChoice, tab: string, watch: Watch): Promise<Opened> {
    const before = this.#opened;
    this.#opened = null;
    before?.stack.dispose();
    await before?.studio.dispose();
    const onRefused = (refusal: string) => this.#tell({ kind: 'not-kept', refusal });
    // What was told of it before is told again: it holds for this opening, too.
    const known = await this.#store?.then((store) => store.kept());
    if (known?.ok === false) onRefused(known.refusal);
    this.#store ??= openStore({ onBlocked: () => this.#tell({ kind: 'store-blocked' }), onRefused });
    const studio = await openStudio(choice, watch, await this.#store);
    const onChange = () => this.#tell({ kind: 'stack', edits: stack.views() });
    let stack: EditStack;
    try {
      await useVersion(studio);
      stack = await restoreStack(studio, tab, onChange, this.#shelf);
    } catch (error) {
      await studio.dispose();
      throw error;
    }
    this.#opened = { studio, stack };
    this.#shelf = stack.shelf;
    studio.onLost((detail) => (this.rebuilt = this.#rebuild(choice, tab, detail)));
    void this.#finishChecks(studio, stack)
      .then(() => prepareFirstEdit(studio, (event) => this.#tell(event)))
      .then(() => forgetFollowed(studio, stack.models))
      .catch(() => undefined);
    return { ...reportOf(studio), edits: stack.views(), history: stack.history, elsewhere: stack.elsewhere };
  }

  /** Checks what was solved and not checked when the last tab closed or the worker died; it counts in the meantime. */
  async #finishChecks({ closed: signal }: Studio, stack: EditStack): Promise<void> {
    while (await this.#exclusive(() => stack.finishCheck({ signal })).catch(() => false)) {
      this.#tell({ kind: 'stack', edits: stack.views() });
    }
  }

  /** A lost device is opened again with the model from the store; the second time it is the CPU. The edits stay. */
  async #rebuild(choice: DeviceChoice, tab: string, detail: string): Promise<void> {
    this.#losses += 1;
    this.#tell({ kind: 'device-lost', detail });
    try {
      const next: DeviceChoice = this.#losses > 1 ? 'wasm' : choice;
      const { device } = await this.#exclusive(() => this.#reopen(next, tab, {}));
      const report = this.#losses > 1 ? { ...device, reason: 'lost' as const, detail } : device;
      this.#tell({ kind: 'device-rebuilt', device: report });
    } catch (error) {
      this.#tell({ kind: 'device-failed', error: toEditorError(error, 'open the device again').toRecord() });
    }
  }
}

// ---

function ignore(): void {
  // Whoever asked for it hears how it ended.
}
