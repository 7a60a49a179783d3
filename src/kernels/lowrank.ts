import source from '../../shaders/lowrank.wgsl?raw';
import { invariant } from '../base/errors.ts';
import { f32, f64, formatShape } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, dispatch, type KernelSpec } from '../device/kernel.ts';
import { allocateTensor, hostTensor, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { makePace } from './pace.ts';
import { hostFloats, matrixShape, onGpu } from './place.ts';

/** Which way round a weight matrix is stored: PyTorch's linear layers `out,in`, GPT-2's convolutions `in,out`. */
export type Orientation = 'out,in' | 'in,out';

const bindings = {
  params: {
    access: 'uniform',
    sizes: ['h', 'rows', 'cols', 'o', 'r', 'i'],
    values: { scale: 'f32', transposed: 'u32' },
  },
  base: { access: 'read', dtype: 'float32', shape: ['h', 'cols'] },
  left: { access: 'read', dtype: 'float32', shape: ['o', 'r'] },
  right: { access: 'read', dtype: 'float32', shape: ['r', 'i'] },
  out: { access: 'read_write', dtype: 'float32', shape: ['rows', 'cols'] },
} as const satisfies BindingRecord;

/** `shaders/lowrank.wgsl`. */
export const lowrankSpec: KernelSpec<typeof bindings> = { file: 'lowrank.wgsl', source, entry: 'main', bindings };

/**
 * W = W₀ + scale · left · right: a patched weight, for export and for norms. `base` is left as it is.
 *
 * @param base        W₀ [out, in] f32, or [in, out] as `orientation` says; null for the patch alone
 * @param left        [out, r] f32; r may be 0, then W is W₀ bit for bit
 * @param right       [r, in] f32
 * @param scale       dimensionless dose
 * @param orientation of `base` and of the result
 */
export async function lowrankGpu(
  gpu: Gpu,
  base: DeviceTensor | null,
  left: DeviceTensor,
  right: DeviceTensor,
  scale: number,
  orientation: Orientation,
): Promise<DeviceTensor> {
  const { shape } = checkShapes(base, left, right, orientation);
  const kernel = await createKernel(gpu, lowrankSpec);
  return scope(async (s) => {
    const tensors = {
      base: base ? onGpu(gpu, s, base, 'weight') : s.add(allocateTensor(gpu, 'float32', [0, shape[1]], 'no weight')),
      left: onGpu(gpu, s, left, 'left factor'),
      right: onGpu(gpu, s, right, 'right factor'),
      out: s.add(allocateTensor(gpu, 'float32', shape, 'patched weight')),
    };
    const transposed = orientation === 'in,out' ? 1 : 0;
    dispatch(kernel, tensors, { scale, transposed }, [Math.ceil(shape[1] / 64), Math.ceil(shape[0] / 64)]);
    return s.release(tensors.out);
  });
}

/** Twin of `lowrankGpu`; sums in float64, the result in the type of `base` (of `left` where there is none). */
export async function lowrankHost(
  base: DeviceTensor | null,
  left: DeviceTensor,
  right: DeviceTensor,
  scale: number,
  orientation: Orientation,
): Promise<DeviceTensor> {
  const { shape, rank } = checkShapes(base, left, right, orientation);
  const [rows, cols] = shape;
  const u = hostFloats(left, 'multiply factors');
  const v = hostFloats(right, 'multiply factors');
  const old = base ? hostFloats(base, 'patch a weight') : null;
  const wide = (old ?? u).dtype === 'float64';
  const out = wide ? new Float64Array(rows * cols) : new Float32Array(rows * cols);
  if (old) out.set(old.data);
  const pace = makePace(undefined, 'patch a weight');
  const sums = new Float64Array(cols);
  for (let row = 0; row < rows && rank > 0; row++) {
    sums.fill(0);
    for (let p = 0; p < rank; p++) {
      const x = orientation === 'out,in' ? u.data[row * rank + p] : v.data[p * rows + row];
      if (orientation === 'out,in') for (let j = 0; j < cols; j++) sums[j] += x * v.data[p * cols + j];
      else for (let j = 0; j < cols; j++) sums[j] += x * u.data[j * rank + p];
    }
    for (let j = 0; j < cols; j++) out[row * cols + j] += scale * sums[j];
    await pace();
  }
  return hostTensor(out instanceof Float64Array ? f64(out, shape) : f32(out, shape));
}

// ---

function checkShapes(
  base: DeviceTensor | null,
  left: DeviceTensor,
  right: DeviceTensor,
  orientation: Orientation,
): { shape: [number, number]; rank: number } {
  const what = 'patch a weight';
  const [o, rank] = matrixShape(left, what);
  const [r, i] = matrixShape(right, what);
  const shape: [number, number] = orientation === 'out,in' ? [o, i] : [i, o];
  const shapes = [left, right, ...(base ? [base] : [])].map((tensor) => formatShape(tensor.shape)).join(', ');
  invariant(rank === r, what, `left, right and weight are ${shapes}`);
  invariant(
    !base || formatShape(base.shape) === formatShape(shape),
    what,
    `left, right and weight are ${shapes}, stored ${orientation}`,
  );
  return { shape, rank };
}
