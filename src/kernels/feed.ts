import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { Gpu } from '../device/gpu.ts';
import { submit, type Step } from '../device/kernel.ts';

/**
 * Work handed to the GPU at once, in multiply-adds: a few milliseconds of a small GPU, because the desktop draws with
 * the same one.
 */
const BITE = 2 ** 28;

/** Hands a long list of dispatches to the GPU in bites. */
export interface Feed {
  /** Adds a dispatch that costs `work` multiply-adds; submits when a bite is full. */
  add(step: Step, work: number): Promise<void>;
  /** Submits the rest. */
  end(): void;
}

/** At most two bites wait on the GPU at any time. Throws `aborted` between bites when the caller has asked to stop. */
export function makeFeed(gpu: Gpu, watch: Watch | undefined, what: string): Feed {
  let steps: Step[] = [];
  let total = 0;
  let previous = Promise.resolve<unknown>(undefined);
  const flush = (): void => {
    submit(gpu, steps);
    steps = [];
    total = 0;
  };
  return {
    async add(step, work) {
      steps.push(step);
      total += work;
      if (total < BITE) return;
      flush();
      await previous;
      // A device that gets lost says so at the next read.
      previous = gpu.device.queue.onSubmittedWorkDone().catch(() => undefined);
      throwIfAborted(watch, what);
    },
    end: flush,
  };
}
