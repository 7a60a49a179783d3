import type { Device } from '../../src/device/device.ts';
import type { DeviceTensor } from '../../src/device/memory.ts';

/** A device that knows which of its tensors nobody has disposed, and that can be interrupted at any run. */
export interface TrackedDevice extends Device {
  /** What was placed or computed and not disposed, by name. */
  readonly live: ReadonlyMap<DeviceTensor, string>;
  /** Runs of graphs so far. */
  readonly runs: number;
  /** From now on, after `count` runs, `act` is called once, in place of the next run where it throws. */
  interrupt(count: number, act: () => void): void;
}

/** What `fail` throws. */
export const FAILURE = new Error('this run fails on request');

/** To interrupt with. */
export function fail(): never {
  throw FAILURE;
}

/**
 * The same device, counting. On WASM a tensor that is never disposed does no harm; on WebGPU it is memory that is lost, and
 * both run the same code.
 */
export function trackDevice(device: Device): TrackedDevice {
  const live = new Map<DeviceTensor, string>();
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
      return {
        dispose: () => loaded.dispose(),
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
