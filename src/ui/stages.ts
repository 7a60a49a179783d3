import type { Progress } from '../base/tasks.ts';

/** The long calls that the page shows stage by stage. */
export type JobKind = 'open' | 'edit' | 'compare' | 'locate';

/** One stage of a long call, as far as it got. */
export interface Stage {
  readonly id: string;
  /** `skipped`: a later stage began and this one never did, because its result was kept from before. */
  readonly state: 'waiting' | 'running' | 'done' | 'skipped';
  readonly done: number;
  readonly total: number;
  readonly unit: Progress['unit'];
  /** Milliseconds of the page's clock. */
  readonly startedAt: number;
  /** How long it took, once it is over. */
  readonly seconds: number;
}

/** The stages of a call in their order, none begun. */
export function waitingStages(kind: JobKind): Stage[] {
  return STAGES[kind].map((id) => ({ ...EMPTY, id }));
}

/**
 * The stages after one more report: its stage runs, what ran before is done, what was passed over is skipped. A stage that
 * the list doesn't know is put behind those that have begun, so that nothing the engine says gets lost.
 */
export function advanceStages(stages: readonly Stage[], report: Progress, now: number): Stage[] {
  const known = stages.some(({ id }) => id === report.stage);
  const begun = stages.findLastIndex(({ state }) => state !== 'waiting') + 1;
  const all = known ? stages : stages.toSpliced(begun, 0, { ...EMPTY, id: report.stage });
  const at = all.findIndex(({ id }) => id === report.stage);
  return all.map((stage, i) => {
    if (i < at) return end(stage, now);
    if (i > at) return stage.state === 'running' ? end(stage, now) : stage;
    const { done, total, unit } = report;
    const startedAt = stage.state === 'running' ? stage.startedAt : now - 1000 * stage.seconds;
    return { ...stage, state: 'running', done, total, unit, startedAt };
  });
}

/** The stages when the call has returned. */
export function finishStages(stages: readonly Stage[], now: number): Stage[] {
  return stages.map((stage) => end(stage, now));
}

/** The stage that runs; undefined before the first report and after the last. */
export function runningStage(stages: readonly Stage[]): Stage | undefined {
  return stages.find(({ state }) => state === 'running');
}

/** How far a stage is, 0 to 1; null when that can't be told. */
export function fractionOf({ state, done, total }: Stage): number | null {
  if (state === 'done') return 1;
  return total > 0 ? Math.min(1, done / total) : null;
}

// ---

const STAGES: Record<JobKind, readonly string[]> = {
  open: ['probe', 'download', 'verify', 'load', 'check'],
  edit: ['templates', 'rank', 'covariance', 'factor', 'optimize', 'write', 'verify'],
  compare: ['compare'],
  locate: ['answer', 'locate', 'recall', 'lens'],
};

const EMPTY: Omit<Stage, 'id'> = { state: 'waiting', done: 0, total: 0, unit: 'steps', startedAt: 0, seconds: 0 };

function end(stage: Stage, now: number): Stage {
  if (stage.state === 'waiting') return { ...stage, state: 'skipped' };
  if (stage.state !== 'running') return stage;
  return { ...stage, state: 'done', seconds: (now - stage.startedAt) / 1000 };
}
