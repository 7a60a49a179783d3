import type { Mark } from './drawing.ts';
import type { Format } from './format.ts';
import { namedEvery } from './grid.ts';

/** A line over layers. */
export interface Series {
  readonly name: string;
  readonly color: string;
  /** A second way to tell lines apart. */
  readonly dash?: readonly number[];
  readonly round: boolean;
  readonly values: ArrayLike<number>;
  /** Half the width of a band around the line. */
  readonly band?: ArrayLike<number>;
  /** Layers with a filled marker. */
  readonly marked?: readonly number[];
}

/** What the height of a chart stands for. */
export interface ChartScale {
  readonly low: number;
  readonly high: number;
  /** Values that are named beside it, ascending. */
  readonly ticks: readonly number[];
}

/** The colors of a chart but for its lines. */
export interface ChartColors {
  readonly ink: string;
  readonly rule: string;
  readonly ground: string;
}

/** The page's, whatever the theme. */
export const SCREEN: ChartColors = { ink: 'var(--ink-soft)', rule: 'var(--rule)', ground: 'var(--vellum)' };

/** Those of paper. */
export const PAPER: ChartColors = { ink: '#333333', rule: '#dddddd', ground: '#ffffff' };

/** What a chart is drawn into. */
export interface ChartFrame extends ChartScale, ChartColors {
  readonly width: number;
  readonly height: number;
  readonly layer: string;
  /** Writes the ticks: with the digits that each needs, so that none reads as another. */
  readonly figures: Pick<Format, 'number'>;
}

/** Where the layers of a chart lie in it, in pixels. */
export interface ChartPlot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly count: number;
}

/** What the lines of a chart leave to it: beside them stand the figures of its scale and their own names. */
export function chartPlot(
  series: readonly Series[],
  { width, height }: Pick<ChartFrame, 'width' | 'height'>,
): ChartPlot {
  const count = Math.max(1, ...series.map(({ values }) => values.length));
  // Wide enough for the longest name in a wide fallback font.
  const names = Math.max(92, ...series.map(({ name }) => 16 + 8 * name.length));
  return { left: 44, right: width - names, top: 10, bottom: height - 34, count };
}

/** The layer at some distance from the left; null beside them. */
export function layerUnder({ left, right, count }: ChartPlot, x: number): number | null {
  const layer = Math.floor(((x - left) / (right - left)) * count);
  return layer >= 0 && layer < count ? layer : null;
}

/** Lines over layers, named at their ends; what is no number leaves a gap. Where values go below zero, zero is marked. */
export function chartMarks(series: readonly Series[], frame: ChartFrame): Mark[] {
  const { low, high, ticks, ink, rule, layer, figures } = frame;
  const plot = chartPlot(series, frame);
  const { count } = plot;
  const x = (index: number) => plot.left + ((index + 0.5) * (plot.right - plot.left)) / count;
  const y = (value: number) => plot.bottom - ((value - low) / (high - low)) * (plot.bottom - plot.top);
  const text = { kind: 'text', size: 12, fill: ink } as const;
  const marks: Mark[] = ticks.flatMap((tick): Mark[] => [
    {
      ...{ kind: 'line', pieces: [plot.left, y(tick), plot.right, y(tick)], width: 1 },
      stroke: tick === 0 && low < 0 ? ink : rule,
    },
    { ...text, x: plot.left - 6, y: y(tick) + 4, text: figures.number(tick), anchor: 'end' },
  ]);
  const every = namedEvery(count, (plot.right - plot.left) / count);
  for (let i = 0; i < count; i += every) {
    marks.push({ ...text, x: x(i), y: plot.bottom + 18, text: String(i), anchor: 'middle' });
  }
  marks.push({ ...text, x: plot.left - 6, y: plot.bottom + 18, text: layer, anchor: 'end' });
  const ends = spreadOut(series.map(({ values }) => y(lastNumber(values))));
  series.forEach((line, i) => {
    marks.push(...bandMarks(line, x, y), ...lineMarks(line, x, y, frame));
    marks.push({ ...text, x: plot.right + 8, y: ends[i] + 4, text: line.name, fill: line.color, bold: true });
  });
  return marks;
}

/**
 * A scale for probabilities, shares or cosines: from zero, or from the lowest of them where they go below it, to a round
 * number. Zero is always among the ticks, all of them round.
 */
export function chartScale(values: readonly ArrayLike<number>[]): ChartScale {
  const all = numbersIn(values);
  const [low, most] = [Math.min(0, ...all), Math.max(0, ...all)];
  const step = stepOver(most - low);
  const ticks = ticksBy(step, Math.ceil(low / step), Math.max(1, Math.ceil(most / step)));
  return { low, high: ticks[ticks.length - 1], ticks };
}

/** A scale for differences of such: as far below zero as above it. What is next to no difference looks like none. */
export function changeScale(values: readonly ArrayLike<number>[]): ChartScale {
  const most = Math.max(LEAST_CHANGE, ...numbersIn(values).map(Math.abs));
  const step = stepOver(2 * most);
  const last = Math.ceil(most / step);
  const ticks = ticksBy(step, -last, last);
  return { low: ticks[0], high: ticks[ticks.length - 1], ticks };
}

// ---

/** Between two ticks. */
const STEPS = [1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** The end of the smallest scale of differences: they are said to two decimals. */
const LEAST_CHANGE = 0.02;

function numbersIn(values: readonly ArrayLike<number>[]): number[] {
  return values.flatMap((each) => Array.from(each)).filter(Number.isFinite);
}

function stepOver(range: number): number {
  return STEPS.find((each) => range <= 5 * each) ?? 1;
}

/** Multiples of a step, which have four decimals at most: 3 × 0.1 is 0.3. */
function ticksBy(step: number, first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(4)));
}

type Place = (value: number) => number;

function lineMarks(
  { values, color, dash, round, marked = [] }: Series,
  x: Place,
  y: Place,
  { ground }: ChartFrame,
): Mark[] {
  const pieces: number[] = [];
  const points: Mark[] = [];
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    const fill = marked.includes(i) ? color : ground;
    const size = marked.includes(i) ? 5 : 3.5;
    if (i > 0 && Number.isFinite(values[i - 1])) pieces.push(x(i - 1), y(values[i - 1]), x(i), y(values[i]));
    if (round) points.push({ kind: 'circle', x: x(i), y: y(values[i]), radius: size, fill, stroke: color });
    else points.push(...square(x(i), y(values[i]), size, fill, color));
  }
  return [{ kind: 'line', pieces, stroke: color, width: 2, ...(dash ? { dash } : {}) }, ...points];
}

function square(x: number, y: number, size: number, fill: string, stroke: string): Mark[] {
  const of = (half: number, color: string): Mark => ({
    ...{ kind: 'rect', x: x - half, y: y - half, width: 2 * half, height: 2 * half, fill: color },
  });
  return [of(size + 1, stroke), of(size - 1, fill)];
}

function bandMarks({ values, band, color }: Series, x: Place, y: Place): Mark[] {
  if (!band) return [];
  const known = Array.from(values, (_, i) => i).filter((i) => Number.isFinite(values[i]) && Number.isFinite(band[i]));
  const above = known.flatMap((i) => [x(i), y(values[i] + band[i])]);
  const below = known.toReversed().flatMap((i) => [x(i), y(values[i] - band[i])]);
  return known.length > 1 ? [{ kind: 'area', corners: [...above, ...below], fill: color, opacity: 0.18 }] : [];
}

function lastNumber(values: ArrayLike<number>): number {
  return Array.from(values).findLast(Number.isFinite) ?? 0;
}

/** Heights of labels, moved apart so that each can be read. */
function spreadOut(heights: readonly number[]): number[] {
  const placed = heights.map((height, i) => ({ height, i })).sort((a, b) => a.height - b.height);
  placed.forEach((each, k) => {
    if (k > 0) placed[k] = { ...each, height: Math.max(each.height, placed[k - 1].height + LABEL_HEIGHT) };
  });
  return placed.sort((a, b) => a.i - b.i).map(({ height }) => height);
}

const LABEL_HEIGHT = 15;
