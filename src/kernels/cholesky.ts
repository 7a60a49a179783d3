import source from '../../shaders/cholesky.wgsl?raw';
import { EditorError, invariant } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { f32, f64, formatShape } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, foldGrid, prepare, type KernelSpec } from '../device/kernel.ts';
import {
  allocateTensor,
  copyTensor,
  hostTensor,
  reshapeTensor,
  uploadTensor,
  type DeviceTensor,
} from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { makeFeed } from './feed.ts';
import { gramSpec } from './gram.ts';
import { makePace } from './pace.ts';
import { hostFloats, matrixShape } from './place.ts';
import { part, subtractProduct } from './tile.ts';
import { BLOCK, solveRows, solveSpec, solveStep } from './triangular.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n', 'm'], values: { first: 'u32', size: 'u32' } },
  matrix: { access: 'read_write', dtype: 'float32', shape: ['n', 'n'] },
  block: { access: 'read_write', dtype: 'float32', shape: [BLOCK, BLOCK] },
  panel: { access: 'read_write', dtype: 'float32', shape: [BLOCK, 'm'] },
  status: { access: 'read_write', dtype: 'float32', shape: [2] },
} as const satisfies BindingRecord;

/** The entry points of `shaders/cholesky.wgsl`. */
export const choleskySpecs = {
  diagonal: spec('diagonal'),
  gather: spec('gather'),
  scatter: spec('scatter'),
} as const;

/**
 * A = L Lᵀ, by blocks of 64: factor the diagonal block, solve for the panel below it, take its product out of the rest.
 *
 * @param matrix A [n, n] f32, symmetric; only the lower triangle is read; left as it is
 * @returns      L [n, n] f32, zeros above the diagonal
 * @throws EditorError `ill-conditioned` naming the first pivot that is not positive, and its value
 */
export async function choleskyGpu(gpu: Gpu, matrix: DeviceTensor, watch?: Watch): Promise<DeviceTensor> {
  const n = checkShape(matrix);
  const diagonal = await createKernel(gpu, choleskySpecs.diagonal);
  const gather = await createKernel(gpu, choleskySpecs.gather);
  const scatter = await createKernel(gpu, choleskySpecs.scatter);
  const solve = await createKernel(gpu, solveSpec);
  const gram = await createKernel(gpu, gramSpec);
  return scope(async (s) => {
    const l = s.add(copyTensor(gpu, matrix, 'Cholesky factor'));
    const block = s.add(allocateTensor(gpu, 'float32', [BLOCK, BLOCK], 'diagonal block'));
    const strip = s.add(allocateTensor(gpu, 'float32', [BLOCK, n], 'panel'));
    const status = s.add(uploadTensor(gpu, f32([0, 0], [2]), 'pivot status'));
    const feed = makeFeed(gpu, watch, WHAT);
    for (let first = 0; first < n; first += BLOCK) {
      const size = Math.min(BLOCK, n - first);
      const m = n - first - size;
      const panel = reshapeTensor(strip, [BLOCK, m]);
      const tensors = { matrix: l, block, panel, status };
      await feed.add(prepare(diagonal, tensors, { first, size }, [1]), size ** 3);
      if (m === 0) break;
      const all = foldGrid(gpu, Math.ceil((BLOCK * m) / 64));
      await feed.add(prepare(gather, tensors, { first, size }, all), BLOCK * m);
      await feed.add(solveStep(solve, block, panel, { first: 0, size, transposed: 0 }), (BLOCK * BLOCK * m) / 2);
      await feed.add(prepare(scatter, tensors, { first, size }, all), BLOCK * m);
      const values = { first: first + size, alpha: -1, beta: 1 };
      const tiles = Math.ceil(m / 64);
      await feed.add(prepare(gram, { keys: panel, moment: l }, values, [tiles, tiles]), (BLOCK * m * m) / 2);
    }
    feed.end();
    const [failed, value] = (await status.read()).data as Float32Array;
    if (failed > 0) throw notPositive(matrix, failed - 1, value);
    return s.release(l);
  });
}

/** Twin of `choleskyGpu`: float32 or float64 in, float64 inside and out. */
export async function choleskyHost(matrix: DeviceTensor, watch?: Watch): Promise<DeviceTensor> {
  const n = checkShape(matrix);
  const l = Float64Array.from(hostFloats(matrix, WHAT).data);
  const pace = makePace(watch, WHAT);
  const panel = new Float64Array(BLOCK * n);
  for (let first = 0; first < n; first += BLOCK) {
    const size = Math.min(BLOCK, n - first);
    const failed = factorDiagonal(l, n, first, size);
    if (failed) throw notPositive(matrix, failed.pivot, failed.value);
    const below = first + size;
    const rest = n - below;
    solveRows(part(l, n, below, first), part(l, n, first, first), rest, size);
    for (let i = 0; i < rest; i++) panel.set(l.subarray((below + i) * n + first, (below + i) * n + below), i * size);
    for (let j = 0; j < rest; j += BLOCK) {
      const target = part(l, n, below + j, below + j);
      subtractProduct(target, part(panel, size, j), part(panel, size, j), rest - j, Math.min(BLOCK, rest - j), size);
      await pace();
    }
  }
  for (let i = 0; i < n; i++) l.fill(0, i * n + i + 1, (i + 1) * n);
  return hostTensor(f64(l, [n, n]));
}

// ---

const WHAT = 'factor a matrix';

function spec(entry: string): KernelSpec<typeof bindings> {
  return { file: 'cholesky.wgsl', source, entry, bindings };
}

function checkShape(matrix: DeviceTensor): number {
  const [n, m] = matrixShape(matrix, WHAT);
  invariant(n === m, WHAT, `shape ${formatShape(matrix.shape)} is not square`);
  return n;
}

function notPositive(matrix: DeviceTensor, pivot: number, value: number): EditorError {
  return new EditorError(
    'ill-conditioned',
    `factor a matrix ${formatShape(matrix.shape)}`,
    `pivot ${pivot} is ${value.toExponential(2)}, not positive`,
    'gather more text for the statistics, or add a ridge',
    { pivot, value, size: matrix.shape[0] },
  );
}

/** Factors the block at (first, first) with plain loops. Writes into `l`. */
function factorDiagonal(
  l: Float64Array,
  n: number,
  first: number,
  size: number,
): { pivot: number; value: number } | null {
  for (let i = first; i < first + size; i++)
    for (let j = first; j <= i; j++) {
      let sum = l[i * n + j];
      for (let p = first; p < j; p++) sum -= l[i * n + p] * l[j * n + p];
      if (j < i) l[i * n + j] = sum / l[j * n + j];
      else if (sum > 0 && sum < Infinity) l[i * n + i] = Math.sqrt(sum);
      else return { pivot: i, value: sum };
    }
  return null;
}
