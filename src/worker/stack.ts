import { EditorError } from '../base/errors.ts';
import { deleteEdit, listEdits, loadStack, saveEdit, saveStack, type StackEntry } from '../edit/library.ts';
import { dosedPatches, type Edit, type StackedEdit, type Standing } from '../edit/record.ts';
import { disposePatches, placePatches, type PlacedPatches } from '../model/patch.ts';
import type { EditView } from './api.ts';
import type { Studio } from './studio.ts';
import { toView } from './views.ts';

/**
 * The edits of one model, bottom first, with their switches and doses: kept in the database, and placed on the device
 * when a run needs them.
 */
export class EditStack {
  readonly #studio: Studio;
  #standing: readonly Standing[] = [];
  /** Patches of the edits that are on; made when first needed. */
  #placed: PlacedPatches | null = null;
  /** Placed patches that were replaced while a run may still read them. */
  readonly #retired: PlacedPatches[] = [];

  /** Use `restoreStack`. */
  constructor(studio: Studio, standing: readonly Standing[]) {
    this.#studio = studio;
    this.#standing = standing;
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
    if (this.#placed) return this.#placed;
    const { device, description } = this.#studio.model;
    this.#placed = placePatches(device, description, dosedPatches(this.active));
    return this.#placed;
  }

  /** Saves an edit and puts it on top, switched on. */
  async push(edit: Edit): Promise<EditView> {
    await saveEdit(this.#studio.database, edit);
    const standing = { edit, on: true, alpha: 1 };
    await this.#set([...this.#standing, standing]);
    return toView(standing, this.#standing);
  }

  /**
   * Order, switches and doses of all edits.
   *
   * @throws EditorError `invalid-input` when the list isn't of exactly these edits
   */
  async arrange(entries: readonly StackEntry[]): Promise<void> {
    const found = entries.map(({ id, on, alpha }) => ({ edit: this.#find(id), on, alpha }));
    const isWhole = new Set(entries.map(({ id }) => id)).size === this.#standing.length;
    if (!isWhole) throw unknown(`${entries.length} of ${this.#standing.length} edits`);
    if (!entries.every(({ alpha }) => Number.isFinite(alpha))) throw unknown('a dose that is no number');
    await this.#set(found);
  }

  /** Forgets an edit. Throws `invalid-input` for one that isn't here. */
  async remove(id: string): Promise<void> {
    this.#find(id);
    await this.#set(this.#standing.filter(({ edit }) => edit.id !== id));
    await deleteEdit(this.#studio.database, id);
  }

  /** Frees patches that were replaced: to be called when no run is under way. */
  sweep(): void {
    this.#retired.splice(0).forEach(disposePatches);
  }

  dispose(): void {
    this.#retire();
    this.sweep();
  }

  #find(id: string): Edit {
    const known = this.#standing.find(({ edit }) => edit.id === id);
    if (known) return known.edit;
    throw unknown(id);
  }

  async #set(standing: readonly Standing[]): Promise<void> {
    this.#standing = standing;
    this.#retire();
    const { database, model } = this.#studio;
    await saveStack(
      database,
      model.hash,
      standing.map(({ edit, on, alpha }) => ({ id: edit.id, on, alpha })),
    );
  }

  #retire(): void {
    if (this.#placed) this.#retired.push(this.#placed);
    this.#placed = null;
  }
}

/** The saved edits of a model in their saved order; ones that the saved order doesn't know are on top, switched on. */
export async function restoreStack(studio: Studio): Promise<EditStack> {
  const { database, model } = studio;
  const saved = await listEdits(database, model.hash);
  const entries = await loadStack(database, model.hash);
  const known = entries.flatMap(({ id, on, alpha }) => {
    const edit = saved.find((each) => each.id === id);
    return edit ? [{ edit, on, alpha }] : [];
  });
  const rest = saved.filter(({ id }) => !entries.some((entry) => entry.id === id));
  return new EditStack(studio, [...known, ...rest.map((edit) => ({ edit, on: true, alpha: 1 }))]);
}

// ---

function unknown(what: string): EditorError {
  return new EditorError('invalid-input', 'change the stack of edits', `${what} is not in it`, 'reload the page', {
    what,
  });
}
