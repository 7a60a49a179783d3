import { EditorError, toEditorError } from '../base/errors.ts';
import { makeQueue, throttle, type Watch } from '../base/tasks.ts';
import { computeEdit } from '../edit/edit.ts';
import type { Edit, StackedEdit } from '../edit/record.ts';
import { candidateSites } from '../edit/sites.ts';
import { chooseLayers, candidateLayers } from '../edit/rank.ts';
import { measureLayers } from '../edit/cosines.ts';
import { readHparams } from '../edit/read-hparams.ts';
import { deleteEdit, listEdits, loadStack, saveEdit, saveStack, type StackEntry } from '../edit/library.ts';
import { validateRequests } from '../edit/request.ts';
import { promptIds } from '../edit/rows.ts';
import { makeRandom } from '../base/random.ts';
import { generate, type Sampling } from '../model/generate.ts';
import { disposePatches, placePatches, type DosedPatch, type PlacedPatches } from '../model/patch.ts';
import { nextDistributions, topCandidates } from '../model/score.ts';
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
import { compareVersions } from './compare.ts';
import { openStudio, type Studio } from './studio.ts';
import { reportOf, toView } from './views.ts';

/** An edit as it stands in the stack. */
interface Standing {
  readonly edit: Edit;
  readonly on: boolean;
  readonly alpha: number;
}

/**
 * Everything heavy, in one worker: model, device, store and the stack of edits.   [design.md D1]
 *
 * Edits, and opening, wait for one another; questions are answered in between, because the device runs one graph at a time
 * and a stack never changes under a running question: it takes the patches as they are when it starts.
 */
export class Engine implements EngineApi {
  readonly #exclusive = makeQueue();
  readonly #jobs = new Map<number, AbortController>();
  #studio: Studio | null = null;
  #stack: readonly Standing[] = [];
  /** Patches of the edits that are on, placed; made when first needed. */
  #placed: PlacedPatches | null = null;
  /** Placed patches that were replaced while somebody may still read them. */
  readonly #retired: PlacedPatches[] = [];
  #tell: (event: EngineEvent) => void = () => undefined;
  /** How often the graphics device went away by itself. */
  #losses = 0;

  async listen(onEvent: (event: EngineEvent) => void): Promise<void> {
    this.#tell = onEvent;
  }

  async abort(job: number): Promise<void> {
    this.#jobs.get(job)?.abort();
  }

  open(choice: DeviceChoice, job: number, onProgress: OnProgress): Promise<Opened> {
    return this.#run(job, onProgress, (watch) => this.#exclusive(() => this.#open(choice, watch)));
  }

  async tokenize(text: string): Promise<readonly TokenView[]> {
    return this.#tokens(text);
  }

  predict(prompt: string, version: Version, count: number, job: number): Promise<Prediction> {
    return this.#run(job, null, async (watch) => {
      const { model } = this.#opened();
      const tokens = this.#tokens(prompt);
      const { n_ctx } = model.description;
      if (tokens.length === 0) return { tokens, editedToken: -1, limit: n_ctx, top: [] };
      const [logq] = await nextDistributions(model, [promptIds(model, prompt)], this.#patches(version), watch);
      const top = topCandidates(logq, count).map(({ id, probability }) => {
        return { id, text: model.tokenizer.tokenText(id), probability };
      });
      return { tokens, editedToken: tokens.length - 1, limit: n_ctx, top };
    });
  }

  generate(
    prompt: string,
    version: Version,
    maxTokens: number,
    sampling: Sampling,
    job: number,
    onToken: (token: TokenEvent) => void,
  ): Promise<void> {
    return this.#run(job, null, async (watch) => {
      const { model } = this.#opened();
      const { tokenizer } = model;
      const stopIds = tokenizer.eosId === null ? [] : [tokenizer.eosId];
      const options = { maxTokens, sampling, patches: this.#patches(version), stopIds, watch };
      for await (const { id, logp } of generate(model, requirePrompt(promptIds(model, prompt)), options)) {
        onToken({ id, text: tokenizer.tokenText(id), probability: Math.exp(logp) });
      }
    });
  }

  previewLayers(request: EditRequest, settings: EditSettings, job: number): Promise<LayerPreview> {
    return this.#run(job, null, async (watch) => {
      const { model } = this.#opened();
      const { n_layers } = model.description;
      const { hparams } = readHparams(settings.method, { preset: settings.preset, ...settings.changes }, n_layers);
      const [{ query }] = validateRequests(request);
      const [{ cosines }] = await measureLayers(model, [requirePrompt(promptIds(model, query))], hparams.cosine, watch);
      return {
        scores: cosines,
        layers: chooseLayers(hparams, [cosines], n_layers, makeRandom(hparams.seed)),
        candidates: {
          mlp: candidateLayers(hparams, 'mlp', n_layers),
          attn: candidateLayers(hparams, 'attn', n_layers),
        },
      };
    });
  }

  edit(
    requests: readonly EditRequest[],
    settings: EditSettings,
    job: number,
    onProgress: OnProgress,
  ): Promise<EditView> {
    return this.#run(job, onProgress, (watch) => this.#exclusive(() => this.#edit(requests, settings, watch)));
  }

  compare(prompt: string, maxTokens: number, job: number, onProgress: OnProgress): Promise<Comparison> {
    return this.#run(job, onProgress, (watch) => {
      const { model } = this.#opened();
      const ids = requirePrompt(promptIds(model, prompt));
      return compareVersions(model, ids, maxTokens, this.#patches('edited'), watch);
    });
  }

  async edits(): Promise<readonly EditView[]> {
    return this.#stack.map((standing) => toView(standing, this.#stack));
  }

  async arrange(stack: readonly StackEntry[]): Promise<readonly EditView[]> {
    const found = stack.map(({ id, on, alpha }) => {
      const known = this.#stack.find(({ edit }) => edit.id === id);
      if (!known || !Number.isFinite(alpha)) throw unknownEdit(id);
      return { edit: known.edit, on, alpha };
    });
    if (found.length !== this.#stack.length) throw unknownEdit(`${found.length} of ${this.#stack.length}`);
    await this.#setStack(found);
    return this.edits();
  }

  async remove(id: string): Promise<readonly EditView[]> {
    if (!this.#stack.some(({ edit }) => edit.id === id)) throw unknownEdit(id);
    await this.#setStack(this.#stack.filter(({ edit }) => edit.id !== id));
    await deleteEdit(this.#opened().database, id);
    return this.edits();
  }

  // --- what the calls above are made of

  /** Names a call by its job, so that it can be stopped, and frees retired patches once nobody runs. */
  async #run<T>(job: number, onProgress: OnProgress, work: (watch: Watch) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#jobs.set(job, controller);
    const { signal } = controller;
    const watch: Watch = onProgress ? { signal, progress: throttle(onProgress, 50) } : { signal };
    try {
      return await work(watch);
    } finally {
      this.#jobs.delete(job);
      if (this.#jobs.size === 0) this.#retired.splice(0).forEach(disposePatches);
    }
  }

  #opened(): Studio {
    if (this.#studio) return this.#studio;
    throw new EditorError('no-device', 'answer', 'no model is open', 'open a model first');
  }

  async #open(choice: DeviceChoice, watch: Watch): Promise<Opened> {
    const before = this.#studio;
    this.#studio = null;
    this.#retire();
    await before?.dispose();
    const studio = await openStudio(choice, watch, (refusal) => {
      this.#tell({ kind: 'not-kept', detail: refusal.found });
    });
    this.#studio = studio;
    studio.onLost((detail) => void this.#rebuild(choice, detail));
    this.#stack = await this.#restore(studio);
    void this.#prepare(studio);
    return { ...reportOf(studio), edits: await this.edits() };
  }

  /**
   * Gathers the default edit's statistics while the person reads and types: the first edit then waits for less. Questions
   * go in between; whatever fails here will fail again, and be told, when an edit needs it.
   */
  async #prepare({ model, covariances, closed }: Studio): Promise<void> {
    const { hparams } = readHparams('dem+', {}, model.description.n_layers);
    const sites = candidateSites(model, hparams);
    const tell = throttle((progress) => this.#tell({ kind: 'preparing', progress }), 200);
    await covariances.of(sites, sites, hparams, { progress: tell, signal: closed }).catch(() => undefined);
    this.#tell({ kind: 'prepared' });
  }

  /** Saved edits in their saved order; ones that the stack doesn't know are on top, switched on. */
  async #restore({ database, model }: Studio): Promise<Standing[]> {
    const saved = await listEdits(database, model.hash);
    const entries = await loadStack(database, model.hash);
    const known = entries.flatMap(({ id, on, alpha }) => {
      const edit = saved.find((each) => each.id === id);
      return edit ? [{ edit, on, alpha }] : [];
    });
    const rest = saved.filter(({ id }) => !entries.some((entry) => entry.id === id));
    return [...known, ...rest.map((edit) => ({ edit, on: true, alpha: 1 }))];
  }

  /** A lost device is opened again with the model from the store; the second time it is the CPU. The edits stay. */
  async #rebuild(choice: DeviceChoice, detail: string): Promise<void> {
    this.#losses += 1;
    this.#tell({ kind: 'device-lost', detail });
    try {
      const next: DeviceChoice = this.#losses > 1 ? 'wasm' : choice;
      const { device } = await this.#exclusive(() => this.#open(next, {}));
      const report = this.#losses > 1 ? { ...device, reason: 'lost' as const, detail } : device;
      this.#tell({ kind: 'device-rebuilt', device: report });
    } catch (error) {
      this.#tell({ kind: 'device-lost', detail: toEditorError(error, 'open the device again').message });
    }
  }

  async #edit(requests: readonly EditRequest[], settings: EditSettings, watch: Watch): Promise<EditView> {
    const { model, covariances, heldOut, database } = this.#opened();
    const { method, preset, changes } = settings;
    const read = readHparams(method, { preset, ...changes }, model.description.n_layers);
    const stack: StackedEdit[] = this.#stack.filter(({ on }) => on).map(({ edit, alpha }) => ({ edit, alpha }));
    const edit = await computeEdit(
      model,
      { requests: validateRequests([...requests]), method, ...read, covariances, heldOut, stack },
      watch,
    );
    await saveEdit(database, edit);
    await this.#setStack([...this.#stack, { edit, on: true, alpha: 1 }]);
    return toView({ edit, on: true, alpha: 1 }, this.#stack);
  }

  async #setStack(stack: readonly Standing[]): Promise<void> {
    this.#stack = stack;
    this.#retire();
    const { database, model } = this.#opened();
    const entries = stack.map(({ edit, on, alpha }) => ({ id: edit.id, on, alpha }));
    await saveStack(database, model.hash, entries);
  }

  #retire(): void {
    if (this.#placed) this.#retired.push(this.#placed);
    this.#placed = null;
  }

  #patches(version: Version): PlacedPatches | undefined {
    if (version === 'original') return undefined;
    if (this.#placed) return this.#placed;
    const { model } = this.#opened();
    const dosed: DosedPatch[] = this.#stack
      .filter(({ on }) => on)
      .flatMap(({ edit, alpha }) => edit.patches.map((patch) => ({ patch, alpha })));
    this.#placed = placePatches(model.device, model.description, dosed);
    return this.#placed;
  }

  #tokens(text: string): TokenView[] {
    const { tokenizer } = this.#opened().model;
    const { ids, offsets } = tokenizer.encode(text, { specialTokens: true });
    return ids.map((id, i) => ({ id, text: tokenizer.tokenText(id), start: offsets[i][0], end: offsets[i][1] }));
  }
}

// ---

function requirePrompt(ids: number[]): number[] {
  if (ids.length > 0) return ids;
  throw new EditorError('invalid-request', 'read the prompt', 'it is empty', 'type a prompt');
}

function unknownEdit(id: string): EditorError {
  return new EditorError('invalid-input', 'find the edit', `${id} is not in the stack`, 'reload the page', { id });
}
