import source from '../../shaders/capture.wgsl?raw';
import { invariant } from '../base/errors.ts';
import { f32, f64, i32 } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, dispatch, foldGrid, type KernelSpec } from '../device/kernel.ts';
import { allocateTensor, hostTensor, uploadTensor, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { hostFloats, matrixShape, onGpu } from './place.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n', 'd', 'r'], values: {} },
  x: { access: 'read', dtype: 'float32', shape: ['n', 'd'], asBits: true },
  rows: { access: 'read', dtype: 'int32', shape: ['r'] },
  out: { access: 'read_write', dtype: 'float32', shape: ['r', 'd'], asBits: true },
} as const satisfies BindingRecord;

/** `shaders/capture.wgsl`. */
export const captureSpec: KernelSpec<typeof bindings> = { file: 'capture.wgsl', source, entry: 'main', bindings };

/**
 * out[i] = x[rows[i]]: the hidden states at lookup positions, taken where they are.
 *
 * @param x    [n, d] f32
 * @param rows r indices in 0 … n−1, in any order, repeats allowed
 * @returns    [r, d] f32, the same bits
 * @throws EditorError `internal` for an index outside
 */
export async function captureGpu(gpu: Gpu, x: DeviceTensor, rows: Int32Array): Promise<DeviceTensor> {
  const [n, d] = checkRows(x, rows);
  const kernel = await createKernel(gpu, captureSpec);
  return scope(async (s) => {
    const index = s.add(uploadTensor(gpu, i32(Int32Array.from(rows), [rows.length]), 'capture rows'));
    const out = s.add(allocateTensor(gpu, 'float32', [rows.length, d], 'captured'));
    dispatch(
      kernel,
      { x: onGpu(gpu, s, x, `capture rows of ${n}`), rows: index, out },
      {},
      foldGrid(gpu, rows.length * Math.ceil(d / 64)),
    );
    return s.release(out);
  });
}

/** Twin of `captureGpu`; float32 or float64, and so is the result. */
export async function captureHost(x: DeviceTensor, rows: Int32Array): Promise<DeviceTensor> {
  const [, d] = checkRows(x, rows);
  const { dtype, data } = hostFloats(x, 'capture rows');
  const out = dtype === 'float32' ? new Float32Array(rows.length * d) : new Float64Array(rows.length * d);
  for (const [i, row] of rows.entries()) out.set(data.subarray(row * d, (row + 1) * d), i * d);
  return hostTensor(out instanceof Float32Array ? f32(out, [rows.length, d]) : f64(out, [rows.length, d]));
}

// ---

function checkRows(x: DeviceTensor, rows: Int32Array): [number, number] {
  const [n, d] = matrixShape(x, 'capture rows');
  const outside = rows.find((row) => row < 0 || row >= n);
  invariant(outside === undefined, 'capture rows', `row ${outside} of ${n}`);
  return [n, d];
}
