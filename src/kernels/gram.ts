import source from '../../shaders/gram.wgsl?raw';
import { invariant } from '../base/errors.ts';
import { formatShape, type FloatTensor } from '../base/tensor.ts';
import type { BindingRecord } from '../device/binding.ts';
import type { Gpu } from '../device/gpu.ts';
import { createKernel, dispatch, type KernelSpec } from '../device/kernel.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { makePace } from './pace.ts';
import { hostFloats, matrixShape, onGpu } from './place.ts';
import { part, subtractProduct } from './tile.ts';

const bindings = {
  params: { access: 'uniform', sizes: ['n', 'd', 's'], values: { first: 'u32', alpha: 'f32', beta: 'f32' } },
  keys: { access: 'read', dtype: 'float32', shape: ['n', 'd'] },
  moment: { access: 'read_write', dtype: 'float32', shape: ['s', 's'] },
} as const satisfies BindingRecord;

/** `shaders/gram.wgsl`. */
export const gramSpec: KernelSpec<typeof bindings> = { file: 'gram.wgsl', source, entry: 'main', bindings };

/**
 * C ← βC + α KᵀK: adds keys to a second moment. Writes into `moment`, its lower triangle only; what lies above the
 * diagonal stays as it was (`mirrorLower` fills it).
 *
 * @param moment C [d, d] f32, on the GPU; with β = 0 its old content doesn't matter, be it NaN
 * @param keys   K [n, d] f32, one key per row; n may be 0
 */
export async function gramGpu(
  gpu: Gpu,
  moment: DeviceTensor,
  keys: DeviceTensor,
  alpha: number,
  beta: number,
): Promise<void> {
  const [, d] = checkShapes(moment, keys);
  const kernel = await createKernel(gpu, gramSpec);
  const tiles = Math.ceil(d / 64);
  await scope(async (s) => {
    const tensors = { keys: onGpu(gpu, s, keys, 'gram keys'), moment };
    dispatch(kernel, tensors, { first: 0, alpha, beta }, [tiles, tiles]);
  });
}

/** Twin of `gramGpu`, in float32 or float64; sums of up to 256 keys are formed in float64 and then added. */
export async function gramHost(moment: DeviceTensor, keys: DeviceTensor, alpha: number, beta: number): Promise<void> {
  const [n, d] = checkShapes(moment, keys);
  const { data: c } = hostFloats(moment, 'add to a moment');
  const k = hostFloats(keys, 'add keys to a moment');
  const pace = makePace(undefined, 'add to a moment');
  const block = new Float64Array(TILE * TILE);
  scaleLower(c, d, beta);
  for (let first = 0; first < n; first += DEPTH) {
    const depth = Math.min(DEPTH, n - first);
    const columns = packColumns(k.data, first, depth, d);
    for (let i = 0; i < d; i += TILE)
      for (let j = 0; j <= i; j += TILE) {
        const [rows, cols] = [Math.min(TILE, d - i), Math.min(TILE, d - j)];
        block.fill(0);
        subtractProduct(part(block, TILE), part(columns, depth, i), part(columns, depth, j), rows, cols, depth);
        for (let u = 0; u < rows; u++)
          for (let v = 0; v < cols && j + v <= i + u; v++) c[(i + u) * d + j + v] -= alpha * block[u * TILE + v];
        await pace();
      }
  }
}

/** Copies the lower triangle of a square matrix to the upper one. Writes into `matrix`. */
export function mirrorLower(matrix: FloatTensor): void {
  const [n] = matrixShape(matrix, 'mirror a matrix');
  const { data } = matrix;
  // Tile by tile, so that the columns written stay in the cache.
  for (let i0 = 0; i0 < n; i0 += TILE)
    for (let j0 = 0; j0 <= i0; j0 += TILE)
      for (let i = i0; i < Math.min(n, i0 + TILE); i++)
        for (let j = j0; j < Math.min(i, j0 + TILE); j++) data[j * n + i] = data[i * n + j];
}

// ---

const TILE = 64;
const DEPTH = 256;

function checkShapes(moment: DeviceTensor, keys: DeviceTensor): [number, number] {
  const [n, d] = matrixShape(keys, 'add keys to a moment');
  const found = `moment ${formatShape(moment.shape)}, keys ${formatShape(keys.shape)}`;
  invariant(moment.shape.length === 2 && moment.shape.every((size) => size === d), 'add keys to a moment', found);
  return [n, d];
}

/** β = 0 forgets what was there, NaN included, as BLAS does. */
function scaleLower(c: Float32Array | Float64Array, d: number, beta: number): void {
  if (beta === 1) return;
  for (let i = 0; i < d; i++) for (let j = 0; j <= i; j++) c[i * d + j] = beta === 0 ? 0 : beta * c[i * d + j];
}

/** Kᵀ of some rows of K, in float64: [d, depth], so that products run along rows. */
function packColumns(k: Float32Array | Float64Array, first: number, depth: number, d: number): Float64Array {
  const out = new Float64Array(d * depth);
  for (let p = 0; p < depth; p++) for (let i = 0; i < d; i++) out[i * depth + p] = k[(first + p) * d + i];
  return out;
}
