import { EditorError, toEditorError } from '../base/errors.ts';
import type { EditView, StackEntry } from '../worker/api.ts';
import type { Act, Entries, StackHistory, Turn } from '../worker/api-stack.ts';
import { caughtUp, isIn, NO_HISTORY, recorded, redone, undone } from '../worker/api-stack.ts';
import type { EngineClient } from '../worker/client.ts';

/** Hears of changes. */
export interface StackListener {
  /** A change is on its way: what is being read belongs to a stack that is gone. */
  readonly onLeave: () => void;
  /** The engine answers with it. */
  readonly onArrive: () => void;
}

/** What a stack asks of the engine. */
export type StackClient = Pick<EngineClient, 'edits' | 'arrange'>;

/** The edits over the untouched model: switches, doses, order, removal, and the way back from all of it. */
export class Stack {
  readonly #client: StackClient;
  readonly #listener: StackListener;
  /** What the engine is to be told next, as soon as there is one; null when it knows. */
  #wanted = $state.raw<Wanted | null>(null);
  #telling = $state.raw<Promise<void> | null>(null);
  /** Edits as they were shown last: one that comes back is shown at once. */
  #seen: readonly EditView[] = [];

  edits = $state.raw<readonly EditView[]>([]);
  history = $state.raw<StackHistory>(NO_HISTORY);
  /** How many were found again when the model was opened. */
  restored = $state(0);
  error = $state.raw<EditorError | null>(null);
  /** Those that take part. */
  readonly on: readonly EditView[] = $derived(this.edits.filter(({ on, alpha }) => on && alpha !== 0));

  constructor(client: StackClient, listener: StackListener) {
    this.#client = client;
    this.#listener = listener;
  }

  get entries(): Entries {
    return entriesOf(this.edits);
  }

  /**
   * Begins with the edits of a model that was just opened, and the way back from there. What was done while there was none
   * stays done: the engine waits with it, or is told now, and answers with the edits as they are then.
   */
  start(edits: readonly EditView[], history: StackHistory): void {
    this.error = null;
    if (!this.busy) Object.assign(this, { edits, history });
    else if (this.#wanted) void this.#tell(this.#wanted.entries);
  }

  /** Takes what the engine tells by itself: another tab has changed something, or a check was finished. */
  take(edits: readonly EditView[]): void {
    // What is being told, or will be, is answered with the edits as they are then.
    if (this.busy) return;
    this.#adopt(edits);
    this.#listener.onArrive();
  }

  /** Takes what the engine holds as what there is. */
  async reload(): Promise<void> {
    await this.#try('list edits', async () => this.take(await this.#client.edits()));
  }

  /** Whether a change is on its way to the engine, or to where it is kept, or waits until there is an engine. */
  get busy(): boolean {
    return this.#telling !== null || this.#wanted !== null;
  }

  /** Takes in an edit that was made, in its old place if it was made again; or null for one that wasn't. */
  admit(made: EditView | null, replaces?: string): Promise<void> {
    if (!made) return this.reload();
    const before = this.entries;
    const at = before.findIndex(({ id }) => id === replaces);
    this.#record(at < 0 ? 'edit' : 'again', made, before);
    this.edits = at < 0 ? [...this.edits, made] : this.edits.with(at, made);
    // What was told while it was finished may have named the old one.
    return this.#tell(this.entries, at < 0 ? [] : [before[at].id]);
  }

  /** Switches an edit on or off. */
  switch(id: string, on: boolean): Promise<void> {
    return this.#change('switch', id, this.#with(id, { on }));
  }

  /** Doses an edit; one dose after another is one act. */
  dose(id: string, alpha: number): Promise<void> {
    return this.#change('dose', id, this.#with(id, { alpha }));
  }

  /** Moves an edit up (1) or down (−1) in the stack. */
  move(id: string, by: 1 | -1): Promise<void> {
    const from = this.edits.findIndex((edit) => edit.id === id);
    const to = from + by;
    if (to < 0 || to >= this.edits.length) return Promise.resolve();
    return this.#change('order', id, this.entries.toSpliced(from, 1).toSpliced(to, 0, this.entries[from]));
  }

  /** Takes an edit off. */
  remove(id: string): Promise<void> {
    return this.#change(
      'remove',
      id,
      this.entries.filter((entry) => entry.id !== id),
    );
  }

  /** Takes the last act back. Resolves with it, once the engine has it; null when there is none. */
  undo(): Promise<Act | null> {
    return this.#turn(undone(this.history, this.entries));
  }

  /** Does again what was undone last. */
  redo(): Promise<Act | null> {
    return this.#turn(redone(this.history, this.entries));
  }

  // --- what the acts above are made of

  #with(id: string, change: Partial<StackEntry>): Entries {
    return this.entries.map((entry) => (entry.id === id ? { ...entry, ...change } : entry));
  }

  #record(kind: Act['kind'], { id, requests }: Pick<EditView, 'id' | 'requests'>, before: Entries): void {
    const act = { kind, id, target: requests[0].target.trim(), at: Date.now() };
    this.history = recorded(this.history, act, before);
  }

  #change(kind: Act['kind'], id: string, next: Entries): Promise<void> {
    const edit = this.edits.find((each) => each.id === id);
    if (edit) this.#record(kind, edit, this.entries);
    return this.#tell(next);
  }

  async #turn(to: { turn: Turn<Entries>; history: StackHistory } | null): Promise<Act | null> {
    if (!to) return null;
    this.history = to.history;
    await this.#tell(to.turn.state);
    return to.turn.act;
  }

  /**
   * Takes what the engine holds as what there is. What another's hand has done, going back must not undo.
   *
   * @param known how the engine was told last, as far as this page knows
   */
  #adopt(edits: readonly EditView[], known: Entries = this.entries): void {
    this.history = caughtUp(this.history, known, entriesOf(edits));
    this.edits = edits;
  }

  /** Shows a state at once and tells the engine; while it is being told, only the latest state waits. */
  #tell(entries: Entries, replaced: readonly string[] = []): Promise<void> {
    const ids = [...(this.#wanted?.gone ?? []), ...replaced, ...this.edits.map(({ id }) => id)];
    this.#wanted = { entries, gone: ids.filter((id) => !isIn(entries, id)) };
    this.#seen = [...this.#seen.filter(({ id }) => !isIn(this.edits, id)), ...this.edits];
    this.edits = entries.flatMap((entry) => {
      const edit = this.#seen.find(({ id }) => id === entry.id);
      return edit ? [{ ...edit, ...entry }] : [];
    });
    this.#listener.onLeave();
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = null));
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    await this.#try('arrange edits', async () => {
      while (this.#wanted) {
        const wanted = this.#wanted;
        const { entries } = wanted;
        this.#wanted = null;
        const told = this.#client.arrange({ ...wanted, history: this.history });
        // From here on it counts: what is asked next is answered with it, and need not wait until it is kept. But for an edit
        // that this page has never shown: that is fetched from where it is kept.
        const isHere = entries.every(({ id }) => isIn(this.#seen, id));
        if (isHere) this.#listener.onArrive();
        const edits = await told.catch((error: unknown) => this.#putBack(wanted, error));
        if (!edits) return;
        if (this.#wanted) continue;
        this.#adopt(edits, entries);
        if (!isHere || JSON.stringify(entriesOf(edits)) !== JSON.stringify(entries)) this.#listener.onArrive();
      }
    });
  }

  /**
   * What there was no engine to hear is told when there is one again.
   *
   * @throws `error` where that is not why it was in vain
   */
  #putBack(told: Wanted, error: unknown): null {
    const { entries, gone } = this.#wanted ?? told;
    const isAway = error instanceof EditorError && AWAY.has(error.code);
    this.#wanted = isAway ? { entries, gone: [...told.gone, ...gone].filter((id) => !isIn(entries, id)) } : null;
    if (!isAway) throw error;
    return null;
  }

  async #try(what: string, call: () => Promise<void>): Promise<void> {
    try {
      await call();
      this.error = null;
    } catch (thrown) {
      const error = toEditorError(thrown, what);
      if (error.code !== 'aborted') this.error = error;
    }
  }
}

// ---

/** A state that the engine is to be told, and what isn't in it any more. */
interface Wanted {
  readonly entries: Entries;
  readonly gone: readonly string[];
}

/** Errors that mean that no engine has heard. */
const AWAY: ReadonlySet<string> = new Set(['no-device', 'worker-died']);

function entriesOf(edits: readonly EditView[]): Entries {
  return edits.map(({ id, on, alpha }) => ({ id, on, alpha }));
}
