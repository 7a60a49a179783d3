import source from '../../shaders/triangular.wgsl?raw';
import { invariant } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { f64, formatShape, toFloat } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, foldGrid, prepare, type Kernel, type KernelSpec, type Step } from '../device/kernel.ts';
import { copyTensor, hostTensor, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { makeFeed } from './feed.ts';
import { makePace } from './pace.ts';
import { hostFloats, matrixShape, onGpu } from './place.ts';
import { part, subtractProduct, type Part } from './tile.ts';

/** Rows that are solved in one go, on the GPU and on the host; the shader has room for as many. */
export const BLOCK = 64;

const bindings = {
  params: {
    access: 'uniform',
    sizes: ['n', 'm'],
    values: { first: 'u32', size: 'u32', transposed: 'u32' },
  },
  factor: { access: 'read', dtype: 'float32', shape: ['n', 'n'] },
  right: { access: 'read_write', dtype: 'float32', shape: ['n', 'm'] },
} as const satisfies BindingRecord;

/** What both entry points of the shader bind. */
export type TriangularBindings = typeof bindings;

/** `solve` of `shaders/triangular.wgsl`. */
export const solveSpec: KernelSpec<TriangularBindings> = { file: 'triangular.wgsl', source, entry: 'solve', bindings };

/** `update` of `shaders/triangular.wgsl`. */
export const updateSpec: KernelSpec<TriangularBindings> = {
  file: 'triangular.wgsl',
  source,
  entry: 'update',
  bindings,
};

/**
 * X of L X = B (or Lᵀ X = B), by blocks of 64 rows: solve one, take it out of the others.
 *
 * @param factor     L [n, n] f32, lower triangular; what is above the diagonal is not read
 * @param right      B [n, m] f32, left as it is; m may be 0
 * @param transposed solve with Lᵀ
 * @returns          X [n, m] f32
 */
export async function triangularGpu(
  gpu: Gpu,
  factor: DeviceTensor,
  right: DeviceTensor,
  transposed: boolean,
  watch?: Watch,
): Promise<DeviceTensor> {
  const [n, m] = checkShapes(factor, right);
  const solve = await createKernel(gpu, solveSpec);
  const update = await createKernel(gpu, updateSpec);
  return scope(async (s) => {
    const l = onGpu(gpu, s, factor, 'triangular factor');
    const x = s.add(copyTensor(gpu, right, 'triangular solution'));
    const feed = makeFeed(gpu, watch, WHAT);
    for (let done = 0; done < n; done += BLOCK) {
      const size = Math.min(BLOCK, n - done);
      const first = transposed ? n - done - size : done;
      const rest = n - done - size;
      const values = { first, size, transposed: transposed ? 1 : 0 };
      await feed.add(solveStep(solve, l, x, values), (size * size * m) / 2);
      const grid = [Math.ceil(m / 16), Math.ceil(rest / BLOCK)] as const;
      await feed.add(prepare(update, { factor: l, right: x }, values, grid), rest * size * m);
    }
    feed.end();
    return s.release(x);
  });
}

/** The dispatch that solves `size` rows of X from `first` on. Writes into `right`. */
export function solveStep(
  solve: Kernel<TriangularBindings>,
  factor: DeviceTensor,
  right: DeviceTensor,
  values: { readonly first: number; readonly size: number; readonly transposed: number },
): Step {
  return prepare(solve, { factor, right }, values, foldGrid(solve.gpu, Math.ceil(right.shape[1] / 64)));
}

/** Twin of `triangularGpu`: float32 or float64 in, float64 inside and out. */
export async function triangularHost(
  factor: DeviceTensor,
  right: DeviceTensor,
  transposed: boolean,
  watch?: Watch,
): Promise<DeviceTensor> {
  const [n, m] = checkShapes(factor, right);
  const l = toFloat(hostFloats(factor, WHAT), 'float64').data;
  const x = packRows(hostFloats(right, WHAT).data, n, m);
  await (transposed ? solveBackward(l, x, n, watch) : solveForward(l, x, n, watch));
  return hostTensor(f64(unpackRows(x, n, m), [n, m]));
}

/**
 * X ← X L⁻ᵀ: each row of X becomes the solution of L x = (that row). Writes into `x`.
 *
 * @param l size × size, lower triangular
 */
export function solveRows(x: Part, l: Part, rows: number, size: number): void {
  for (let j0 = 0; j0 < size; j0 += STRIP) {
    const width = Math.min(STRIP, size - j0);
    subtractProduct(shifted(x, 0, j0), x, shifted(l, j0, 0), rows, width, j0);
    for (let i = 0; i < rows; i++)
      for (let j = j0; j < j0 + width; j++) {
        const row = x.at + i * x.stride;
        const rowL = l.at + j * l.stride;
        let sum = x.data[row + j];
        for (let p = j0; p < j; p++) sum -= x.data[row + p] * l.data[rowL + p];
        x.data[row + j] = sum / l.data[rowL + j];
      }
  }
}

// ---

const WHAT = 'solve a triangular system';

/** Columns that `solveRows` treats with plain loops. */
const STRIP = 16;

function checkShapes(factor: DeviceTensor, right: DeviceTensor): [number, number] {
  const [n, m] = matrixShape(right, WHAT);
  const found = `factor ${formatShape(factor.shape)}, right side ${formatShape(right.shape)}`;
  invariant(factor.shape.length === 2 && factor.shape.every((size) => size === n), WHAT, found);
  return [n, m];
}

function shifted(x: Part, i: number, j: number): Part {
  return { ...x, at: x.at + i * x.stride + j };
}

/** Bᵀ, padded with rows of zeros to a multiple of 4: the host solves along rows, four right sides at a time. */
function packRows(b: Float32Array | Float64Array, n: number, m: number): Float64Array {
  const x = new Float64Array(paddedRows(m) * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) x[j * n + i] = b[i * m + j];
  return x;
}

function unpackRows(x: Float64Array, n: number, m: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(n * m);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) out[i * m + j] = x[j * n + i];
  return out;
}

function paddedRows(m: number): number {
  return Math.ceil(m / 4) * 4;
}

async function solveForward(l: Float64Array, x: Float64Array, n: number, watch: Watch | undefined): Promise<void> {
  const pace = makePace(watch, WHAT);
  const rows = x.length / n;
  for (let first = 0; first < n; first += BLOCK) {
    const size = Math.min(BLOCK, n - first);
    subtractProduct(part(x, n, 0, first), part(x, n), part(l, n, first), rows, size, first);
    solveRows(part(x, n, 0, first), part(l, n, first, first), rows, size);
    await pace();
  }
}

async function solveBackward(l: Float64Array, x: Float64Array, n: number, watch: Watch | undefined): Promise<void> {
  const pace = makePace(watch, WHAT);
  const rows = x.length / n;
  const turned = new Float64Array(BLOCK * BLOCK);
  for (let end = n; end > 0; end -= size(end)) {
    const first = end - size(end);
    solveRowsTransposed(part(x, n, 0, first), part(l, n, first, first), rows, end - first);
    for (let j = 0; j < first; j += BLOCK) {
      // A block of L, transposed so that the product runs along rows.
      for (let p = first; p < end; p++)
        for (let q = 0; q < BLOCK; q++) turned[q * BLOCK + p - first] = l[p * n + j + q];
      subtractProduct(part(x, n, 0, j), part(x, n, 0, first), part(turned, BLOCK), rows, BLOCK, end - first);
    }
    await pace();
  }
  /** Blocks start at multiples of 64, so the last one may be short. */
  function size(to: number): number {
    return to % BLOCK || BLOCK;
  }
}

/** X ← X L⁻¹: each row of X becomes the solution of Lᵀ x = (that row). Writes into `x`. */
function solveRowsTransposed(x: Part, l: Part, rows: number, size: number): void {
  for (let i = 0; i < rows; i++) {
    const row = x.at + i * x.stride;
    for (let j = size - 1; j >= 0; j--) {
      const rowL = l.at + j * l.stride;
      const value = x.data[row + j] / l.data[rowL + j];
      x.data[row + j] = value;
      for (let p = 0; p < j; p++) x.data[row + p] -= value * l.data[rowL + p];
    }
  }
}
