import type { Entries, History } from '../edit/history.ts';

export type { Act, Entries, Turn } from '../edit/history.ts';
export { caughtUp, isIn, NO_HISTORY, recorded, redone, undone } from '../edit/history.ts';

/** What can be undone and redone in a stack. */
export type StackHistory = History<Entries>;

/** How the person wants the stack. */
export interface Arrangement {
  /** Order, switches and doses, bottom first. */
  readonly entries: Entries;
  /** Edits that are taken off. */
  readonly gone: readonly string[];
  /** What can be undone and redone from there on. */
  readonly history: StackHistory;
}
