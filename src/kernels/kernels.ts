import type { Watch } from '../base/tasks.ts';
import { toFloat, type FloatTensor } from '../base/tensor.ts';
import type { Gpu } from '../device/gpu.ts';
import { hostTensor, uploadTensor, type DeviceTensor } from '../device/memory.ts';
import { captureGpu, captureHost } from './capture.ts';
import { choleskyGpu, choleskyHost } from './cholesky.ts';
import { cosineGpu, cosineHost } from './cosine.ts';
import { gramGpu, gramHost } from './gram.ts';
import { lowrankGpu, lowrankHost, type Orientation } from './lowrank.ts';
import { triangularGpu, triangularHost } from './triangular.ts';

/**
 * What Palimpsest computes beside the transformer. Two implementations of each, one meaning: WGSL in float32, and a
 * twin on the host that serves CPU mode and is what the tests compare with. The functions are documented in their files.
 */
export interface Kernels {
  readonly where: 'gpu' | 'host';
  /** A tensor where these kernels want it: on the GPU in float32, or on the host as it is. */
  place(tensor: FloatTensor, label?: string): DeviceTensor;
  /** x [n, d] → rows of it [r, d]. */
  capture(x: DeviceTensor, rows: Int32Array): Promise<DeviceTensor>;
  /** a, b [n, d] → cosines [n]; 0 where a row is zero. */
  cosine(a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor>;
  /** moment [d, d] ← beta · moment + alpha · keysᵀ keys, keys [n, d]. Writes into `moment`, its lower triangle. */
  gram(moment: DeviceTensor, keys: DeviceTensor, alpha: number, beta: number): Promise<void>;
  /** matrix [n, n], lower triangle → lower factor [n, n]; throws `ill-conditioned` naming a pivot that is not positive. */
  cholesky(matrix: DeviceTensor, watch?: Watch): Promise<DeviceTensor>;
  /** X [n, m] of L X = B, or Lᵀ X = B when `transposed`. */
  triangular(factor: DeviceTensor, right: DeviceTensor, transposed: boolean, watch?: Watch): Promise<DeviceTensor>;
  /** base + scale · left · right, [out, r] · [r, in]; base (null: zero) and the result are stored as `orientation` says. */
  lowrank(
    base: DeviceTensor | null,
    left: DeviceTensor,
    right: DeviceTensor,
    scale: number,
    orientation: Orientation,
  ): Promise<DeviceTensor>;
}

/** The kernels of a GPU, or, without one, their twins. */
export function makeKernels(gpu: Gpu | null): Kernels {
  return gpu ? gpuKernels(gpu) : hostKernels;
}

/** The twins. */
export const hostKernels: Kernels = {
  where: 'host',
  place: hostTensor,
  capture: captureHost,
  cosine: cosineHost,
  gram: gramHost,
  cholesky: choleskyHost,
  triangular: triangularHost,
  lowrank: lowrankHost,
};

// ---

function gpuKernels(gpu: Gpu): Kernels {
  return {
    where: 'gpu',
    place: (tensor, label) => uploadTensor(gpu, toFloat(tensor, 'float32'), label),
    capture: (x, rows) => captureGpu(gpu, x, rows),
    cosine: (a, b) => cosineGpu(gpu, a, b),
    gram: (moment, keys, alpha, beta) => gramGpu(gpu, moment, keys, alpha, beta),
    cholesky: (matrix, watch) => choleskyGpu(gpu, matrix, watch),
    triangular: (factor, right, transposed, watch) => triangularGpu(gpu, factor, right, transposed, watch),
    lowrank: (base, left, right, scale, orientation) => lowrankGpu(gpu, base, left, right, scale, orientation),
  };
}
