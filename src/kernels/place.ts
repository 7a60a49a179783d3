import { invariant } from '../base/errors.ts';
import { formatShape, type FloatTensor } from '../base/tensor.ts';
import type { Gpu } from '../device/gpu.ts';
import { uploadTensor, type DeviceTensor } from '../device/memory.ts';
import type { Scope } from '../device/scope.ts';

/** The float numbers of a tensor that is in host memory. */
export function hostFloats(tensor: DeviceTensor, what: string): FloatTensor {
  const { host } = tensor;
  invariant(host, what, 'its tensor is on the GPU: read it first');
  invariant(isFloat(host), what, `its tensor is ${host.dtype}`);
  return host;
}

/**
 * The tensor on the GPU: itself, or a float32 host tensor uploaded for as long as the scope lives. Float64 is
 * refused, because rounding it must be somebody's decision.
 */
export function onGpu(gpu: Gpu, s: Scope, tensor: DeviceTensor, what: string): DeviceTensor {
  if (!tensor.host) return tensor;
  invariant(tensor.dtype === 'float32', what, `a host tensor is ${tensor.dtype}, and the GPU computes in float32`);
  return s.add(uploadTensor(gpu, tensor.host, what));
}

/** Rows and columns of a matrix. */
export function matrixShape({ shape }: { readonly shape: readonly number[] }, what: string): [number, number] {
  invariant(shape.length === 2, what, `shape ${formatShape(shape)} is no matrix`);
  return [shape[0], shape[1]];
}

// ---

function isFloat(tensor: { readonly dtype: string }): tensor is FloatTensor {
  return tensor.dtype === 'float32' || tensor.dtype === 'float64';
}
