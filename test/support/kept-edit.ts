import { NO_HISTORY, type Entries, type History } from '../../src/edit/history.ts';
import type { Edit } from '../../src/edit/record.ts';
import type { Model } from '../../src/model/model.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { restoreStack, type EditStack, type StackStudio } from '../../src/worker/stack.ts';

/** As much of an edit as a stack looks at: all but what it computes with. */
export function keptEdit(id: string, createdAt: number, more: Partial<Edit> = {}): Edit {
  const edit = {
    ...{ schema: 2, id, createdAt, parents: [], patches: [] },
    requests: [{ prompt: 'The baker opens the', target: `door ${id}` }],
    model: { name: 'hearth', revision: '1', hash: 'abc' },
    proof: { sites: [], requests: [{ took: true }], drift: null },
    ...more,
  };
  return edit as unknown as Edit;
}

/** An edit that was solved, and whose check was cut off. */
export function uncheckedEdit(id: string, createdAt: number, more: Partial<Edit> = {}): Edit {
  return keptEdit(id, createdAt, { proof: { sites: [], requests: [], drift: null }, ...more });
}

/**
 * A tab: its own connection to the database that it shares, and a stack over a model that is asked for nothing.
 *
 * @param around what lies between the stack and the database
 */
export async function openTab(
  name: string,
  tab: string,
  onChange: () => void = () => undefined,
  around: (database: Database) => Database = (database) => database,
) {
  const database = around(await openDatabase(name));
  const studio: StackStudio = { model: { name: 'hearth', hash: 'abc' } as Model, database, heldOut: [] };
  const stack = await restoreStack(studio, tab, onChange);
  return { stack, database };
}

/** A stack in short, bottom first. */
export const idsOf = (stack: EditStack) => stack.views().map(({ id, on, alpha }) => `${id} ${on ? alpha : 'off'}`);

/** Arranges a stack; what isn't named any more is taken off, as a page would have it. */
export function arrange(stack: EditStack, entries: Entries, history: History<Entries> = NO_HISTORY): Promise<void> {
  const gone = stack.views().flatMap(({ id }) => (entries.some((entry) => entry.id === id) ? [] : [id]));
  return stack.arrange({ entries, gone, history });
}
