import { expect } from 'vitest';
import type { EditorError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import type { Device } from '../../src/device/device.ts';
import type { DeviceTensor } from '../../src/device/memory.ts';

/** A device that knows which of its tensors and programs nobody has disposed, and that can be interrupted at any run. */
export interface TrackedDevice extends Device {
  /** What was placed, computed or loaded and not disposed, by name. */
  readonly live: ReadonlyMap<object, string>;
  /** Runs of graphs so far. */
  readonly runs: number;
  /** From now on, after `count` runs, `act` is called once, in place of the next run where it throws. */
  interrupt(count: number, act: () => void): void;
}

/**
 * Expects that work leaves no tensor behind: done, with any of its runs failing, and stopped during any of them (work that
 * doesn't watch its last runs may then come to its end).
 */
export async function expectNothingLeft(
  device: TrackedDevice,
  work: (watch: Watch) => Promise<unknown>,
): Promise<void> {
  const left = () => [...device.live.values()];
  const before = left();
  const start = device.runs;
  await work({});
  expect(left()).toEqual(before);
  const failure = new Error('this run fails on request');
  for (let run = 0, runs = device.runs - start; run < runs; run++) {
    device.interrupt(run, () => {
      throw failure;
    });
    await expect(work({})).rejects.toBe(failure);
    expect(left(), `run ${run} of ${runs} fails`).toEqual(before);
    const controller = new AbortController();
    device.interrupt(run, () => controller.abort());
    const stopped = await work(controller).catch((error: unknown) => error);
    if (run === 0) expect((stopped as EditorError).code).toBe('aborted');
    if (stopped instanceof Error) expect((stopped as EditorError).code).toBe('aborted');
    expect(left(), `stopped in run ${run} of ${runs}`).toEqual(before);
  }
}

/**
 * The same device, counting. On WASM a tensor that is never disposed does no harm; on WebGPU it is memory that is lost, and
 * both run the same code.
 */
export function trackDevice(device: Device): TrackedDevice {
  const live = new Map<object, string>();
  let runs = 0;
  let next: { readonly at: number; readonly act: () => void } | null = null;
  const track = (tensor: DeviceTensor, name: string): DeviceTensor => {
    const tracked: DeviceTensor = { ...tensor, dispose: () => void (live.delete(tracked), tensor.dispose()) };
    live.set(tracked, name);
    return tracked;
  };
  return {
    ...device,
    live,
    get runs() {
      return runs;
    },
    interrupt: (count, act) => (next = { at: runs + count, act }),
    place: (tensor, label) => track(device.place(tensor, label), label ?? 'unnamed'),
    async load(program, read) {
      const loaded = await device.load(program, read);
      live.set(loaded, program.name);
      return {
        dispose: () => {
          live.delete(loaded);
          return loaded.dispose();
        },
        async run(graph, feeds, fetch) {
          if (runs++ === next?.at) next.act();
          const found = Object.entries<DeviceTensor>(await loaded.run(graph, feeds, fetch));
          return Object.fromEntries(
            found.map(([name, tensor]) => [name, track(tensor, `${program.name} ${graph} ${name}`)]),
          ) as never;
        },
      };
    },
  };
}
