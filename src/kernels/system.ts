import { EditorError } from '../base/errors.ts';
import { norm } from '../base/linalg.ts';
import { makeRandom, normal } from '../base/random.ts';
import type { Watch } from '../base/tasks.ts';
import { f64, formatShape, type Tensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { hostKernels, type Kernels } from './kernels.ts';
import { makePace } from './pace.ts';
import { part, subtractProduct } from './tile.ts';

/** A column of a matrix, on its own. */
export type Vector = Float64Array<ArrayBuffer>;

/** A symmetric matrix C and its factor L, as the two things that vectors are put through. */
export interface System {
  readonly n: number;
  /** (L Lᵀ)⁻¹ r for each r, computed where the factor lies. */
  readonly precondition: (vectors: readonly Vector[]) => Promise<Vector[]>;
  /** C p for each p, in float64 on the host. */
  readonly multiply: (vectors: readonly Vector[]) => Promise<Vector[]>;
}

/**
 * @param kernels those that made the factor
 * @param matrix  C [n, n], both triangles filled
 * @param factor  L [n, n], on the GPU or on the host
 */
export function makeSystem(
  kernels: Kernels,
  matrix: Tensor<'float64'>,
  factor: DeviceTensor,
  watch: Watch | undefined,
): System {
  const n = matrix.shape[0];
  const solver = factor.host ? hostKernels : kernels;
  const pace = makePace(watch, WHAT);
  return {
    n,
    // In float32 small vectors would lose their last bits, or vanish: each goes in with norm 1.
    async precondition(vectors) {
      const sizes = vectors.map(norm);
      const units = vectors.map((vector, index) => vector.map((value) => value / sizes[index]));
      const found = await solveWithFactor(solver, factor, toMatrix(units, n), watch);
      return columnsOf(found).map((vector, index) => vector.map((value) => value * sizes[index]));
    },
    async multiply(vectors) {
      const rows = Math.ceil(vectors.length / 4) * 4;
      const packed = new Float64Array(rows * n);
      for (const [index, vector] of vectors.entries()) packed.set(vector, index * n);
      const out = new Float64Array(rows * n);
      for (let first = 0; first < n; first += STRIP) {
        const size = Math.min(STRIP, n - first);
        subtractProduct(part(out, n, 0, first), part(packed, n), part(matrix.data, n, first), rows, size, n);
        await pace();
      }
      return vectors.map((_, index) => out.slice(index * n, (index + 1) * n).map((value) => -value));
    },
  };
}

/**
 * The order of magnitude of the condition, largest over smallest eigenvalue: a few steps of the power method with C
 * and with its factor.
 */
export async function estimateCondition(system: System): Promise<number> {
  const random = makeRandom(system.n);
  const start = Float64Array.from({ length: system.n }, () => normal(random));
  const growth = async (put: System['multiply']): Promise<number> => {
    let vector: Vector = start;
    for (let step = 0; step < POWER_STEPS; step++) {
      const size = norm(vector);
      [vector] = await put([vector.map((value) => value / size)]);
    }
    return norm(vector);
  };
  return (await growth(system.multiply)) * (await growth(system.precondition));
}

/** Columns of a row-major matrix. */
export function columnsOf({ data, shape: [n, m] }: Tensor): Vector[] {
  return Array.from({ length: m }, (_, j) => {
    const vector = new Float64Array(n);
    for (let i = 0; i < n; i++) vector[i] = Number(data[i * m + j]);
    return vector;
  });
}

/** The inverse of `columnsOf`. */
export function toMatrix(vectors: readonly Vector[], n: number): Tensor<'float64'> {
  const m = vectors.length;
  const out = new Float64Array(n * m);
  for (const [j, vector] of vectors.entries()) for (let i = 0; i < n; i++) out[i * m + j] = vector[i];
  return f64(out, [n, m]);
}

/** @throws EditorError `not-finite` naming the first number that is NaN or infinite */
export function checkFinite({ data, shape }: Tensor<'float64'>, name: string): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at < 0) return;
  throw new EditorError(
    'not-finite',
    WHAT,
    `${name} ${formatShape(shape)} holds ${data[at]} at ${at}`,
    'find the layer that produced it: activations that overflow are rare in float32 and common in float16',
    { at, value: String(data[at]) },
  );
}

// ---

const WHAT = 'solve a linear system';

/** Columns of the product that are computed between two looks at the clock. */
const STRIP = 64;

const POWER_STEPS = 8;

function solveWithFactor(
  solver: Kernels,
  factor: DeviceTensor,
  right: Tensor<'float64'>,
  watch: Watch | undefined,
): Promise<Tensor> {
  return scope(async (s) => {
    const placed = s.add(solver.place(right, 'right sides'));
    const y = s.add(await solver.triangular(factor, placed, false, watch));
    const z = s.add(await solver.triangular(factor, y, true, watch));
    return await z.read();
  });
}
