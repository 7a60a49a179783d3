import { deleteRecord, getRecord, listRecords, putRecord, type RecordKind } from '../store/keep.ts';
import type { Database } from '../store/database.ts';
import type { Edit } from './record.ts';

/** How an edit stands in the stack. */
export interface StackEntry {
  readonly id: string;
  readonly on: boolean;
  /** Dose: 1 as solved, 0 none. */
  readonly alpha: number;
}

const EDITS: RecordKind<Edit> = { name: 'edit', version: 1 };
const STACKS: RecordKind<readonly StackEntry[]> = { name: 'stack', version: 1 };

/** Keeps an edit; it can be found again by its model. Resolves with whether it will outlive the page. */
export function saveEdit(database: Database, edit: Edit): Promise<boolean> {
  return putRecord(database, EDITS, edit.id, edit);
}

/** All edits of a model, oldest first. */
export async function listEdits(database: Database, modelHash: string): Promise<Edit[]> {
  const all = await listRecords(database, EDITS);
  return all.map(({ value }) => value).filter((edit) => edit.model.hash === modelHash);
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
