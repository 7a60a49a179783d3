import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeQueue, throttle, type Progress } from '../../src/base/tasks.ts';
import { expectFault } from '../support/faults.ts';

const report = (stage: string, done: number, total: number): Progress => ({ stage, done, total, unit: 'steps' });

describe('throttled progress', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('passes the first and the last report of a stage, and few in between', () => {
    const passed: string[] = [];
    const tell = throttle(({ stage, done }) => passed.push(`${stage} ${done}`), 100);
    for (let done = 0; done <= 50; done++) {
      tell(report('optimize', done, 50));
      vi.advanceTimersByTime(10);
    }
    expect(passed).toEqual(['optimize 0', 'optimize 10', 'optimize 20', 'optimize 30', 'optimize 40', 'optimize 50']);
    tell(report('write', 0, 3));
    expect(passed.at(-1)).toBe('write 0');
  });

  test('never passes more than twenty in a second, however many stages begin and end', () => {
    const times: number[] = [];
    const tell = throttle(() => times.push(performance.now()), 100);
    for (let i = 0; i < 1000; i++) {
      tell(report(`file ${i}`, 1, 1));
      vi.advanceTimersByTime(5);
    }
    for (const [i, time] of times.entries()) expect((times[i + 20] ?? Infinity) - time).toBeGreaterThanOrEqual(1000);
    expect(times.length).toBeGreaterThan(80);
  });
});

describe('a queue', () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

  test('runs one job after the other, also after one that fails, and gives each what came of it', async () => {
    const enqueue = makeQueue();
    const said: string[] = [];
    const job = (name: string) => async () => {
      said.push(`${name} begins`);
      await pause();
      said.push(`${name} ends`);
      return name;
    };
    const thrown = () => {
      throw new Error('at once');
    };
    const all = [
      enqueue(job('a')),
      enqueue(thrown),
      enqueue(() => Promise.reject(new Error('later'))),
      enqueue(job('b')),
    ];
    expect(
      (await Promise.allSettled(all)).map((end) => (end.status === 'fulfilled' ? end.value : String(end.reason))),
    ).toEqual(['a', 'Error: at once', 'Error: later', 'b']);
    expect(said).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });

  test('lets nobody wait who has been told to stop, and never begins their job', async () => {
    const enqueue = makeQueue();
    const ran: string[] = [];
    let finish: (name: string) => void = () => undefined;
    const first = enqueue(() => new Promise<string>((resolve) => (finish = resolve)));
    const stopping = new AbortController();
    const late = enqueue(async () => ran.push('late'), stopping.signal);
    const after = enqueue(async () => ran.push('after'));
    stopping.abort();
    await expectFault(() => late, 'aborted');
    await expectFault(() => enqueue(async () => ran.push('too late'), stopping.signal), 'aborted');
    finish('first');
    expect(await first).toBe('first');
    await after;
    expect(ran).toEqual(['after']);
  });
});
