import { deleteRecord, getRecord, listKeys, putRecord, type RecordKind } from '../store/keep.ts';
import type { Database } from '../store/database.ts';
import type { Entries, History } from './history.ts';
import type { Edit } from './record.ts';

/** A stack as it is kept. */
export interface KeptStack {
  /** Order, switches and doses, bottom first. */
  readonly entries: Entries;
  /** The ways back of the tabs that have changed it, the latest last. */
  readonly trails: readonly Trail[];
}

/** What a tab can undo and redo. */
export interface Trail {
  /** The tab's name. */
  readonly tab: string;
  /** The stack that the history leads to: whatever has changed since was another's doing. */
  readonly entries: Entries;
  readonly history: History<Entries>;
  /** Edits that the tab has taken off: kept, so that it can put them back. */
  readonly aside: readonly string[];
}

/** Keeps an edit; it can be found again by its id. Resolves with whether it will outlive the page. */
export function saveEdit(database: Database, edit: Edit): Promise<boolean> {
  return putRecord(database, EDITS, edit.id, edit);
}

/** A kept edit; undefined when there is none, or none that can be read. */
export function loadEdit(database: Database, id: string): Promise<Edit | undefined> {
  return getRecord(database, EDITS, id);
}

/** Ids of all kept edits, of whatever model. */
export function listEditIds(database: Database): Promise<string[]> {
  return listKeys(database, EDITS);
}

/** Forgets an edit. */
export function deleteEdit(database: Database, id: string): Promise<void> {
  return deleteRecord(database, EDITS, id);
}

/** Keeps how a model's edits stand, and the ways back. */
export function saveStack(database: Database, modelHash: string, stack: KeptStack): Promise<boolean> {
  return putRecord(database, STACKS, modelHash, stack);
}

/** How a model's edits stand, as it was kept; empty when nothing was. */
export async function loadStack(database: Database, modelHash: string): Promise<KeptStack> {
  return (await getRecord(database, STACKS, modelHash)) ?? { entries: [], trails: [] };
}

// ---

const EDITS: RecordKind<Edit> = { name: 'edit', version: 2, upgrade: renewEdit };
/** Version 1 had no trails. */
const STACKS: RecordKind<KeptStack> = {
  name: 'stack',
  version: 2,
  upgrade: (old, version) => (version === 1 ? { entries: old as Entries, trails: [] } : undefined),
};

/** Version 1 knew neither the app nor the model's revision, and kept no templates for a later check. */
type FirstEdit = Omit<Edit, 'schema' | 'app' | 'unseen' | 'model'> & {
  readonly model: Omit<Edit['model'], 'revision'>;
};

function renewEdit(old: unknown, version: number): Edit | undefined {
  if (version !== 1) return undefined;
  const edit = old as FirstEdit;
  return { ...edit, schema: 2, app: 'unknown', unseen: [], model: { ...edit.model, revision: null } };
}
