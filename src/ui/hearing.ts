import { reviveError, type EditorError } from '../base/errors.ts';
import type { DeviceReport, EngineEvent } from '../worker/api.ts';
import type { Keeping } from './keeping.svelte.ts';
import { language } from './language.svelte.ts';
import { stoppedWithDevice, type Works } from './losses.ts';
import type { NoticeBoard } from './notices.svelte.ts';
import type { Reader } from './reader.ts';
import type { Stack } from './stack.svelte.ts';

/** What the engine tells by itself is told, and changed, there. */
export interface Hearer extends Works {
  readonly notices: NoticeBoard;
  readonly keeping: Keeping;
  readonly stack: Stack;
  readonly opening: { readonly running: boolean };
  phase: 'opening' | 'ready' | 'failed';
  device: DeviceReport | null;
  error: EditorError | null;
  prepared: number | 'all';
}

/** Takes in what the engine tells without being asked. */
export function hear(page: Hearer, reader: Reader, event: EngineEvent): void {
  const { notice } = language.say;
  const { notices, keeping, stack } = page;
  if (event.kind === 'device-lost') notices.tell(notice.deviceLost(stoppedWithDevice(page)), 'warning');
  if (event.kind === 'device-rebuilt') {
    page.device = event.device;
    notices.tell(notice.deviceRebuilt(page.locating.wasLost ? 'locate' : null), 'news');
    reader.afresh();
    // The engine has another stack, over what is kept: what is shown must be what it has.
    void stack.reload();
  }
  // Where the person has chosen to open the model meanwhile, that tells how it ends.
  if (event.kind === 'device-failed' && !page.opening.running) {
    Object.assign(page, { phase: 'failed', error: reviveError(event.error) });
    notices.tell(notice.deviceFailed, 'warning');
  }
  if (event.kind === 'preparing' && event.progress.stage === 'covariance') {
    page.prepared = event.progress.done / Math.max(1, event.progress.total);
  }
  if (event.kind === 'prepared') page.prepared = 'all';
  if (event.kind === 'not-kept') {
    const { found, advice } = language.say.error.refusal(event.refusal);
    keeping.kept = { ok: false, refusal: event.refusal };
    notices.tell(notice.notKept(found, advice), 'warning');
  }
  if (event.kind === 'store-blocked') notices.tell(notice.storeBlocked, 'warning');
  if (event.kind === 'stack') reader.takeStack(event.edits);
}
