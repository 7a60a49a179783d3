import { deleteRecord, getRecord, listKeys, putRecord, type RecordKind } from '../store/keep.ts';
import type { Database } from '../store/database.ts';
import type { Edit } from './record.ts';

/** How an edit stands in the stack. */
export interface StackEntry {
  readonly id: string;
  readonly on: boolean;
  /** Dose: 1 as solved, 0 none. */
  readonly alpha: number;
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

/** Keeps the order, switches and doses of a model's edits. */
export function saveStack(database: Database, modelHash: string, stack: readonly StackEntry[]): Promise<boolean> {
  return putRecord(database, STACKS, modelHash, stack);
}

/** Order, switches and doses as they were kept; empty when there are none. */
export async function loadStack(database: Database, modelHash: string): Promise<readonly StackEntry[]> {
  return (await getRecord(database, STACKS, modelHash)) ?? [];
}

// ---

const EDITS: RecordKind<Edit> = { name: 'edit', version: 2, upgrade: renewEdit };
const STACKS: RecordKind<readonly StackEntry[]> = { name: 'stack', version: 1 };

/** Version 1 knew neither the app nor the model's revision, and kept no templates for a later check. */
type FirstEdit = Omit<Edit, 'schema' | 'app' | 'unseen' | 'model'> & {
  readonly model: Omit<Edit['model'], 'revision'>;
};

function renewEdit(old: unknown, version: number): Edit | undefined {
  if (version !== 1) return undefined;
  const edit = old as FirstEdit;
  return { ...edit, schema: 2, app: 'unknown', unseen: [], model: { ...edit.model, revision: null } };
}
