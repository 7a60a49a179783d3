import { EditorError, invariant } from '../base/errors.ts';
import { dot, norm } from '../base/linalg.ts';
import type { Watch } from '../base/tasks.ts';
import { formatShape, type Tensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import type { Kernels } from './kernels.ts';
import { checkFinite, columnsOf, estimateCondition, makeSystem, toMatrix, type System, type Vector } from './system.ts';

/** What every solve is held to: ‖C z − k‖ / ‖k‖ of its worst right side, in float64. */
export const RESIDUAL = 1e-8;

/** What a solve returns. */
export interface Solution {
  /** Z [n, m] of C Z = K. */
  readonly solution: Tensor<'float64'>;
  /** ‖C z − k‖ / ‖k‖ of the worst right side, measured in float64 against C itself. */
  readonly residual: number;
  /** How often the factor was solved with: once when it is exact. */
  readonly sweeps: number;
}

/**
 * Solves C Z = K to a residual of 1e-8 with a factor of C that may be much coarser (float32, from a GPU).
 *
 * Conjugate gradients in float64 on the host, preconditioned by the factor. With an exact factor the first sweep is
 * the direct solution; with a rounded one the sweeps do what iterative refinement does, and still arrive where that
 * stalls, when the condition of C comes near the precision of the factor.
 *
 * @param kernels those that made the factor
 * @param matrix  C [n, n], symmetric positive definite, both triangles filled (`mirrorLower`)
 * @param factor  L of C ≈ L Lᵀ, solved with where it lies
 * @param right   K [n, m]; m may be 0
 * @throws EditorError `ill-conditioned` with an estimate of the condition when the residual doesn't fall
 */
export async function solveSpd(
  kernels: Kernels,
  matrix: Tensor<'float64'>,
  factor: DeviceTensor,
  right: Tensor<'float64'>,
  watch?: Watch,
): Promise<Solution> {
  checkFinite(right, 'the right side');
  const found = await refine(kernels, matrix, factor, right, MOST_SWEEPS, watch);
  if (found.residual <= RESIDUAL) return found;
  const condition = await estimateCondition(makeSystem(kernels, matrix, factor, watch));
  throw new EditorError(
    'ill-conditioned',
    `solve a system of ${formatShape(matrix.shape)}`,
    `after ${found.sweeps} sweeps the residual is ${found.residual.toExponential(1)}, not ${RESIDUAL}, and the condition about ${condition.toExponential(0)}`,
    'gather more text for the statistics, or add a ridge',
    { residual: found.residual, condition, sweeps: found.sweeps, size: matrix.shape[0] },
  );
}

/** As `solveSpd`, with a limit on the sweeps and without the promise: the residual is what it came to. */
export async function refine(
  kernels: Kernels,
  matrix: Tensor<'float64'>,
  factor: DeviceTensor,
  right: Tensor<'float64'>,
  mostSweeps: number,
  watch?: Watch,
): Promise<Solution> {
  const system = makeSystem(kernels, matrix, factor, watch);
  const [n] = right.shape;
  invariant(system.n === n, WHAT, `matrix ${formatShape(matrix.shape)}, right side ${formatShape(right.shape)}`);
  const sides = columnsOf(right).map(makeSide);
  let best = Infinity;
  let patience = PATIENCE;
  let sweeps = 0;
  let open = sides.filter(isOpen);
  while (open.length > 0 && sweeps < mostSweeps && patience > 0) {
    await sweep(system, open);
    await measure(system, open.filter(isSmall));
    sweeps += 1;
    const reached = worst(sides);
    patience = reached < best / 2 ? PATIENCE : patience - 1;
    best = Math.min(best, reached);
    open = sides.filter(isOpen);
  }
  await measure(system, open);
  const solution = toMatrix(
    sides.map(({ z }) => z),
    n,
  );
  return { solution, residual: worst(sides), sweeps };
}

// ---

const WHAT = 'solve a linear system';

/** Sweeps after which we stop hoping, and how many may pass without halving the residual. */
const MOST_SWEEPS = 40;
const PATIENCE = 8;

/** One right side and how far it is. Sides converge on their own, so that a short key can't hide behind a long one. */
interface Side {
  readonly k: Vector;
  readonly z: Vector;
  /** k − C z: carried along by recurrence, measured once it is small. */
  r: Vector;
  /** What the next direction is made conjugate to; null at a start. */
  last: { readonly p: Vector; readonly r: Vector; readonly rs: number } | null;
  /** ‖r‖ / ‖k‖. */
  residual: number;
  /** Measured and good, or beyond help. */
  closed: boolean;
}

function makeSide(k: Vector): Side {
  const zero = norm(k) === 0;
  return { k, z: new Float64Array(k.length), r: k, last: null, residual: zero ? 0 : 1, closed: zero };
}

function isOpen({ closed }: Side): boolean {
  return !closed;
}

function isSmall({ residual }: Side): boolean {
  return residual <= RESIDUAL / 2;
}

function worst(sides: readonly Side[]): number {
  return sides.reduce((most, { residual }) => Math.max(most, residual), 0);
}

/**
 * One step of conjugate gradients for each side. The flexible form (Polak–Ribière's β), because a solve in float32 is
 * not quite the same operator each time.
 */
async function sweep(system: System, sides: readonly Side[]): Promise<void> {
  const solved = await system.precondition(sides.map(({ r }) => r));
  const steps = sides.map(({ r, last }, index) => {
    const s = solved[index];
    const rs = dot(r, s);
    if (!last) return { p: s, r, rs };
    const beta = (rs - dot(last.r, s)) / last.rs;
    return { p: s.map((value, i) => value + beta * last.p[i]), r, rs };
  });
  const products = await system.multiply(steps.map(({ p }) => p));
  for (const [index, side] of sides.entries()) {
    const { p, r, rs } = steps[index];
    const q = products[index];
    const alpha = rs / dot(p, q);
    // Neither the matrix nor its factor has a direction of no or negative curvature, unless rounding has made one.
    if (!(alpha > 0 && alpha < Infinity)) {
      side.closed = true;
      continue;
    }
    for (let i = 0; i < p.length; i++) side.z[i] += alpha * p[i];
    side.r = r.map((value, i) => value - alpha * q[i]);
    side.last = steps[index];
    side.residual = norm(side.r) / norm(side.k);
  }
}

/** Replaces what the recurrence says by the truth, and starts over from there where it differs. */
async function measure(system: System, sides: readonly Side[]): Promise<void> {
  const products = await system.multiply(sides.map(({ z }) => z));
  for (const [index, side] of sides.entries()) {
    side.r = side.k.map((value, i) => value - products[index][i]);
    side.residual = norm(side.r) / norm(side.k);
    side.last = null;
    side.closed = side.residual <= RESIDUAL;
  }
}
