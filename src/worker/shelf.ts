import { EditorError } from '../base/errors.ts';
import { caughtUp, isIn, NO_HISTORY, type Entries, type History } from '../edit/history.ts';
import { deleteEdit, listEditIds, loadEdit, loadStack, saveEdit, saveStack } from '../edit/library.ts';
import type { KeptStack, Trail } from '../edit/library.ts';
import { entriesOf, type Edit, type Standing } from '../edit/record.ts';
import type { Database } from '../store/database.ts';
import { exclusively, hold, isHeld } from '../store/locks.ts';
import { isChecked, withNews } from './standing.ts';

/** What the person of this tab has made of the stack, and the way there. */
export interface Way {
  readonly entries: Entries;
  readonly history: History<Entries>;
}

/**
 * The stack of one model as it lies in the store. Tabs read and change it one at a time. Each has a trail of its own there,
 * by its name: what it can undo, and the edits that it has taken off, which stay as long as they can be put back.
 */
export class Shelf {
  readonly #database: Database;
  readonly #modelHash: string;
  readonly #name: string;
  /** Kept edits of other models. */
  readonly #foreign = new Map<string, Edit['model'] | null>();
  /** Kept edits of this tab that are being checked, with what lets go of them: not part of any tab's stack yet. */
  readonly #pending = new Map<string, (() => void) | null>();
  /** Edits that this tab has taken off since it was opened. */
  readonly #near = new Map<string, Edit>();
  #standing: readonly Standing[] = [];
  #trail: Trail;
  /** The tab that is no more whose trail this one goes on with. */
  #heirTo = '';
  #release: (() => void) | null = null;

  /** @param tab a name that this tab has again when it is loaded again */
  constructor(database: Database, modelHash: string, tab: string) {
    this.#database = database;
    this.#modelHash = modelHash;
    this.#name = `palimpsest stack of ${modelHash}`;
    this.#trail = { tab, entries: [], history: NO_HISTORY, aside: [] };
  }

  /** The stack as it was read or changed last, bottom first. */
  get standing(): readonly Standing[] {
    return this.#standing;
  }

  /** What this tab can undo and redo, as it was kept last. */
  get history(): History<Entries> {
    return this.#trail.history;
  }

  /** Edits that this tab has taken off, as far as they are in memory. */
  get near(): readonly Edit[] {
    return [...this.#near.values()];
  }

  /** The models of all kept edits that belong to others than this one. */
  get otherModels(): readonly Edit['model'][] {
    return [...this.#foreign.values()].filter((model) => model !== null);
  }

  /**
   * Reads the stack, and takes up this tab's trail, or else the latest of a tab that is no more.
   *
   * @param before this tab's last shelf: what it knew stands where the store can't be read any more
   */
  async open(before: Shelf | null): Promise<void> {
    if (before && before.#modelHash === this.#modelHash) {
      this.#standing = before.#standing;
      this.#trail = { ...before.#trail, tab: this.#trail.tab };
      for (const [id, edit] of before.#near) this.#near.set(id, edit);
    }
    // A page that is loaded again waits for its own end; a copy of a tab has the name of another.
    this.#release = await hold(lockOf(this.#trail.tab), 'exclusive', PATIENCE);
    if (!this.#release) {
      this.#trail = { ...this.#trail, tab: crypto.randomUUID() };
      this.#release = await hold(lockOf(this.#trail.tab));
    }
    await exclusively(this.#name, async () => {
      const { trails } = await this.#read();
      const found = trails.find(({ tab }) => tab === this.#trail.tab) ?? (await findOrphan(trails));
      if (found) {
        const entries = entriesOf(this.#standing);
        const history = caughtUp(found.history, found.entries, entries);
        this.#heirTo = found.tab;
        this.#trail = { tab: this.#trail.tab, entries, history, aside: found.aside };
      }
    });
  }

  /** Lets go of this tab's name, and of what is being checked. */
  close(): void {
    this.#release?.();
    for (const id of this.#pending.keys()) this.#letGo(id);
  }

  /** Keeps an edit that is not part of the stack before `admit`: should this tab end before, the next one finds it. */
  async lay(edit: Edit): Promise<void> {
    this.#pending.set(edit.id, await hold(lockOfEdit(edit.id)));
    await saveEdit(this.#database, edit);
  }

  /** Keeps an edit as it is now: from here on it counts. */
  async admit(edit: Edit): Promise<void> {
    await saveEdit(this.#database, edit);
    this.#letGo(edit.id);
  }

  /** Forgets an edit that was laid here. */
  async forget(id: string): Promise<void> {
    await deleteEdit(this.#database, id);
    this.#letGo(id);
  }

  /**
   * Takes the stack as it is kept. Edits that it doesn't know are on top, switched on, or in the place of those that they
   * make again.
   */
  async read(): Promise<void> {
    await exclusively(this.#name, () => this.#read());
  }

  /**
   * Changes the stack as it is kept.
   *
   * @param way given when it is the person of this tab who wants it
   */
  change(next: (kept: readonly Standing[]) => Promise<readonly Standing[]>, way?: Way): Promise<void> {
    return exclusively(this.#name, async () => {
      const here = this.#standing;
      const stack = await this.#read();
      const before = this.#standing;
      const standing = await next(before);
      const entries = entriesOf(standing);
      const back = standing.filter(({ edit }) => !before.some((each) => each.edit.id === edit.id));
      for (const { edit } of back) await saveEdit(this.#database, edit);

      const went = [...this.#trail.aside, ...[...stack.entries, ...entriesOf(before)].map(({ id }) => id)];
      const off = [...new Set(went)].filter((id) => !isIn(entries, id) && !this.#pending.has(id));
      const aside = way ? off.filter((id) => knows(way.history, id)) : off;
      const trail = { ...this.#trail, ...(way && { entries: way.entries, history: way.history }), aside };
      const others = stack.trails.filter(({ tab }) => tab !== trail.tab && tab !== this.#heirTo);
      const trails = [...others, trail].slice(-TRAILS);
      // First, because an edit that neither the stack nor a trail knows would be taken for a new one.
      const kept = new Set([...entries.map(({ id }) => id), ...asideOf(trails)]);
      for (const id of [...asideOf(stack.trails), ...off]) if (!kept.has(id)) await deleteEdit(this.#database, id);
      await saveStack(this.#database, this.#modelHash, { entries, trails });

      this.#standing = standing;
      this.#trail = trail;
      for (const { edit } of [...here, ...before]) if (off.includes(edit.id)) this.#near.set(edit.id, edit);
      for (const id of this.#near.keys()) if (!aside.includes(id)) this.#near.delete(id);
    });
  }

  /** Those of some edits that this tab has taken off, to be put back. */
  async aside(ids: readonly string[]): Promise<Edit[]> {
    const found = this.#trail.aside
      .filter((id) => ids.includes(id))
      .map(async (id) => this.#near.get(id) ?? loadEdit(this.#database, id));
    return (await Promise.all(found)).filter((edit) => edit !== undefined);
  }

  async #read(): Promise<KeptStack> {
    try {
      const stack = await loadStack(this.#database, this.#modelHash);
      const edits = await this.#edits(stack);
      const known = stack.entries.flatMap(({ id, on, alpha }) => {
        const edit = edits.get(id);
        edits.delete(id);
        return edit ? [{ edit, on, alpha }] : [];
      });
      const news = [...edits.values()].sort((a, b) => a.createdAt - b.createdAt);
      this.#standing = withNews(known, news);
      return stack;
    } catch (error) {
      // A store that can't be read any more has nothing newer to tell than what is here.
      if (!(error instanceof EditorError && error.code === 'quota')) throw error;
      return { entries: entriesOf(this.#standing), trails: [this.#trail] };
    }
  }

  #letGo(id: string): void {
    this.#pending.get(id)?.();
    this.#pending.delete(id);
  }

  /**
   * All kept edits of the model but for those that wait to be part of the stack, or to be put back. What another tab is
   * checking waits for that tab: it may still be stopped there.
   */
  async #edits({ entries, trails }: KeptStack): Promise<Map<string, Edit>> {
    const aside = asideOf(trails).filter((id) => !isIn(entries, id));
    const hidden = new Set([...aside, ...this.#pending.keys()]);
    const edits = new Map<string, Edit>();
    for (const id of await listEditIds(this.#database)) {
      if (this.#foreign.has(id) || hidden.has(id)) continue;
      const here = this.#standing.find(({ edit }) => edit.id === id)?.edit;
      const edit = here && isChecked(here) ? here : await loadEdit(this.#database, id);
      if (edit?.model.hash !== this.#modelHash) this.#foreign.set(id, edit?.model ?? null);
      else if (isChecked(edit) || !(await isHeld(lockOfEdit(id)))) edits.set(id, edit);
    }
    return edits;
  }
}

// ---

/** Milliseconds until the tab that this one was before it was loaded again has ended for sure. */
const PATIENCE = 1000;

/** Tabs whose way back is kept. */
const TRAILS = 4;

function lockOf(tab: string): string {
  return `tab ${tab}`;
}

/** Held while an edit is checked. */
function lockOfEdit(id: string): string {
  return `edit ${id}`;
}

async function findOrphan(trails: readonly Trail[]): Promise<Trail | undefined> {
  for (const trail of trails.toReversed()) {
    if (!(await isHeld(lockOf(trail.tab)))) return trail;
  }
  return undefined;
}

function asideOf(trails: readonly Trail[]): string[] {
  return trails.flatMap(({ aside }) => aside);
}

/** Whether a history has a state with this edit. */
function knows({ past, future }: History<Entries>, id: string): boolean {
  return [...past, ...future].some(({ state }) => isIn(state, id));
}
