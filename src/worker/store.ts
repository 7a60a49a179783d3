import { EditorError } from '../base/errors.ts';
import { memoryDatabase, openDatabase, type Database } from '../store/database.ts';
import { asCache, withFallback } from '../store/fallback.ts';
import { isPersistent } from '../store/files.ts';
import type { Kept } from './api.ts';

/** The browser's store for as long as the worker lives: what it refuses to keep lies in this one, and nowhere else. */
export interface Store {
  readonly database: Database;
  /** What will become of what is kept here, as far as is known now. */
  kept(): Promise<Kept>;
}

/** Hears what happens to the store. */
export interface StoreListener {
  /** An older version of this page, in another tab, holds it: opening waits for that. */
  readonly onBlocked: () => void;
  /** The browser keeps nothing more, by the name of its refusal: work goes on from memory. Each is told once. */
  readonly onRefused: (refusal: string) => void;
}

/** Opens the browser's store, or memory where it refuses. */
export async function openStore({ onBlocked, onRefused }: StoreListener): Promise<Store> {
  let refusal: string | null = null;
  const refuse = ({ values }: EditorError) => {
    const name = String(values['reason'] ?? 'Error');
    if (name === refusal) return;
    refusal = name;
    onRefused(name);
  };
  const kept = async (): Promise<Kept> =>
    refusal === null ? { ok: true, isSafe: await isPersistent().catch(() => false) } : { ok: false, refusal };
  try {
    const opened = await openDatabase(undefined, undefined, { onBlocked, onGone: refuse });
    // Files can be fetched again: a store that is gone keeps no model from being opened.
    return { database: withFallback(asCache(opened, ['manifests', 'chunks']), refuse), kept };
  } catch (error) {
    if (!(error instanceof EditorError)) throw error;
    refuse(error);
    return { database: memoryDatabase(), kept };
  }
}
