import type { Progress } from '../base/tasks.ts';

/** Which model answers: with the edits that are on, or untouched. */
export type Version = 'edited' | 'original';

/** Hears the progress of a call; null when nobody listens. Its own argument, because comlink proxies only whole arguments. */
export type OnProgress = ((report: Progress) => void) | null;
