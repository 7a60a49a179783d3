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
import { NoticeBoard } from './notices.svelte.ts';
import type { Preferences } from './preferences.svelte.ts';
import { toDraft, type Draft } from './request.ts';
import type { Remedy } from './remedies.ts';
import { Stack } from './stack.svelte.ts';
import type { JobKind, Stage } from './stages.ts';

/**
 * Everything that lives as long as the page: the engine's client, what it opened, and the state of each step. Holds no
 * markup; components read it and call it.
 */
export class Session {
  readonly #client: EngineClient;
  readonly #preferences: Preferences;
  readonly announcer = new Announcer();
  readonly notices = new NoticeBoard(this.announcer);
  readonly #visit = beginVisit((run) => {
    const { update, updateNow } = language.say.notice;
    this.notices.tell(update, 'news', { name: updateNow, run });
  });
  readonly opening: Job;
  readonly ask: Ask;
  readonly composer: Composer;
  readonly comparing: Comparing;
  readonly stack: Stack;
  #deaths: number[] = [];
  #askedToPersist = false;

  phase = $state<'opening' | 'ready' | 'failed'>('opening');
  opened = $state.raw<Opened | null>(null);
  device = $state.raw<DeviceReport | null>(null);
  error = $state.raw<EditorError | null>(null);
  /** Why finished edits are not kept; null while they are. */
  notKept = $state<string | null>(null);
  /** Share of the statistics gathered so far for a first edit; null when nothing of the kind goes on. */
  preparing = $state<number | null>(null);
  /** Whether an edit can be asked for: it may have to wait until the model is open again. */
  readonly takesEdits: boolean = $derived(this.opened !== null && this.phase !== 'failed');
  /** The call that the job bar shows. */
  readonly job: Job | null = $derived.by(() => {
    if (this.opening.running) return this.opening;
    return this.composer.job.running ? this.composer.job : null;
  });

  constructor(preferences: Preferences) {
    const onTenth = (kind: JobKind) => (stage: Stage, tenths: number) => this.announcer.tenth(kind, stage, tenths);
    this.#preferences = preferences;
    this.#client = new EngineClient(
      (event) => this.#hear(event),
      () => this.#revive(),
    );
    this.opening = new Job('open', onTenth('open'));
    this.ask = new Ask(this.#client, () => this.stack.on.length > 0);
    const paraphrases = (prompt: string) =>
      this.opened?.examples.find((example) => toDraft(example).prompt === prompt)?.paraphrases ?? [];
    this.composer = new Composer(this.#client, () => this.ask.prompt, paraphrases, onTenth('edit'));
    this.comparing = new Comparing(this.#client, () => this.ask.prompt);
    this.stack = new Stack(this.#client, () => this.#stackChanged());
  }

  /** Opens the model, on the device that the person prefers. */
  async open(choice: DeviceChoice = this.#preferences.device): Promise<void> {
    this.#preferences.set({ device: choice });
    this.composer.cancel();
    await this.#open();
  }

  async #open(): Promise<void> {
    const choice = this.#preferences.device;
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
    if (isFirst && opened.device.kind === 'wasm' && !opened.device.isolated)
      this.notices.tell(say.notice.oneThread, 'news');
    this.#visit.opened();
    void this.#editAll();
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

  /** The person has written in the form: what the last edit was refused for is out of date. */
  written(): void {
    this.composer.error = null;
    this.#preferences.set({ draft: this.composer.draft });
  }

  /** The prompt has changed: everything that follows from it is read again. */
  promptChanged(): void {
    this.written();
    if (this.phase !== 'ready') return;
    void this.ask.refresh(TYPING);
    void this.composer.refreshPreview(2 * TYPING);
  }

  /** Makes the edit that the form describes, after those that were asked for before. */
  async edit(): Promise<void> {
    if (!this.takesEdits || this.composer.target.trim() === '') return;
    this.composer.ask();
    await this.#editAll();
  }

  /** Makes the edit again that has failed. */
  async editAgain(): Promise<void> {
    this.composer.askAgain();
    await this.#editAll();
  }

  /** Makes the edits that wait, one after the other. */
  async #editAll(): Promise<void> {
    while (this.phase === 'ready' && !this.composer.job.running && this.composer.waiting.length > 0) {
      const edit = await this.composer.runNext();
      const { say } = language;
      if (edit) {
        const took = edit.proof.requests.every((request) => request.took);
        this.announcer.result(took ? say.proof.took : say.proof.missed);
        void this.#persist();
      } else if (this.composer.error) {
        this.announcer.result(say.error.title[this.composer.error.code]);
      }
      // Also after a stop: an edit that was finished just before it is there, and must be seen.
      if (this.phase === 'ready') await this.stack.reload();
    }
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

  #hear(event: EngineEvent): void {
    const { notice } = language.say;
    if (event.kind === 'device-lost') this.notices.tell(notice.deviceLost, 'warning');
    if (event.kind === 'preparing' && event.progress.stage === 'covariance') {
      this.preparing = event.progress.done / Math.max(1, event.progress.total);
    }
    if (event.kind === 'prepared') this.preparing = null;
    if (event.kind === 'not-kept') {
      this.notKept = event.found;
      this.notices.tell(notice.notKept(event.found, event.advice), 'warning');
    }
    if (event.kind === 'store-blocked') this.notices.tell(notice.storeBlocked, 'warning');
    if (event.kind === 'stack') this.stack.take(event.edits);
    if (event.kind === 'device-rebuilt') {
      this.device = event.device;
      this.notices.tell(notice.deviceRebuilt, 'news');
      void this.ask.refresh();
    }
  }

  /** The worker has died: another one opens the same model, unless that has just been tried. */
  #revive(): void {
    const now = Date.now();
    const { composer } = this;
    const lost = composer.job.running ? (composer.current?.request.target ?? null) : null;
    this.#deaths = [...this.#deaths.filter((then) => now - then < 60_000), now];
    this.notices.tell(language.say.notice.died(lost), 'warning');
    if (this.#deaths.length > 2) {
      const { title } = language.say.error;
      const found = language.say.notice.diedOften;
      Object.assign(this, {
        phase: 'failed',
        error: new EditorError('worker-died', 'go on', title['worker-died'], found, { deaths: this.#deaths.length }),
      });
      return;
    }
    void this.#open().then(() => {
      if (this.phase !== 'ready') return;
      const { notice } = language.say;
      const isSaved = this.stack.edits.some(
        ({ proof, requests }) => proof.requests.length === 0 && requests[0].target === lost,
      );
      if (isSaved) composer.error = null;
      this.notices.tell(isSaved ? notice.restartedSaved : notice.restarted(lost), 'news');
    });
  }

  /** Asked when there is something worth keeping: a browser that passes the question on is then understood. */
  async #persist(): Promise<void> {
    const { opened } = this;
    if (this.#askedToPersist || !opened?.kept.ok || opened.kept.reason === '') return;
    this.#askedToPersist = true;
    if (await this.#client.persist()) this.opened = { ...opened, kept: { ok: true, reason: '' } };
  }
}

// ---

/** Milliseconds without a key stroke before the prompt is read. */
const TYPING = 200;
