import { describe, expect, test } from 'vitest';
import { abortError, EditorError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import { Job } from '../../src/ui/job.svelte.ts';

const makeJob = () => {
  const said: string[] = [];
  return { job: new Job('edit', ({ id }, tenths) => said.push(`${id} ${tenths}`)), said };
};

/** Work that ends when it is told to, or when it is stopped. */
function makeWork() {
  let end: (value: string) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  let watch: Watch = {};
  const work = (given: Watch) =>
    new Promise<string>((resolve, reject) => {
      [end, fail, watch] = [resolve, reject, given];
      given.signal?.addEventListener('abort', () => reject(abortError('test')));
    });
  return { work, end: (value: string) => end(value), fail: (error: unknown) => fail(error), watch: () => watch };
}

describe('a job', () => {
  test('runs, reports, ends', async () => {
    const { job, said } = makeJob();
    const { work, end, watch } = makeWork();
    const outcome = job.run('test', work);
    expect(job.running).toBe(true);
    const detail = (loss: number) => ({ loss, nll: loss / 2, kl: 0 });
    watch().progress?.({ stage: 'optimize', done: 0, total: 25, unit: 'steps', detail: detail(4) });
    watch().progress?.({ stage: 'optimize', done: 1, total: 25, unit: 'steps', detail: detail(3) });
    watch().progress?.({ stage: 'optimize', done: 3, total: 25, unit: 'steps', detail: detail(2) });
    expect(job.points.map(({ loss }) => loss)).toEqual([4, 3, 2]);
    expect(job.steps).toBe(25);
    expect(job.stage?.id).toBe('optimize');
    expect(said).toEqual(['optimize 0', 'optimize 1']);
    end('edit');
    expect(await outcome).toEqual({ state: 'done', value: 'edit' });
    expect(job.running).toBe(false);
    expect(job.stages.filter(({ state }) => state === 'running')).toEqual([]);
  });

  test('a cancel shows at once and is no error; later reports are not heard', async () => {
    const { job } = makeJob();
    const { work, watch } = makeWork();
    const outcome = job.run('test', work);
    expect(job.cancel()).toBe(true);
    expect(job.running).toBe(false);
    watch().progress?.({ stage: 'write', done: 1, total: 2, unit: 'sites' });
    expect(job.stage).toBeUndefined();
    expect(await outcome).toEqual({ state: 'stopped' });
    expect(job.cancel()).toBe(false);
  });

  test('a failure keeps its code', async () => {
    const { job } = makeJob();
    const { work, fail } = makeWork();
    const outcome = job.run('test', work);
    const error = new EditorError('ill-conditioned', 'solve', 'residual 3e-5', 'raise ridge');
    fail(error);
    expect(await outcome).toEqual({ state: 'failed', error });
  });

  test('a second run stops the first, whose end changes nothing', async () => {
    const { job } = makeJob();
    const [first, second] = [makeWork(), makeWork()];
    const stopped = job.run('test', first.work);
    const kept = job.run('test', second.work);
    expect(await stopped).toEqual({ state: 'stopped' });
    expect(job.running).toBe(true);
    second.end('b');
    expect(await kept).toEqual({ state: 'done', value: 'b' });
  });
});
