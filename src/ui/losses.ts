import type { EditorError } from '../base/errors.ts';
import type { Kept } from '../worker/api.ts';

/** What may be running when a device goes away, and how it ended. */
export interface Works {
  readonly making: { readonly current: unknown; readonly error: EditorError | null };
  readonly locating: { readonly running: unknown; readonly wasLost: boolean };
}

/**
 * What stops when its device goes away, and doesn't go on by itself; null for nothing. A call may hear of its device's end
 * before the page does, or after.
 */
export function stoppedWithDevice({ making, locating }: Works): 'edit' | 'locate' | null {
  if (making.current || making.error?.code === 'device-lost') return 'edit';
  return locating.running || locating.wasLost ? 'locate' : null;
}

/** What may not be kept yet. */
export interface Unkept {
  readonly making: { readonly current: unknown; readonly waiting: readonly unknown[] };
  readonly stack: { readonly busy: boolean; readonly edits: readonly unknown[] };
  readonly keeping: { readonly kept: Kept };
}

/** What would be lost with the page: edits that are still to be made or kept, or those that are in memory alone. */
export type LostOnLeaving = 'unmade' | 'unkept';

/** What would be lost if the page were left, or loaded again, now; null for nothing. */
export function lostOnLeaving({ making, stack, keeping }: Unkept): LostOnLeaving | null {
  if (making.current || making.waiting.length > 0 || stack.busy) return 'unmade';
  return !keeping.kept.ok && stack.edits.length > 0 ? 'unkept' : null;
}
