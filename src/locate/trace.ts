import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { f64, type FloatTensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { keepStates, resumeBlock, type KeptStates, type Left, type Resumed } from '../model/resume.ts';
import { labelScores } from '../model/score.ts';
import type { LocateCase } from './case.ts';
import { corruptedRows, enter, leave, type Climb } from './strands.ts';

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
 * @returns [draws · tokens, d_model]
 */
export async function forceOnce(
  trace: Trace,
  layer: number,
  tokens: readonly number[],
  forced: Forced,
): Promise<DeviceTensor> {
  const { model, states, draws, patches } = trace;
  const left = range(0, draws * tokens.length).map((asked) => ({
    asked,
    exchange: forced.row(Math.floor(asked / tokens.length) + 1) * states.width + tokens[asked % tokens.length],
  }));
  const entering = {
    tokens: corruptedRows(draws, { draws, width: states.width }),
    asking: tokens,
    left,
    outputs: outputsOf(forced, layer),
  };
  return resumeBlock(model, layer, states, entering, patches);
}

/** What a strand that begins with a restored module has at its token: a row for each draw, see `forceOnce`. */
export interface Begun {
  readonly states: DeviceTensor | undefined;
  readonly row: (draw: number) => number;
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
  return scope(async (s) => {
    let below: { states: DeviceTensor; left: readonly Left[]; places: Int32Array } | undefined;
    for (const [layer, strands] of layers.entries()) {
      if (strands.length === 0) continue;
      throwIfAborted(watch, 'locate');
      const asking = layer === layers.length - 1 ? readings : range(token, states.width);
      const started = strands.some(({ first }) => first === 'module') ? begun?.(layer) : undefined;
      const size = { token, draws, width: states.width };
      const { tokens, rowOf } = enter(strands, size, below, started?.row);
      const { left, places } = leave(strands, size, asking, rowOf, forced?.row);
      const outputs = forced && outputsOf(forced, layer);
      const entering = { tokens, given: below?.states, more: started?.states, asking, left, outputs };
      const above = s.add(await resumeBlock(model, layer, states, entering, patches));
      if (below) s.release(below.states).dispose();
      below = { states: above, left, places };
    }
    if (!below) return [];
    const n = readings.length;
    const labels = below.left.map(({ asked }) => item.targetIds[asked % n]);
    const logp = await labelScores(model, below.states, range(0, labels.length), labels);
    const all = Float64Array.from(below.places, (place) => logp[place]);
    return range(0, all.length / (draws * n)).map((i) => {
      const own = all.slice(i * draws * n, (i + 1) * draws * n);
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

/** What modules put out in the states that are forced. */
function outputsOf({ kind, states }: Forced, layer: number): Resumed['outputs'] {
  return { kind, rows: states.outputs[layer][kind] };
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

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
