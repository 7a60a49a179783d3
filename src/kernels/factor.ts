import { EditorError } from '../base/errors.ts';
import { makeRandom, normal } from '../base/random.ts';
import type { Watch } from '../base/tasks.ts';
import { f64, formatShape, type Tensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { hostKernels, type Kernels } from './kernels.ts';
import { hostFloats } from './place.ts';
import { refine, RESIDUAL } from './refine.ts';
import { checkFinite } from './system.ts';

/** A factored second moment, ready for any number of solves. */
export interface Factorization {
  /** What was factored: C itself, or C + ridge · mean(diagonal) · I. What `solveSpd` must be given. */
  readonly matrix: Tensor<'float64'>;
  /** L: float32 on the GPU, or float64 on the host. */
  readonly factor: DeviceTensor;
  /** The ridge that was needed, as a share of the mean of the diagonal; 0 as a rule. */
  readonly ridge: number;
  readonly where: 'gpu' | 'host';
}

/** How to factor. */
export interface FactorOptions {
  /** Least ridge, as a share of the mean of the diagonal. */
  readonly ridge?: number;
  readonly watch?: Watch;
  /** What messages call the matrix. */
  readonly what?: string;
}

/** Ridges that are tried, in turn, when a matrix has no factor without one. */
export const RIDGES = [0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3] as const;

/**
 * C = L Lᵀ, once per site and for ever: no later edit changes C.
 *
 * On the GPU in float32 where that is good enough, which is tried out and not assumed: the factor must solve for two
 * random right sides to 1e-8 within ten sweeps. If it doesn't, or has a pivot that rounding made negative (the
 * second moment of a small corpus has a condition of 1e6 to 1e9), the host factors in float64. Only when that fails
 * too is a ridge added, the smallest of `RIDGES` that helps.
 *
 * @param matrix C [n, n], symmetric, both triangles filled (`mirrorLower`); left as it is
 * @throws EditorError `ill-conditioned` when even the largest ridge doesn't help, `not-finite`
 */
export async function factorSpd(
  kernels: Kernels,
  matrix: Tensor<'float64'>,
  options: FactorOptions = {},
): Promise<Factorization> {
  const { ridge: least = 0, watch, what = 'a matrix' } = options;
  checkFinite(matrix, what);
  if (kernels.where === 'gpu') {
    const shifted = addRidge(matrix, least);
    const factor = await factorOnGpu(kernels, shifted, watch);
    if (factor) return { matrix: shifted, factor, ridge: least, where: 'gpu' };
  }
  return await factorOnHost(matrix, least, what, watch);
}

// ---

/** Right sides and sweeps of the trial that a float32 factor must pass. */
const TRIAL_SIDES = 2;
const TRIAL_SWEEPS = 10;

/** The float32 factor, or null where float32 is not enough. */
async function factorOnGpu(
  kernels: Kernels,
  matrix: Tensor<'float64'>,
  watch: Watch | undefined,
): Promise<DeviceTensor | null> {
  const placed = kernels.place(matrix, 'second moment');
  const factor = await attempt(() => kernels.cholesky(placed, watch)).finally(() => placed.dispose());
  if (factor instanceof EditorError) return null;
  const [n] = matrix.shape;
  const random = makeRandom(n);
  const sides = f64(
    Float64Array.from({ length: n * TRIAL_SIDES }, () => normal(random)),
    [n, TRIAL_SIDES],
  );
  try {
    const { residual } = await refine(kernels, matrix, factor, sides, TRIAL_SWEEPS, watch);
    if (residual <= RESIDUAL) return factor;
  } catch (error) {
    factor.dispose();
    throw error;
  }
  factor.dispose();
  return null;
}

async function factorOnHost(
  matrix: Tensor<'float64'>,
  least: number,
  what: string,
  watch: Watch | undefined,
): Promise<Factorization> {
  let pivot = 'none tried';
  for (const ridge of [least, ...RIDGES.filter((larger) => larger > least)]) {
    const shifted = addRidge(matrix, ridge);
    const factor = await attempt(() => hostKernels.cholesky(hostKernels.place(shifted), watch));
    const failure = factor instanceof EditorError ? factor.found : noisyPivot(shifted, factor);
    if (!failure && !(factor instanceof EditorError)) return { matrix: shifted, factor, ridge, where: 'host' };
    pivot = failure ?? pivot;
  }
  throw new EditorError(
    'ill-conditioned',
    `factor ${what} ${formatShape(matrix.shape)}`,
    `with the largest ridge, ${RIDGES.at(-1)}, ${pivot}`,
    'gather more text for the statistics',
    { size: matrix.shape[0] },
  );
}

/** What `make` gives, or the `ill-conditioned` error that it threw; other errors pass. */
async function attempt(make: () => Promise<DeviceTensor>): Promise<DeviceTensor | EditorError> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof EditorError && error.code === 'ill-conditioned') return error;
    throw error;
  }
}

/** C + ridge · mean(diagonal) · I; C itself when the ridge is 0. */
export function addRidge(matrix: Tensor<'float64'>, ridge: number): Tensor<'float64'> {
  if (ridge === 0) return matrix;
  const [n] = matrix.shape;
  const data = matrix.data.slice();
  let trace = 0;
  for (let i = 0; i < n; i++) trace += data[i * n + i];
  for (let i = 0; i < n; i++) data[i * n + i] += (ridge * trace) / n;
  return f64(data, [n, n]);
}

/**
 * Says which pivot is no more than the rounding of what it was computed from, if one is: a factor like that exists by
 * luck, and the matrix is singular as far as float64 can tell.
 */
function noisyPivot({ data, shape }: Tensor<'float64'>, factor: DeviceTensor): string | null {
  const [n] = shape;
  const l = hostFloats(factor, 'look at pivots').data;
  for (let i = 0; i < n; i++) {
    const pivot = l[i * n + i] ** 2;
    if (pivot <= n * Number.EPSILON * data[i * n + i]) return `pivot ${i} is ${pivot.toExponential(2)}, mere rounding`;
  }
  return null;
}
