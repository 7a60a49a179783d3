import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { f64, type FloatTensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope, type Scope } from '../device/scope.ts';
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
  type Picked,
  type PlacedTails,
  type Tail,
} from '../model/resume.ts';
import { labelScores } from '../model/score.ts';
import type { LocateCase } from './case.ts';

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
  const states = await keepStates(model, rows, added, patches, watch);
  const readings = targetIds.map((_, i) => ids.length - 1 + i);
  return { model, item, states, draws, readings, patches, watch, dispose: () => states.dispose() };
}

/** The clean row's score, and the mean of the corrupted ones'. */
export async function baselineScores(trace: Trace): Promise<{ high: TargetScore; low: TargetScore }> {
  const { states, readings, model, item } = trace;
  const rows = Array.from({ length: states.rows }, (_, row) => readings.map((token) => row * states.width + token));
  const labels = rows.flatMap(() => item.targetIds);
  const logp = await labelScores(model, states.streams[model.blocks.length], rows.flat(), labels);
  const n = readings.length;
  const [high] = averageScores(logp.subarray(0, n), 1, n);
  const [low] = averageScores(logp.subarray(n), trace.draws, n);
  return { high, low };
}

/** Module outputs that tails take for their own at their first token: those of a kept row there, at every layer. */
export interface Forced {
  readonly kind: SiteKind;
  readonly states: KeptStates;
  readonly row: (tail: Tail) => number;
}

/**
 * The corrupted rows gone on from some tokens: a tail for each token and draw, with that token in column 0. What lies
 * before and below a restored cell is as it was and comes from the kept states; only what lies above it is run.
 */
export class Tails {
  readonly #trace: Trace;
  readonly #whole: PlacedTails;
  /** At the last layer only the tokens that predict the target's ask. */
  readonly #top: PlacedTails;

  /** @param tokens prompt tokens, of the subject's first on: earlier ones are clean */
  constructor(trace: Trace, tokens: readonly number[]) {
    const { model, states, draws, readings } = trace;
    const tails = tokens.flatMap((from) =>
      Array.from({ length: draws }, (_, draw) => ({ row: draw + 1, from, to: states.width })),
    );
    this.#trace = trace;
    this.#whole = placeTails(model, states, tails);
    this.#top = placeTails(model, states, tails, () => readings);
  }

  /**
   * What enters a layer when everything below is corrupted.
   *
   * @param first the first tokens' states instead [tails, d_model]; `clean` for those of the clean row
   */
  enter(layer: number, first?: DeviceTensor | 'clean'): Picked {
    const { states } = this.#trace;
    const { tails, width } = this.#whole;
    const rows = new Int32Array(tails.length * width);
    for (const [b, { row, from, to }] of tails.entries()) {
      // Pads take the last token: any would do.
      for (let i = 0; i < width; i++) rows[b * width + i] = row * states.width + Math.min(from + i, to - 1);
      if (first) rows[b * width] = first === 'clean' ? from : states.rows * states.width + b;
    }
    return { from: states.streams[layer], given: first === 'clean' ? undefined : first, rows };
  }

  /** What leaves a corrupted layer at the first tokens when a module's output is forced there: [tails, d_model]. */
  async first(layer: number, forced: Forced): Promise<DeviceTensor> {
    const { model, states } = this.#trace;
    const tails = this.#whole.tails.map((tail) => ({ ...tail, to: tail.from + 1 }));
    return scope(async (s) => {
      const placed = s.add(placeTails(model, states, tails));
      const rows = Int32Array.from(tails, ({ row, from }) => row * states.width + from);
      return this.#run(placed, layer, { from: states.streams[layer], rows }, forced);
    });
  }

  /** Through one block, all tokens. What leaves it is the scope's. */
  async pass(s: Scope, layer: number, x: Picked, forced?: Forced): Promise<Picked> {
    const from = s.add(await this.#run(this.#whole, layer, x, forced));
    return { from, rows: everyRow(from.shape[0]) };
  }

  /** From what enters a layer to the top: the score of each token's tails. */
  async toTop(layer: number, x: Picked, forced?: Forced): Promise<TargetScore[]> {
    const { model, item, draws, watch } = this.#trace;
    const last = model.blocks.length - 1;
    const labels = this.#top.tails.flatMap(() => item.targetIds);
    const score = async (top: DeviceTensor, rows: Int32Array) =>
      averageScores(await labelScores(model, top, [...rows], labels), draws, item.targetIds.length);
    if (layer > last)
      return score(
        x.from,
        Int32Array.from(this.#top.asked, (index) => x.rows[index]),
      );
    return scope(async (s) => {
      let input = x;
      for (let at = layer; at < last; at++) {
        throwIfAborted(watch, 'locate');
        input = await this.pass(s, at, input, forced);
      }
      const top = s.add(await this.#run(this.#top, last, input, forced));
      return score(top, everyRow(top.shape[0]));
    });
  }

  dispose(): void {
    this.#whole.dispose();
    this.#top.dispose();
  }

  #run(placed: PlacedTails, layer: number, x: Picked, forced?: Forced): Promise<DeviceTensor> {
    const { model, states, patches } = this.#trace;
    const exchange = forced ? { [forced.kind]: exchangeFirst(placed, layer, forced) } : {};
    return resumeBlock(model, layer, states, placed, x, exchange, patches);
  }
}

// ---

function exchangeFirst({ tails, width, asked }: PlacedTails, layer: number, { kind, states, row }: Forced): Exchange {
  const rows = asked.map((index, i) => {
    const tail = tails[Math.floor(index / width)];
    return index % width === 0 ? asked.length + row(tail) * states.width + tail.from : i;
  });
  return { given: states.outputs[layer][kind], rows };
}

/** Log probabilities [cells, draws, target tokens] → the score of each cell. */
function averageScores(logp: Float64Array, draws: number, tokens: number): TargetScore[] {
  return Array.from({ length: logp.length / (draws * tokens) }, (_, cell) => {
    const means = Array.from({ length: draws }, (__, draw) => {
      const start = (cell * draws + draw) * tokens;
      return mean(logp.subarray(start, start + tokens));
    });
    return { probability: mean(means.map(Math.exp)), logProbability: mean(means) };
  });
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
