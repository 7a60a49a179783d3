import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { throttle, type Progress } from '../../src/base/tasks.ts';

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
