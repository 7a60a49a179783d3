import type { EditorError } from '../base/errors.ts';

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
