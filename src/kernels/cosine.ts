import source from '../../shaders/cosine.wgsl?raw';
import { invariant } from '../base/errors.ts';
import { f32, f64, formatShape } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, dispatch, foldGrid, type KernelSpec } from '../device/kernel.ts';
import { allocateTensor, hostTensor, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { hostFloats, matrixShape, onGpu } from './place.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n', 'd'], values: { nan: 'f32' } },
  a: { access: 'read', dtype: 'float32', shape: ['n', 'd'] },
  b: { access: 'read', dtype: 'float32', shape: ['n', 'd'] },
  out: { access: 'read_write', dtype: 'float32', shape: ['n'] },
} as const satisfies BindingRecord;

/** `shaders/cosine.wgsl`. */
export const cosineSpec: KernelSpec<typeof bindings> = { file: 'cosine.wgsl', source, entry: 'main', bindings };

/**
 * out[i] = aᵢ·bᵢ / (‖aᵢ‖ ‖bᵢ‖), row by row: how little a layer turned the hidden state.
 *
 * @param a [n, d] f32
 * @param b [n, d] f32
 * @returns [n] f32; NaN where a row holds NaN or ∞, else 0 where a row is zero (all |x| below 2⁻¹²⁶)
 */
export async function cosineGpu(gpu: Gpu, a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor> {
  const [n] = checkShapes(a, b);
  const kernel = await createKernel(gpu, cosineSpec);
  return scope(async (s) => {
    const [onA, onB] = [onGpu(gpu, s, a, 'cosine'), onGpu(gpu, s, b, 'cosine')];
    const out = s.add(allocateTensor(gpu, 'float32', [n], 'cosines'));
    dispatch(kernel, { a: onA, b: onB, out }, { nan: NaN }, foldGrid(gpu, n));
    return s.release(out);
  });
}

/** Twin of `cosineGpu`; sums in float64, the result float64 if both sides are. */
export async function cosineHost(a: DeviceTensor, b: DeviceTensor): Promise<DeviceTensor> {
  const [n, d] = checkShapes(a, b);
  const x = hostFloats(a, 'take cosines');
  const y = hostFloats(b, 'take cosines');
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) out[i] = cosine(x.data.subarray(i * d, (i + 1) * d), y.data.subarray(i * d, (i + 1) * d));
  const wide = x.dtype === 'float64' && y.dtype === 'float64';
  return hostTensor(wide ? f64(out, [n]) : f32(Float32Array.from(out), [n]));
}

// ---

const SMALLEST_NORMAL = 2 ** -126;

function checkShapes(a: DeviceTensor, b: DeviceTensor): [number, number] {
  const found = `shapes ${formatShape(a.shape)} and ${formatShape(b.shape)}`;
  const [n, d] = matrixShape(a, 'take cosines');
  invariant(b.shape.length === 2 && b.shape[0] === n && b.shape[1] === d, 'take cosines', found);
  return [n, d];
}

function cosine(a: Float32Array | Float64Array, b: Float32Array | Float64Array): number {
  const [scaleA, scaleB] = [largest(a), largest(b)];
  if (Number.isNaN(scaleA + scaleB)) return NaN;
  if (Math.min(scaleA, scaleB) < SMALLEST_NORMAL) return 0;
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] / scaleA;
    const y = b[i] / scaleB;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / (Math.sqrt(aa) * Math.sqrt(bb));
}

/** Largest magnitude; NaN when an entry is not finite. */
function largest(row: Float32Array | Float64Array): number {
  let most = 0;
  for (const x of row) {
    if (!Number.isFinite(x)) return NaN;
    most = Math.max(most, Math.abs(x));
  }
  return most;
}
