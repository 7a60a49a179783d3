import { EditorError, toEditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { checkEdit } from '../edit/check.ts';
import { solveEdit, type EditInput } from '../edit/edit.ts';
import { isIn } from '../edit/history.ts';
import { dosedPatches, entriesOf, type Edit, type StackedEdit, type Standing } from '../edit/record.ts';
import { disposePatches, placePatches, type PlacedPatches } from '../model/patch.ts';
import type { EditView } from './api.ts';
import type { Arrangement, StackHistory } from './api-stack.ts';
import { Shelf, type Way } from './shelf.ts';
import { arranged, isChecked, withNews } from './standing.ts';
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
  /** The stack as it is kept. */
  readonly shelf: Shelf;
  readonly #neighbors: BroadcastChannel;
  readonly #onChange: () => void;
  #standing: readonly Standing[] = [];
  /** What `arrange` was last told and is keeping: it counts already. */
  #told: Arrangement | null = null;
  /** Edits whose check has failed since the model was opened. */
  readonly #uncheckable = new Set<string>();
  /** Patches of the edits that are on at their doses; made when first needed. */
  #placed: PlacedPatches | null = null;
  /** Placed patches that were replaced while a run may still read them. */
  readonly #retired: PlacedPatches[] = [];

  /** Use `restoreStack`. */
  constructor(studio: StackStudio, tab: string, onChange: () => void) {
    const { database, model } = studio;
    this.#studio = studio;
    this.shelf = new Shelf(database, model.hash, tab);
    this.#neighbors = new BroadcastChannel(`palimpsest stack of ${model.hash}`);
    this.#onChange = onChange;
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

  /** What this tab can undo and redo. */
  get history(): StackHistory {
    return this.shelf.history;
  }

  /** The models of all kept edits. */
  get models(): readonly Edit['model'][] {
    return [...this.#standing.map(({ edit }) => edit.model), ...this.shelf.otherModels];
  }

  /** How many kept edits belong to other versions of the model. */
  get elsewhere(): number {
    const { name } = this.#studio.model;
    return this.shelf.otherModels.filter((model) => model.name === name).length;
  }

  /** Takes the stack as it is kept for the first time. */
  async open(before: Shelf | null): Promise<void> {
    await this.shelf.open(before);
    this.#refresh();
  }

  /** Takes the stack as it is kept. */
  async reread(): Promise<void> {
    await this.shelf.read();
    this.#refresh();
  }

  /**
   * Makes an edit and puts it on top, switched on. It is kept as soon as it is solved: should this tab end before the check
   * does, the next one finds the edit and checks it.
   *
   * @param replaces an edit that it makes again: computed as if that weren't there, it takes its place when it is finished
   */
  async make(input: Omit<EditInput, 'stack'>, watch: Watch, replaces?: string): Promise<EditView> {
    const { model } = this.#studio;
    const given = { ...input, stack: this.active.filter(({ edit }) => edit.id !== replaces) };
    const solved = { ...(await solveEdit(model, given, watch)), ...(replaces !== undefined && { replaces }) };
    await this.shelf.lay(solved);
    let checked: Edit;
    try {
      checked = await checkEdit(model, solved, given, watch);
    } catch (error) {
      if (toEditorError(error, 'check the edit').code === 'aborted') await this.#forget(solved.id);
      // It took long to solve, and only the check is missing: that follows when the model is opened the next time.
      else await this.#push(solved).then(this.#onChange);
      throw error;
    }
    await this.#push(checked);
    return this.views().find(({ id }) => id === solved.id) as EditView;
  }

  /**
   * Checks an edit whose check was cut off; one that can't be checked stays as it is. Resolves with whether there was one.
   *
   * @throws EditorError `aborted`, and `device-lost`: nothing can be checked then
   */
  async finishCheck(watch: Watch): Promise<boolean> {
    const { heldOut, model } = this.#studio;
    const cut = this.#standing.find(({ edit }) => !isChecked(edit) && !this.#uncheckable.has(edit.id))?.edit;
    if (!cut) return false;
    const stack = cut.parents.flatMap(({ id, alpha }) => {
      const edit = this.#find(id);
      return edit ? [{ edit, alpha }] : [];
    });
    let checked: Edit;
    try {
      checked = await checkEdit(model, cut, { stack, heldOut }, watch);
    } catch (error) {
      if (ENDS.has(toEditorError(error, 'check the edit').code)) throw error;
      this.#uncheckable.add(cut.id);
      return true;
    }
    await this.#change(async (standing) => {
      // Another tab may have removed it meanwhile.
      if (standing.some(({ edit }) => edit.id === cut.id)) await this.shelf.admit(checked);
      return standing.map((each) => (each.edit.id === cut.id ? { ...each, edit: checked } : each));
    });
    return true;
  }

  /**
   * Order, switches and doses, and what was taken off; they count at once, before they are kept. Edits that the list doesn't
   * name, since they have just been made, stay on top; one that this tab has taken off comes back; those that another tab has
   * taken off stay off.
   *
   * @throws EditorError `invalid-input` for an edit that is named twice and a dose that is no number
   */
  async arrange(wanted: Arrangement): Promise<void> {
    const { entries } = wanted;
    const ids = entries.map(({ id }) => id);
    if (new Set(ids).size < ids.length) throw unfit(`one of ${ids.length} edits is named twice`);
    if (!entries.every(({ alpha }) => Number.isFinite(alpha))) throw unfit('a dose is no number');
    this.#told = wanted;
    this.#refresh();
    try {
      const next = async (standing: readonly Standing[]) => arranged(standing, await this.shelf.aside(ids), wanted);
      await this.#change(next, wanted);
    } finally {
      // What couldn't be kept counts no longer.
      if (this.#told === wanted) this.#told = null;
      this.#refresh();
    }
  }

  /** Frees patches that were replaced: to be called when no run is under way. */
  sweep(): void {
    this.#retired.splice(0).forEach(disposePatches);
  }

  dispose(): void {
    this.#neighbors.close();
    this.shelf.close();
    this.#retire();
    this.sweep();
  }

  async #push(edit: Edit): Promise<void> {
    await this.shelf.admit(edit);
    await this.#change((standing) =>
      Promise.resolve(isIn(entriesOf(standing), edit.id) ? standing : withNews(standing, [edit])),
    );
  }

  /** The other tabs hear of it too: one without locks has taken it for a new edit. */
  async #forget(id: string): Promise<void> {
    await this.shelf.forget(id);
    this.#neighbors.postMessage(null);
  }

  #find(id: string): Edit | undefined {
    return this.#standing.find(({ edit }) => edit.id === id)?.edit;
  }

  /** Changes the stack as it is kept, and tells the other tabs. */
  async #change(next: (standing: readonly Standing[]) => Promise<readonly Standing[]>, way?: Way): Promise<void> {
    await this.shelf.change(next, way);
    this.#refresh();
    this.#neighbors.postMessage(null);
  }

  /** The stack is as it is kept, or as it is about to be; patches stay where they are while the same edits are on as before. */
  #refresh(): void {
    const doses = () => this.active.map(({ edit, alpha }) => `${edit.id} ${alpha}`).join();
    const before = doses();
    const { standing, near } = this.shelf;
    this.#standing = this.#told ? arranged(standing, near, this.#told) : standing;
    if (doses() !== before) this.#retire();
  }

  #retire(): void {
    if (this.#placed) this.#retired.push(this.#placed);
    this.#placed = null;
  }
}

/**
 * The kept edits of a model.
 *
 * @param tab      the name of this tab, which it has again when it is loaded again
 * @param onChange hears that they have changed without being asked: in another tab, or because a check has failed
 * @param before   what this worker's last stack knew
 */
export async function restoreStack(
  studio: StackStudio,
  tab: string,
  onChange: () => void,
  before: Shelf | null = null,
): Promise<EditStack> {
  const stack = new EditStack(studio, tab, onChange);
  try {
    await stack.open(before);
    return stack;
  } catch (error) {
    stack.dispose();
    throw error;
  }
}

// ---

/** What ends all checks, rather than one. */
const ENDS: ReadonlySet<string> = new Set(['aborted', 'device-lost']);

function unfit(found: string): EditorError {
  return new EditorError('invalid-input', 'change the stack of edits', found, 'reload the page');
}
