/** A loss at one evaluation. */
export interface LossPoint {
  readonly step: number;
  /** What the optimizer minimizes. */
  readonly loss: number;
  /** Its first part: how unlikely the target still is. */
  readonly nll: number;
}

/** Where a chart's lines and labels go, in pixels. */
export interface CurveLayout {
  /** SVG paths. */
  readonly loss: string;
  readonly nll: string;
  /** Horizontal grid lines, with the value each stands for. */
  readonly ticks: readonly { readonly value: number; readonly y: number }[];
  /** Ends of both lines. */
  readonly end: { readonly x: number; readonly loss: number; readonly nll: number };
  /** Height of the value at which the optimization stops; null when that is unknown. */
  readonly stop: number | null;
}

/** What `layoutCurve` draws into. */
export interface CurveFrame {
  readonly width: number;
  readonly height: number;
  /** Evaluations at most: the right edge. */
  readonly steps: number;
  /** The optimization ends below this; null when unknown. */
  readonly stop: number | null;
}

/**
 * A loss curve on a logarithmic scale: the interesting part of an optimization is its last order of magnitude. From ten
 * down to where it stops, and further where the points go: while they arrive, the scale can only grow.
 */
export function layoutCurve(points: readonly LossPoint[], { width, height, steps, stop }: CurveFrame): CurveLayout {
  const values = points.flatMap(({ loss, nll }) => [loss, nll]).filter((value) => value > 0 && Number.isFinite(value));
  const top = Math.log10(Math.max(10, ...values));
  const bottom = Math.log10(Math.max(FLOOR, MARGIN * Math.min(0.1, stop || 0.1, ...values)));
  const x = (step: number) => round((width * step) / Math.max(1, steps));
  const y = (value: number) => {
    const decade = Number.isFinite(value) ? Math.log10(Math.max(FLOOR, value)) : top;
    return round((height * (top - Math.max(bottom, decade))) / (top - bottom));
  };
  const path = (part: 'loss' | 'nll') =>
    points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.step)} ${y(point[part])}`).join('');
  const last = points.at(-1);
  return {
    loss: path('loss'),
    nll: path('nll'),
    ticks: decades(bottom, top).map((value) => ({ value, y: y(value) })),
    end: { x: last ? x(last.step) : 0, loss: last ? y(last.loss) : 0, nll: last ? y(last.nll) : 0 },
    stop: stop ? y(stop) : null,
  };
}

// ---

/** Nothing smaller is drawn. */
const FLOOR = 1e-4;

/** Room below the lowest value, as a factor. */
const MARGIN = 0.35;

/** Powers of ten within a range of exponents, largest first. */
function decades(bottom: number, top: number): number[] {
  const [first, last] = [Math.floor(top), Math.ceil(bottom)];
  return Array.from({ length: first - last + 1 }, (_, i) => Number(`1e${first - i}`));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
