import type { StackEntry } from './record.ts';

/** How all edits stand, bottom first. */
export type Entries = readonly StackEntry[];

/** Something a person did to the stack: what kind of thing, to which edit, when. */
export interface Act {
  readonly kind: 'edit' | 'switch' | 'dose' | 'order' | 'remove' | 'again';
  /** The edit's id. */
  readonly id: string;
  /** The edit's target, for words. */
  readonly target: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A state to go to, and the act that lies between it and the one that is. */
export interface Turn<T> {
  readonly act: Act;
  readonly state: T;
}

/** What can be undone and what can be redone, nearest last. */
export interface History<T> {
  readonly past: readonly Turn<T>[];
  readonly future: readonly Turn<T>[];
}

/** Nothing to undo, nothing to redo. */
export const NO_HISTORY: History<never> = { past: [], future: [] };

/**
 * The history after an act.
 *
 * @param before the state that the act changed
 */
export function recorded<T>({ past }: History<T>, act: Act, before: T): History<T> {
  const last = past.at(-1);
  // A drag is one act, however many steps it takes.
  const goesOn =
    act.kind === 'dose' && last?.act.kind === 'dose' && last.act.id === act.id && act.at - last.act.at < DRAG;
  const kept = goesOn ? past.slice(0, -1) : past;
  const state = goesOn ? last.state : before;
  return { past: [...kept, { act, state }].slice(-LIMIT), future: [] };
}

/** One act back: where to go, and the history there. Null when there is nothing to undo. */
export function undone<T>({ past, future }: History<T>, now: T): { turn: Turn<T>; history: History<T> } | null {
  const turn = past.at(-1);
  return turn
    ? { turn, history: { past: past.slice(0, -1), future: [...future, { act: turn.act, state: now }] } }
    : null;
}

/** One act forward again. Null when there is nothing to redo. */
export function redone<T>({ past, future }: History<T>, now: T): { turn: Turn<T>; history: History<T> } | null {
  const turn = future.at(-1);
  return turn
    ? { turn, history: { past: [...past, { act: turn.act, state: now }], future: future.slice(0, -1) } }
    : null;
}

/** The history with all of its states changed. */
export function rebased<T>({ past, future }: History<T>, change: (state: T) => T): History<T> {
  const rebase = ({ act, state }: Turn<T>): Turn<T> => ({ act, state: change(state) });
  return { past: past.map(rebase), future: future.map(rebase) };
}

/**
 * The history after the stack was changed by another's hand: every state knows of it, so that going there doesn't take it
 * back.
 */
export function caughtUp(history: History<Entries>, known: Entries, now: Entries): History<Entries> {
  const isKnown = ({ id, on, alpha }: StackEntry) =>
    known.some((each) => each.id === id && each.on === on && each.alpha === alpha);
  const news = now.filter((entry) => !isKnown(entry));
  const went = known.filter(({ id }) => !isIn(now, id));
  return rebased(history, (state) => [
    ...state.filter(({ id }) => !isIn(went, id)).map((entry) => news.find(({ id }) => id === entry.id) ?? entry),
    ...news.filter(({ id }) => !isIn(known, id) && !isIn(state, id)),
  ]);
}

/** Whether a list has something of an id. */
export function isIn(list: readonly { readonly id: string }[], id: string): boolean {
  return list.some((each) => each.id === id);
}

// ---

/** Milliseconds between two steps of one drag. */
const DRAG = 800;

/** Acts that are remembered. */
const LIMIT = 50;
