import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { f64, type FloatTensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import {
  everyRow,
  keepStates,
  placeTails,
  resumeBlock,
  type Exchange,
  type KeptStates,
  type PlacedTails,
} from '../model/resume.ts';
import { labelScores } from '../model/score.ts';
import type { LocateCase } from './case.ts';
import type { Climb, Strand } from './strands.ts';

/** How likely the target is: exp of the mean log probability of its tokens, and that mean; both averaged over the draws. */
export interface TargetScore {
  readonly probability: number;
  readonly logProbability: number;
}

/**
 * A case with its clean row (0) and its corrupted ones (1 … draws), run once: rows are the prompt and the target but its
 * last token.
 */
export interface Trace {
  readonly model: Model;
  readonly item: LocateCase;
  readonly states: KeptStates;
  readonly draws: number;
  /** Tokens that predict the target's. */
  readonly readings: readonly number[];
  /** Log probability of each of the target's tokens in each row [1 + draws, target tokens]. */
  readonly logp: Float64Array;
  readonly patches: PlacedPatches | undefined;
  readonly watch: Watch | undefined;
  dispose(): void;
}

/**
 * Runs the clean row and the corrupted ones.
 *
 * @param noise [draws, subject tokens, d_model], added to the subject's embeddings
 */
export async function startTrace(
  model: Model,
  item: LocateCase,
  noise: FloatTensor,
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<Trace> {
  const { ids, targetIds, subjectRange } = item;
  const row = [...ids, ...targetIds.slice(0, -1)];
  const [draws, tokens, d] = noise.shape;
  const added = f64(new Float64Array((draws + 1) * row.length * d), [(draws + 1) * row.length, d]);
  for (let draw = 0; draw < draws; draw++) {
    const from = noise.data.subarray(draw * tokens * d, (draw + 1) * tokens * d);
    added.data.set(from, ((draw + 1) * row.length + subjectRange[0]) * d);
  }
  const rows = Array.from({ length: draws + 1 }, () => row);
  const readings = targetIds.map((_, i) => ids.length - 1 + i);
  return scope(async (s) => {
    const states = s.add(await keepStates(model, rows, added, patches, watch));
    const read = rows.flatMap((_, i) => readings.map((token) => i * row.length + token));
    const labels = rows.flatMap(() => targetIds);
    const logp = await labelScores(model, states.streams[model.blocks.length], read, labels);
    s.release(states);
    return { model, item, states, draws, readings, logp, patches, watch, dispose: () => states.dispose() };
  });
}

/** The clean row's score, and the mean of the corrupted ones'. */
export function baselineScores({ logp, readings, draws }: Trace): { high: TargetScore; low: TargetScore } {
  const n = readings.length;
  return { high: averageScore(logp.subarray(0, n), 1), low: averageScore(logp.subarray(n), draws) };
}

/** The module outputs that take the place of a token's own: those of a kept row at that token. */
export interface Forced {
  readonly kind: SiteKind;
  readonly states: KeptStates;
  /** The kept row that serves a corrupted one. */
  readonly row: (corrupted: number) => number;
}

/**
 * What leaves a corrupted layer at some tokens, each alone, when a module's output is forced there: nothing else has
 * changed yet, so no other token needs to be run.
 *
 * @returns [tokens · draws, d_model]
 */
export async function forceOnce(
  trace: Trace,
  layer: number,
  tokens: readonly number[],
  forced: Forced,
): Promise<DeviceTensor> {
  const { model, states, draws, patches } = trace;
  const tails = tokens.flatMap((from) =>
    Array.from({ length: draws }, (_, draw) => ({ row: draw + 1, from, to: from + 1 })),
  );
  return scope(async (s) => {
    const placed = s.add(placeTails(model, states, tails));
    const x = {
      from: states.streams[layer],
      rows: Int32Array.from(tails, ({ row, from }) => row * states.width + from),
    };
    const exchange = exchangeFirst(placed, layer, forced, () => true);
    return resumeBlock(model, layer, states, placed, x, exchange, patches);
  });
}

/** What a strand that begins with a restored module has at its token: a row for each draw, from this one on. */
export interface Begun {
  readonly states: DeviceTensor | undefined;
  readonly row: number;
}

/** What strands are run with. */
export interface ClimbOptions {
  readonly forced?: Forced;
  /** By the layer that a strand enters first; see `forceOnce`. */
  readonly begun?: (layer: number) => Begun;
}

/**
 * Runs the strands of one token up to the top. What lies before the token, and below the place where a strand leaves the
 * corrupted run, is as it was there and comes from the kept states.
 *
 * @param token prompt token, of the subject's first on: earlier ones are clean
 * @returns     scores of the strands at the top, each with its log probabilities [draws, target tokens]
 */
export async function climb(
  trace: Trace,
  token: number,
  { layers }: Climb,
  { forced, begun }: ClimbOptions,
): Promise<{ score: TargetScore; logp: Float64Array }[]> {
  const { model, item, states, draws, readings, patches, watch } = trace;
  const tail = (draw: number) => ({ row: draw + 1, from: token, to: states.width });
  return scope(async (s) => {
    let below: DeviceTensor | undefined;
    for (const [layer, strands] of layers.entries()) {
      if (strands.length === 0) continue;
      throwIfAborted(watch, 'locate');
      const tails = strands.flatMap(() => Array.from({ length: draws }, (_, draw) => tail(draw)));
      const isTop = layer === layers.length - 1;
      const placed = s.add(placeTails(model, states, tails, isTop ? () => readings : undefined));
      const first = strands.some((strand) => strand.first === 'module') ? begun?.(layer) : undefined;
      const rows = rowsOf(strands, trace, token, below?.shape[0] ?? 0, first?.row ?? 0);
      const x = { from: states.streams[layer], given: below, more: first?.states, rows };
      const isForced = (index: number) => strands[Math.floor(index / draws)].forced;
      const exchange = forced ? exchangeFirst(placed, layer, forced, isForced) : {};
      const above = s.add(await resumeBlock(model, layer, states, placed, x, exchange, patches));
      for (const used of below ? [below, placed] : [placed]) s.release<{ dispose(): void }>(used).dispose();
      below = above;
    }
    if (!below) return [];
    const n = readings.length;
    const labels = Array.from({ length: below.shape[0] }, (_, i) => item.targetIds[i % n]);
    const logp = await labelScores(model, below, [...everyRow(labels.length)], labels);
    return Array.from({ length: labels.length / (draws * n) }, (_, i) => {
      const own = logp.slice(i * draws * n, (i + 1) * draws * n);
      return { score: averageScore(own, draws), logp: own };
    });
  });
}

/**
 * The score when a token's state is restored behind the last layer: only what is read at that very token changes.
 *
 * @param logp of the rows in which it is restored [draws, target tokens]
 */
export function restoreAtTop({ logp: clean, readings, draws }: Trace, token: number, logp: Float64Array): TargetScore {
  const restored = logp.map((value, i) => {
    const reading = i % readings.length;
    return readings[reading] === token ? clean[reading] : value;
  });
  return averageScore(restored, draws);
}

// ---

/** Where each strand's tokens come from: the kept states, behind them those of the strands below, behind them `begun`. */
function rowsOf(strands: readonly Strand[], trace: Trace, token: number, below: number, begun: number): Int32Array {
  const { states, draws } = trace;
  const width = states.width - token;
  const kept = states.rows * states.width;
  const rows = new Int32Array(strands.length * draws * width);
  for (const [i, strand] of strands.entries()) {
    for (let draw = 0; draw < draws; draw++) {
      const at = (i * draws + draw) * width;
      const from =
        strand.below === null ? (draw + 1) * states.width + token : kept + (strand.below * draws + draw) * width;
      for (let column = 0; column < width; column++) rows[at + column] = from + column;
      if (strand.first === 'clean') rows[at] = token;
      if (strand.first === 'module') rows[at] = kept + below + begun + draw;
    }
  }
  return rows;
}

/** Puts kept outputs in the place of the first token's own, in those tails that are forced. */
function exchangeFirst(
  { tails, width, asked }: PlacedTails,
  layer: number,
  { kind, states, row }: Forced,
  isForced: (tail: number) => boolean,
): Partial<Record<SiteKind, Exchange>> {
  const rows = asked.map((index, i) => {
    const tail = Math.floor(index / width);
    if (index % width > 0 || !isForced(tail)) return i;
    return asked.length + row(tails[tail].row) * states.width + tails[tail].from;
  });
  return { [kind]: { given: states.outputs[layer][kind], rows } };
}

/** Log probabilities [draws, target tokens] → their score. */
function averageScore(logp: Float64Array, draws: number): TargetScore {
  const n = logp.length / draws;
  const means = Array.from({ length: draws }, (_, draw) => mean(logp.subarray(draw * n, (draw + 1) * n)));
  return { probability: mean(means.map(Math.exp)), logProbability: mean(means) };
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
