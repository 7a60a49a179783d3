import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { checkEdit } from '../edit/check.ts';
import { solveEdit, type EditInput } from '../edit/edit.ts';
import { deleteEdit, listEditIds, loadEdit, loadStack, saveEdit, saveStack, type StackEntry } from '../edit/library.ts';
import { dosedPatches, type Edit, type StackedEdit, type Standing } from '../edit/record.ts';
import { disposePatches, placePatches, type PlacedPatches } from '../model/patch.ts';
import { exclusively } from '../store/locks.ts';
import type { EditView } from './api.ts';
import type { Studio } from './studio.ts';
import { toView } from './views.ts';

/** What a stack needs of its studio. */
export type StackStudio = Pick<Studio, 'model' | 'database' | 'heldOut'>;

/**
 * The edits of one model, bottom first, with their switches and doses: kept in the database, and placed on the device
 * when a run needs them. Several tabs may show the same stack: each change is made to the stack as it is kept, one tab at
 * a time, and the other tabs hear of it and read it again.
 */
export class EditStack {
  readonly #studio: StackStudio;
  readonly #name: string;
  readonly #neighbors: BroadcastChannel;
  #standing: readonly Standing[] = [];
  /** What `arrange` was last told and is keeping: it counts already. */
  #told: readonly StackEntry[] | null = null;
  /** Kept edits of other models. */
  readonly #foreign = new Set<string>();
  /** Kept edits of this tab that are being checked: not part of the stack yet. */
  readonly #pending = new Set<string>();
  /** Edits that this tab has taken off, latest last: they can be put back. */
  #aside: readonly Edit[] = [];
  /** Patches of the edits that are on; made when first needed. */
  #placed: PlacedPatches | null = null;
  /** Placed patches that were replaced while a run may still read them. */
  readonly #retired: PlacedPatches[] = [];

  /** Use `restoreStack`. */
  constructor(studio: StackStudio, onChange: () => void, before?: EditStack) {
    this.#studio = studio;
    this.#name = `palimpsest stack of ${studio.model.hash}`;
    this.#aside = before ? before.#aside.filter(({ model }) => model.hash === studio.model.hash) : [];
    this.#neighbors = new BroadcastChannel(this.#name);
    this.#neighbors.onmessage = () => void this.reread().then(onChange);
  }

  /** The edits that are on, for the next one to be made on top of. */
  get active(): StackedEdit[] {
    return this.#standing.filter(({ on }) => on).map(({ edit, alpha }) => ({ edit, alpha }));
  }

  /** All edits as a screen needs them. */
  views(): EditView[] {
    return this.#standing.map((standing) => toView(standing, this.#standing));
  }

  /** Patches of the edits that are on. They stay valid until `sweep`, whatever happens to the stack. */
  patches(): PlacedPatches {
    const { device, description } = this.#studio.model;
    return (this.#placed ??= placePatches(device, description, dosedPatches(this.active)));
  }

  /** Takes the stack as it is kept. Edits that no kept order knows are on top, switched on. */
  async reread(): Promise<void> {
    await exclusively(this.#name, async () => this.#set(await this.#kept()));
  }

  /**
   * Makes an edit and puts it on top, switched on. It is kept as soon as it is solved: should this tab end before the check
   * does, the next one finds the edit and checks it.
   *
   * @param replaces an edit that it makes again: computed as if that weren't there, it takes its place when it is finished
   */
  async make(input: Omit<EditInput, 'stack'>, watch: Watch, replaces?: string): Promise<EditView> {
    const { database, model } = this.#studio;
    const given = { ...input, stack: this.active.filter(({ edit }) => edit.id !== replaces) };
    const solved = await solveEdit(model, given, watch);
    this.#pending.add(solved.id);
    await saveEdit(database, solved);
    try {
      await this.#push(await checkEdit(model, solved, given, watch), replaces);
    } catch (error) {
      // With its device an edit loses only the check, which follows when the device is back.
      if (!(error instanceof EditorError && error.code === 'device-lost')) await deleteEdit(database, solved.id);
      this.#pending.delete(solved.id);
      throw error;
    }
    return this.views().find(({ id }) => id === solved.id) as EditView;
  }

  /** Checks an edit whose check was cut off. Resolves with whether there was one. */
  async finishCheck(watch: Watch): Promise<boolean> {
    const { heldOut, model } = this.#studio;
    const cut = this.#standing.find(({ edit }) => !isChecked(edit))?.edit;
    if (!cut) return false;
    const stack = cut.parents.flatMap(({ id, alpha }) => {
      const edit = this.#find(id);
      return edit ? [{ edit, alpha }] : [];
    });
    const checked = await checkEdit(model, cut, { stack, heldOut }, watch);
    await this.#change(async (standing) => {
      // Another tab may have removed it meanwhile.
      if (this.#find(cut.id)) await saveEdit(this.#studio.database, checked);
      return standing.map((each) => (each.edit.id === cut.id ? { ...each, edit: checked } : each));
    });
    return true;
  }

  /**
   * Order, switches and doses; they count at once, before they are kept. Edits that the list doesn't name, since they have
   * just been made, stay on top; one that this tab has removed comes back; those that another tab has removed stay removed.
   *
   * @throws EditorError `invalid-input` for an edit that is named twice and a dose that is no number
   */
  async arrange(entries: readonly StackEntry[]): Promise<void> {
    const ids = new Set(entries.map(({ id }) => id));
    if (ids.size < entries.length) throw unfit(`one of ${entries.length} edits is named twice`);
    if (!entries.every(({ alpha }) => Number.isFinite(alpha))) throw unfit('a dose is no number');
    this.#told = entries;
    this.#set(this.#standing);
    try {
      await this.#change(async (standing) => {
        const back = this.#aside.filter(({ id }) => ids.has(id));
        for (const edit of back) await saveEdit(this.#studio.database, edit);
        return this.#arranged(standing, entries);
      });
      this.#aside = this.#aside.filter(({ id }) => !ids.has(id));
    } finally {
      if (this.#told === entries) this.#told = null;
    }
  }

  /** Takes an edit off, and out of what is kept; `arrange` can put it back. */
  async remove(id: string): Promise<void> {
    await this.#change(async (standing) => {
      await this.#layAside(id);
      return standing.filter(({ edit }) => edit.id !== id);
    });
  }

  /** Frees patches that were replaced: to be called when no run is under way. */
  sweep(): void {
    this.#retired.splice(0).forEach(disposePatches);
  }

  dispose(): void {
    this.#neighbors.close();
    this.#retire();
    this.sweep();
  }

  async #push(edit: Edit, replaces?: string): Promise<void> {
    await this.#change(async (standing) => {
      await saveEdit(this.#studio.database, edit);
      this.#pending.delete(edit.id);
      const made = { edit, on: true, alpha: 1 };
      const at = standing.findIndex((each) => each.edit.id === replaces);
      if (replaces === undefined || at < 0) return [...standing, made];
      await this.#layAside(replaces);
      return standing.with(at, made);
    });
  }

  async #layAside(id: string): Promise<void> {
    const edit = this.#find(id);
    if (edit) this.#aside = [...this.#aside, edit].slice(-ASIDE);
    await deleteEdit(this.#studio.database, id);
  }

  #find(id: string): Edit | undefined {
    return this.#standing.find(({ edit }) => edit.id === id)?.edit;
  }

  /** Changes the stack as it is kept, and tells the other tabs. */
  #change(next: (standing: readonly Standing[]) => Promise<readonly Standing[]>): Promise<void> {
    return exclusively(this.#name, async () => {
      this.#set(await next(await this.#kept()));
      const entries = this.#standing.map(({ edit, on, alpha }) => ({ id: edit.id, on, alpha }));
      await saveStack(this.#studio.database, this.#studio.model.hash, entries);
      this.#neighbors.postMessage(null);
    });
  }

  /** What the stack is from here on; patches stay where they are as long as the same edits are on at the same doses. */
  #set(standing: readonly Standing[]): void {
    const doses = () => this.active.map(({ edit, alpha }) => `${edit.id} ${alpha}`).join();
    const before = doses();
    this.#standing = this.#told ? this.#arranged(standing, this.#told) : standing;
    if (doses() !== before) this.#retire();
  }

  /** Edits in the order and with the doses of a list; those that it doesn't name stay on top. */
  #arranged(standing: readonly Standing[], entries: readonly StackEntry[]): readonly Standing[] {
    const here = [...standing.map(({ edit }) => edit), ...this.#aside];
    const named = entries.flatMap(({ id, on, alpha }) => {
      const edit = here.find((each) => each.id === id);
      return edit ? [{ edit, on, alpha }] : [];
    });
    return [...named, ...standing.filter(({ edit }) => !entries.some(({ id }) => id === edit.id))];
  }

  /** The stack as it is kept. */
  async #kept(): Promise<readonly Standing[]> {
    const { database, model } = this.#studio;
    try {
      const entries = await loadStack(database, model.hash);
      const edits = new Map<string, Edit>();
      for (const id of await listEditIds(database)) {
        if (this.#foreign.has(id) || this.#pending.has(id)) continue;
        const here = this.#find(id);
        const edit = here && isChecked(here) ? here : await loadEdit(database, id);
        if (edit?.model.hash === model.hash) edits.set(id, edit);
        else this.#foreign.add(id);
      }
      const known = entries.flatMap(({ id, on, alpha }) => {
        const edit = edits.get(id);
        edits.delete(id);
        return edit ? [{ edit, on, alpha }] : [];
      });
      const rest = [...edits.values()].sort((a, b) => a.createdAt - b.createdAt);
      return [...known, ...rest.map((edit) => ({ edit, on: true, alpha: 1 }))];
    } catch (error) {
      // A store that can't be read any more has nothing newer to tell than what is here.
      if (error instanceof EditorError && error.code === 'quota') return this.#standing;
      throw error;
    }
  }

  #retire(): void {
    if (this.#placed) this.#retired.push(this.#placed);
    this.#placed = null;
  }
}

/**
 * The kept edits of a model.
 *
 * @param onChange hears that another tab has changed them
 * @param before   the stack that this one follows in the same tab: what was taken off it can still be put back
 */
export async function restoreStack(studio: StackStudio, onChange: () => void, before?: EditStack): Promise<EditStack> {
  const stack = new EditStack(studio, onChange, before);
  await stack.reread();
  return stack;
}

// ---

/** Edits that can be put back: more than a page's undo goes back, few enough to hold. */
const ASIDE = 64;

function isChecked({ proof }: Edit): boolean {
  return proof.requests.length > 0;
}

function unfit(found: string): EditorError {
  return new EditorError('invalid-input', 'change the stack of edits', found, 'reload the page');
}
