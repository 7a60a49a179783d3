import type { Tensor } from '../base/tensor.ts';
import type { Gpu } from './gpu.ts';
import type { DeviceTensor } from './memory.ts';
import type { Feeds, Program, ReadWeight } from './session.ts';

/** A program with its weights in place. */
export interface LoadedProgram {
  /**
   * Runs one graph and returns the outputs named in `fetch`; the others are not copied anywhere.
   * Results belong to the caller, who disposes them.
   *
   * @throws EditorError `internal` for a missing or misshapen feed, `device-lost`, `out-of-memory`
   */
  run<F extends string>(graph: string, feeds: Feeds, fetch: readonly F[]): Promise<Record<F, DeviceTensor>>;
  dispose(): Promise<void>;
}

/** Where graphs run. Both back ends take the same programs and give the same numbers. */
export interface Device {
  readonly kind: 'wasm' | 'webgpu';
  /** float64 exists on WASM only: the oracle of the tests. */
  readonly float: 'float32' | 'float64';
  /** The one GPUDevice, which our kernels share with ORT; null on WASM. */
  readonly gpu: Gpu | null;
  /** Puts host numbers where sessions read them without another copy. */
  place(tensor: Tensor, label?: string): DeviceTensor;
  load(program: Program, read: ReadWeight): Promise<LoadedProgram>;
}
