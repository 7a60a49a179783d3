import { EditorError } from '../base/errors.ts';
import { beginVisit } from '../offline/client.ts';
import type { DeviceChoice, DeviceReport, EditRequest, EngineEvent, Opened } from '../worker/api.ts';
import { EngineClient } from '../worker/client.ts';
import { Announcer } from './announcer.svelte.ts';
import { Ask } from './ask.svelte.ts';
import { Comparing } from './comparing.svelte.ts';
import { Composer } from './composer.svelte.ts';
import { Job } from './job.svelte.ts';
import { language } from './language.svelte.ts';
import type { Preferences } from './preferences.svelte.ts';
import { toDraft, type Draft } from './request.ts';
import type { Remedy } from './remedies.ts';
import { Stack } from './stack.svelte.ts';
import type { Stage } from './stages.ts';

/** Something the page tells that nobody asked for. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  /** A warning stays until it is dismissed or overtaken; news can be read once. */
  readonly kind: 'news' | 'warning';
  /** Something to choose, when nothing runs; such a notice stays until it is dismissed. */
  readonly action?: { readonly name: string; readonly run: () => void };
}

/**
 * Everything that lives as long as the page: the engine's client, what it opened, and the state of each step. Holds no
 * markup; components read it and call it.
 */
export class Session {
  readonly #client: EngineClient;
  readonly #visit = beginVisit((update) => this.#offer(update));
  readonly #preferences: Preferences;
  readonly announcer = new Announcer();
  readonly opening: Job;
  readonly ask: Ask;
  readonly composer: Composer;
  readonly comparing: Comparing;
  readonly stack: Stack;
  #deaths: number[] = [];
  #notices = 0;

  phase = $state<'opening' | 'ready' | 'failed'>('opening');
  opened = $state.raw<Opened | null>(null);
  device = $state.raw<DeviceReport | null>(null);
  error = $state.raw<EditorError | null>(null);
  notices = $state.raw<readonly Notice[]>([]);
  /** Why finished edits are not kept; null while they are. */
  notKept = $state<string | null>(null);
  /** Share of the statistics gathered so far for a first edit; null when nothing of the kind goes on. */
  preparing = $state<number | null>(null);
  /** The call that the job bar shows. */
  readonly job: Job | null = $derived.by(() => {
    if (this.opening.running) return this.opening;
    return this.composer.job.running ? this.composer.job : null;
  });

  constructor(preferences: Preferences) {
    const onTenth = (stage: Stage, tenths: number) => this.#announceTenth(stage, tenths);
    this.#preferences = preferences;
    this.#client = new EngineClient(
      (event) => this.#hear(event),
      () => this.#revive(),
    );
    this.opening = new Job('open', onTenth);
    this.ask = new Ask(this.#client, () => this.stack.on.length > 0);
    const paraphrases = (prompt: string) =>
      this.opened?.examples.find((example) => toDraft(example).prompt === prompt)?.paraphrases ?? [];
    this.composer = new Composer(this.#client, () => this.ask.prompt, paraphrases, onTenth);
    this.comparing = new Comparing(this.#client, () => this.ask.prompt);
    this.stack = new Stack(this.#client, () => this.#stackChanged());
  }

  /** Opens the model, on the device that the person prefers. */
  async open(choice: DeviceChoice = this.#preferences.device): Promise<void> {
    this.#preferences.set({ device: choice });
    this.composer.cancel();
    const isFirst = this.opened === null;
    Object.assign(this, { phase: 'opening', error: null });
    if (isFirst && this.#preferences.draft) this.#fill(this.#preferences.draft);
    const outcome = await this.opening.run('open the model', async (watch) => {
      await this.#visit.begun;
      return this.#client.open(choice, watch);
    });
    if (this.opening.running || outcome.state === 'stopped') return;
    const { say } = language;
    if (outcome.state === 'failed') {
      Object.assign(this, { phase: 'failed', error: outcome.error });
      this.announcer.result(say.opening.failed);
      return;
    }
    const opened = outcome.value;
    Object.assign(this, { phase: 'ready', opened, device: opened.device });
    this.stack.edits = opened.edits;
    this.notKept = opened.kept.ok ? null : opened.kept.reason;
    if (isFirst) this.stack.restored = opened.edits.length;
    const [example] = opened.examples;
    if (isFirst && !this.#preferences.draft && example) this.take(example);
    else this.#readAll();
    if (opened.edits.length > 0) void this.comparing.run();
    if (isFirst && opened.device.kind === 'wasm' && !opened.device.isolated) this.#tell(say.notice.oneThread, 'news');
    this.#visit.opened();
  }

  /** Stops opening; the page stays as it is and can open again. */
  stopOpening(): void {
    if (this.opening.cancel()) this.phase = this.opened ? 'ready' : 'failed';
  }

  /** Fills the form with an example or an earlier request. */
  take(request: EditRequest): void {
    this.ask.prompt = toDraft(request).prompt;
    this.comparing.own = null;
    this.composer.take(request);
    this.written();
    this.#readAll();
  }

  /** The person has written in the form. */
  written(): void {
    this.#preferences.set({ draft: this.composer.draft });
  }

  /** The prompt has changed: everything that follows from it is read again. */
  promptChanged(): void {
    this.written();
    if (this.phase !== 'ready') return;
    void this.ask.refresh(TYPING);
    void this.composer.refreshPreview(2 * TYPING);
  }

  /** Makes the edit that the form describes. */
  async edit(): Promise<void> {
    if (this.phase !== 'ready' || this.composer.job.running || this.composer.target.trim() === '') return;
    const edit = await this.composer.run();
    const { say } = language;
    if (edit) {
      const took = edit.proof.requests.every((request) => request.took);
      this.announcer.result(took ? say.proof.took : say.proof.missed);
    } else if (this.composer.error) {
      this.announcer.result(say.error.title[this.composer.error.code]);
    }
    // Also after a stop: an edit that was finished just before it is there, and must be seen.
    await this.stack.reload();
  }

  /** After an edit that didn't take: switches it off, changes what the remedy says, edits again. */
  async tryAgain(id: string, { preset, changes }: Remedy): Promise<void> {
    await this.stack.set(id, { on: false });
    Object.assign(this.composer, { preset, changes });
    void this.composer.refreshPreview();
    await this.edit();
  }

  /** Stops the edit that runs. Returns whether one did. */
  cancel(): boolean {
    const ran = this.composer.cancel();
    if (ran) this.announcer.result(language.say.edit.cancelled);
    return ran;
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }

  #fill({ prompt, target, subject }: Draft): void {
    this.ask.prompt = prompt;
    Object.assign(this.composer, { target, subject });
  }

  #readAll(): void {
    void this.ask.refresh();
    void this.composer.refreshPreview();
    void this.composer.countTarget();
  }

  #stackChanged(): void {
    void this.ask.refresh();
    if (this.stack.edits.length > 0 || this.comparing.result) void this.comparing.run();
  }

  #announceTenth(stage: Stage, tenths: number): void {
    const { say, figures } = language;
    const kind = this.opening.running ? 'open' : 'edit';
    const name = say.stage(kind, stage.id);
    this.announcer.progress(stage.total > 1 ? say.job.percent(name, figures.percent(tenths / 10)) : name);
  }

  #hear(event: EngineEvent): void {
    const { notice } = language.say;
    if (event.kind === 'device-lost') this.#tell(notice.deviceLost, 'warning');
    if (event.kind === 'preparing' && event.progress.stage === 'covariance') {
      this.preparing = event.progress.done / Math.max(1, event.progress.total);
    }
    if (event.kind === 'prepared') this.preparing = null;
    if (event.kind === 'not-kept') {
      this.notKept = event.detail;
      this.#tell(notice.notKept(event.detail), 'warning');
    }
    if (event.kind === 'device-rebuilt') {
      this.device = event.device;
      this.#tell(notice.deviceRebuilt, 'news');
      void this.ask.refresh();
    }
  }

  /** The worker has died: another one opens the same model, unless that has just been tried. */
  #revive(): void {
    const now = Date.now();
    this.#deaths = [...this.#deaths.filter((then) => now - then < 60_000), now];
    this.#tell(language.say.notice.died, 'warning');
    if (this.#deaths.length > 2) {
      const { died } = language.say.notice;
      const { title } = language.say.error;
      Object.assign(this, {
        phase: 'failed',
        error: new EditorError('worker-died', 'go on', title['worker-died'], died, { deaths: this.#deaths.length }),
      });
      return;
    }
    void this.open().then(() => {
      if (this.phase === 'ready') this.#tell(language.say.notice.restarted, 'news');
    });
  }

  /** A notice overtakes the ones before it: there is one state of things. An offer stands beside it. */
  #tell(text: string, kind: Notice['kind'], action?: Notice['action']): void {
    const others = this.notices.filter((notice) => (notice.action === undefined) === (action !== undefined));
    this.notices = [...others, { id: ++this.#notices, text, kind, ...(action && { action }) }];
    this.announcer.result(text);
  }

  #offer(update: () => void): void {
    const { notice } = language.say;
    this.#tell(notice.update, 'news', { name: notice.updateNow, run: update });
  }
}

// ---

/** Milliseconds without a key stroke before the prompt is read. */
const TYPING = 200;
