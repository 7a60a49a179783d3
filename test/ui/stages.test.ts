import { describe, expect, test } from 'vitest';
import type { Progress } from '../../src/base/tasks.ts';
import { advanceStages, finishStages, fractionOf, runningStage, waitingStages } from '../../src/ui/stages.ts';

const report = (stage: string, done = 0, total = 1): Progress => ({ stage, done, total, unit: 'steps' });

/** Reports a second apart, then the stages as "id state". */
function after(...reports: Progress[]): string[] {
  const stages = reports.reduce((now, each, i) => advanceStages(now, each, 1000 * i), waitingStages('edit'));
  return stages.filter(({ state }) => state !== 'waiting').map(({ id, state }) => `${id} ${state}`);
}

describe('stages of an edit', () => {
  test.each([
    ['none has begun', [], []],
    ['the first runs', [report('templates')], ['templates running']],
    ['the next runs', [report('templates'), report('rank')], ['templates done', 'rank running']],
    [
      'a stage that was passed over is known already',
      [report('rank'), report('optimize')],
      ['templates skipped', 'rank done', 'covariance skipped', 'factor skipped', 'optimize running'],
    ],
    [
      'a stage that comes back runs again, and only one does',
      [report('templates'), report('rank'), report('templates')],
      ['templates running', 'rank done'],
    ],
    [
      'an unknown stage is shown where it happened',
      [report('templates'), report('rewind'), report('rank')],
      ['templates done', 'rewind done', 'rank running'],
    ],
  ])('%s', (_, reports, expected) => {
    expect(after(...reports)).toEqual(expected);
  });

  test('a stage keeps its start through its reports, and its time afterwards', () => {
    let stages = advanceStages(waitingStages('edit'), report('rank', 0, 4), 1000);
    stages = advanceStages(stages, report('rank', 2, 4), 2500);
    expect(runningStage(stages)).toMatchObject({ id: 'rank', startedAt: 1000, done: 2, total: 4 });
    stages = finishStages(stages, 4000);
    expect(stages.find(({ id }) => id === 'rank')).toMatchObject({ state: 'done', seconds: 3 });
    expect(runningStage(stages)).toBeUndefined();
  });

  test('time of a stage that comes back adds up', () => {
    let stages = advanceStages(waitingStages('open'), report('download'), 0);
    stages = advanceStages(stages, report('load'), 2000);
    stages = advanceStages(stages, report('download'), 10_000);
    stages = finishStages(stages, 11_000);
    expect(stages.find(({ id }) => id === 'download')?.seconds).toBe(3);
  });
});

test.each([
  ['waiting', 0, 0, null],
  ['running', 0, 0, null],
  ['running', 3, 4, 0.75],
  ['running', 5, 4, 1],
  ['done', 3, 4, 1],
] as const)('a %s stage at %d of %d is at %s', (state, done, total, fraction) => {
  expect(fractionOf({ id: 'x', state, done, total, unit: 'steps', startedAt: 0, seconds: 0 })).toBe(fraction);
});
