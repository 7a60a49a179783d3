import { EditorError } from '../base/errors.ts';
import { beginVisit } from '../offline/client.ts';
import type { DeviceChoice, DeviceReport, EditRequest, EditView, Opened } from '../worker/api.ts';
import { stampOf } from '../worker/api-locate.ts';
import { EngineClient } from '../worker/client.ts';
import { Announcer } from './announcer.svelte.ts';
import { Ask } from './ask.svelte.ts';
import { Comparing } from './comparing.svelte.ts';
import { Composer } from './composer.svelte.ts';
import { hear } from './hearing.ts';
import { Job } from './job.svelte.ts';
import { Keeping } from './keeping.svelte.ts';
import { language } from './language.svelte.ts';
import { Locating } from './locating.svelte.ts';
import { LoadingMark } from './loading-mark.ts';
import { Making } from './making.svelte.ts';
import { NoticeBoard } from './notices.svelte.ts';
import { newsOf } from './opening-news.ts';
import { OwnWords } from './own-words.svelte.ts';
import { findStorages, type Preferences } from './preferences.svelte.ts';
import { Reader } from './reader.ts';
import { refuseMissing } from './refusal.ts';
import { toDraft, type Draft } from './request.ts';
import type { Remedy } from './remedies.ts';
import { changesOf, presetIdOf, settingsOf } from './settings.ts';
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
  readonly making: Making;
  readonly locating: Locating;
  readonly comparing: Comparing;
  readonly stack: Stack;
  readonly own = new OwnWords();
  readonly keeping = new Keeping(() => this.#client.persist());
  readonly #reader: Reader;
  readonly #mark = new LoadingMark(findStorages().local);
  #deaths: number[] = [];

  phase = $state<'opening' | 'ready' | 'failed'>('opening');
  opened = $state.raw<Opened | null>(null);
  device = $state.raw<DeviceReport | null>(null);
  error = $state.raw<EditorError | null>(null);
  /** How far everything is ready for a first edit: the share of its statistics that was gathered, then all. */
  prepared = $state<number | 'all'>(0);
  /** Whether an edit can be asked for: it may have to wait until the model is open again. */
  readonly takesEdits: boolean = $derived(this.opened !== null && this.phase !== 'failed');
  /** The call that the job bar shows. */
  readonly job: Job | null = $derived.by(() => {
    if (this.opening.running) return this.opening;
    return this.making.job.running ? this.making.job : (this.locating.running?.job ?? null);
  });

  constructor(preferences: Preferences) {
    const onTenth = (kind: JobKind) => (stage: Stage, tenths: number) => this.announcer.tenth(kind, stage, tenths);
    this.#preferences = preferences;
    this.#client = new EngineClient(
      (event) => hear(this, this.#reader, event),
      () => this.#revive(),
    );
    this.opening = new Job('open', onTenth('open'));
    this.ask = new Ask(this.#client, () => stampOf(this.stack.on));
    const paraphrases = (prompt: string) =>
      this.opened?.examples.find((example) => toDraft(example).prompt === prompt)?.paraphrases ?? [];
    const prompt = () => this.ask.prompt;
    this.composer = new Composer(this.#client, {
      ...{ prompt, paraphrases },
      seed: () => preferences.seed,
      onChange: () => this.making.clear(),
    });
    this.locating = new Locating(this.#client, this, onTenth('locate'));
    this.comparing = new Comparing(this.#client, prompt, () => stampOf(this.stack.edits));
    this.stack = new Stack(this.#client, {
      onLeave: () => this.#reader.leaveStack(),
      // While there is no model, nobody can be asked: all is read when there is one.
      onArrive: () => this.phase === 'ready' && this.#reader.restack(),
    });
    this.#reader = new Reader(this);
    this.making = new Making({
      client: this.#client,
      stack: this.stack,
      announcer: this.announcer,
      isReady: () => this.phase === 'ready',
      onMade: () => void this.keeping.persist(),
      onTenth: onTenth('edit'),
    });
  }

  /** Opens the model, on the device that the person prefers. */
  async open(choice: DeviceChoice = this.#preferences.device): Promise<void> {
    this.#preferences.set({ device: choice });
    this.making.cancel();
    // Whatever runs there: its model is about to go.
    while (this.locating.cancel());
    this.notices.clear();
    await this.#open();
  }

  async #open(): Promise<void> {
    const choice = this.#preferences.device;
    const isFirst = this.opened === null;
    Object.assign(this, { phase: 'opening', error: null });
    if (isFirst && this.#preferences.draft) this.#fill(this.#preferences.draft);
    const outcome = await this.opening.run('open the model', async (watch) => {
      await this.#visit.begun;
      return this.#mark.around(() => this.#client.open(choice, watch));
    });
    if (this.opening.running || outcome.state === 'stopped') return;
    if (outcome.state === 'failed') {
      Object.assign(this, { phase: 'failed', error: outcome.error });
      this.announcer.result(language.say.opening.failed);
      return;
    }
    const opened = outcome.value;
    Object.assign(this, { phase: 'ready', opened, device: opened.device });
    this.stack.start(opened.edits, opened.history);
    this.ask.forget();
    this.keeping.kept = opened.kept;
    if (isFirst) this.stack.restored = opened.edits.length;
    const [example] = opened.examples;
    if (isFirst && !this.#preferences.draft && example) this.take(example);
    else this.#reader.all();
    const news = newsOf(opened, isFirst, language);
    if (news !== '') this.notices.tell(news, 'news');
    this.#visit.opened();
    void this.making.work();
  }

  /** Stops opening. There is no model then: the one before has made room for it. */
  stopOpening(): void {
    if (!this.opening.cancel()) return;
    this.phase = 'failed';
    this.notices.clear();
    this.announcer.result(language.say.opening.stopped);
  }

  /** Fills the form with an example or an earlier request; the person's own words are kept aside. */
  take(request: EditRequest): void {
    const next = toDraft(request);
    this.own.putAside(this.composer.draft, next, this.opened?.examples ?? []);
    this.ask.prompt = next.prompt;
    this.comparing.own = null;
    this.composer.take(request);
    this.written();
    this.#reader.all();
  }

  /** The person has written in the form: what became of the last edit is about other words. */
  written(): void {
    this.making.clear();
    this.#preferences.set({ draft: this.composer.draft });
  }

  /** The prompt has changed: everything that follows from it is read again. */
  promptChanged(): void {
    this.written();
    if (this.phase === 'ready') this.#reader.typed();
  }

  /** Makes the edit that the form describes, after those that wait. */
  edit(): void {
    const { draft, request, settings } = this.composer;
    if (!this.takesEdits) return;
    const refusal = refuseMissing(draft);
    if (refusal) this.making.refuse(refusal);
    else this.making.add({ request, settings });
  }

  /** After an edit that didn't take: switches it off, changes what the remedy says, edits again. */
  async tryAgain(edit: EditView, { preset, changes }: Remedy): Promise<void> {
    await this.stack.switch(edit.id, false);
    Object.assign(this.composer, { preset, changes });
    void this.composer.refreshPreview();
    this.making.add({ request: edit.requests[0], settings: this.composer.settings });
  }

  /** Makes an edit again over the stack as it is now, in its old place. */
  renew(edit: EditView): void {
    const preset = presetIdOf(edit);
    const changes = this.opened ? changesOf(this.opened.presets, preset, edit.hparams) : {};
    this.making.add({ request: edit.requests[0], settings: settingsOf(preset, changes), replaces: edit.id });
  }

  /** One act of the stack back, or forward again; what it was is said. */
  async turn(way: 'undo' | 'redo'): Promise<void> {
    const { stack: say } = language.say;
    const act = await this.stack[way]();
    if (act) this.announcer.result(say.turned[way](say.act[act.kind](act.target)));
  }

  /** Stops the edit that runs, or else the tracing. Returns whether one did. */
  cancel(): boolean {
    const { edit, locate } = language.say;
    if (this.making.cancel()) this.announcer.result(edit.cancelled);
    else if (this.locating.cancel()) this.announcer.result(locate.stoppedNote);
    else return false;
    return true;
  }

  #fill({ prompt, target, subject }: Draft): void {
    this.ask.prompt = prompt;
    Object.assign(this.composer, { target, subject });
  }

  /** The worker has died: another one opens the same model, unless that has just been tried. */
  #revive(): void {
    const { notice } = language.say;
    const now = Date.now();
    const lost = this.making.current?.request.target ?? null;
    this.#deaths = [...this.#deaths.filter((then) => now - then < 60_000), now];
    this.notices.tell(notice.died(lost), 'warning');
    if (this.#deaths.length > 2) {
      const deaths = this.#deaths.length;
      const found = `the worker stopped ${deaths} times within a minute`;
      this.error = new EditorError('worker-died', 'go on', found, 'close other tabs, then try again', { deaths });
      this.phase = 'failed';
      return;
    }
    void this.#open().then(() => {
      if (this.phase !== 'ready') return;
      const isSaved = this.opened?.edits.some(
        ({ proof, requests }) => proof.requests.length === 0 && requests[0].target === lost,
      );
      if (isSaved) this.making.clear();
      this.notices.tell(isSaved ? notice.restartedSaved : notice.restarted(lost), 'news');
    });
  }
}
