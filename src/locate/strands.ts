import type { Left } from '../model/resume.ts';
import type { WindowGroup } from './windows.ts';

/**
 * One restoration on its way up through a layer: a token's corrupted rows that differ from the corrupted run. What they
 * share below the place where they part is run once.
 */
export interface Strand {
  /** Which strand of the layer below it goes on from; null: from the corrupted run. */
  readonly below: number | null;
  /** What stands at the restored token as it enters: what comes from below, its clean state, or its state with a module restored in the layer below. */
  readonly first: 'below' | 'clean' | 'module';
  /** Whether a module's output is put in the place of its own at the restored token. */
  readonly forced: boolean;
}

/** The strands of each layer, and for those that arrive at the top the layers whose cells they are. */
export interface Climb {
  readonly layers: readonly (readonly Strand[])[];
  readonly cells: readonly (readonly number[])[];
}

/** The hidden state restored behind some layers, the last one excepted: nothing is left to run behind that. */
export function stateStrands(layers: readonly number[], n_layers: number): Climb {
  const origins = layers.map((layer) => {
    return { at: layer + 1, first: 'clean', ends: [{ end: layer + 1, layers: [layer] }] } as const;
  });
  return climbOf(origins, n_layers);
}

/** Modules restored in windows: a strand for windows that begin together, from which each branches off where it ends. */
export function windowStrands(groups: readonly WindowGroup[], n_layers: number): Climb {
  const origins = groups.map(({ start, ends }) => {
    const last = start === n_layers - 1;
    return { at: last ? start : start + 1, first: last ? 'below' : 'module', ends } as const;
  });
  return climbOf(origins, n_layers);
}

/** The corrupted run with outputs forced all the way up (the first strand), and from it a strand with the clean state behind each layer but the last. */
export function severedStrands(n_layers: number): Climb {
  const layers = Array.from({ length: n_layers }, (_, layer) => {
    return Array.from({ length: layer + 1 }, (__, i): Strand => {
      if (layer === 0) return { below: null, first: 'below', forced: true };
      return i === layer ? { below: 0, first: 'clean', forced: true } : { below: i, first: 'below', forced: true };
    });
  });
  return { layers, cells: Array.from({ length: n_layers }, (_, i) => (i === 0 ? [] : [i - 1])) };
}

/** The token that strands restore, and how large the rows are that they go on from: a clean one, then `draws` corrupted ones. */
export interface StrandSize {
  readonly token: number;
  readonly draws: number;
  readonly width: number;
}

/** What has left a layer: which tokens, and where among them those of each strand are [strands, draws, tokens that asked]. */
export interface Passed {
  readonly left: readonly Left[];
  readonly places: Int32Array;
}

/** The corrupted rows' own tokens, as often as it takes to fill so many rows. */
export function corruptedRows(rows: number, { draws, width }: { draws: number; width: number }): Int32Array {
  return Int32Array.from({ length: rows * width }, (_, i) => width + (i % (draws * width)));
}

/**
 * With what the tokens of strands enter a layer: a place in the kept states, behind them in what has left the layer below,
 * behind that in what strands begin with. Those that enter alike are run once.
 *
 * @param begun where a strand's token begins in each draw
 * @returns     `tokens` [rows, width], and where the rows of each strand begin
 */
export function enter(
  strands: readonly Strand[],
  { token, draws, width }: StrandSize,
  passed: Passed | undefined,
  begun: ((draw: number) => number) | undefined,
): { tokens: Int32Array; rowOf: number[] } {
  const kept = (draws + 1) * width;
  const keys = strands.map(({ below, first }) => `${below} ${first}`);
  const distinct = [...new Set(keys)];
  const tokens = corruptedRows(distinct.length * draws, { draws, width });
  for (let row = 0; row < distinct.length * draws; row++) {
    const { below, first } = strands[keys.indexOf(distinct[Math.floor(row / draws)])];
    const draw = row % draws;
    const from = ((below ?? 0) * draws + draw) * (width - token);
    for (let column = token; column < width && passed && below !== null; column++) {
      tokens[row * width + column] = kept + passed.places[from + column - token];
    }
    if (first === 'clean') tokens[row * width + token] = token;
    if (first === 'module') tokens[row * width + token] = kept + (passed?.left.length ?? 0) + (begun?.(draw) ?? 0);
  }
  return { tokens, rowOf: keys.map((key) => distinct.indexOf(key) * draws) };
}

/**
 * What leaves a layer: the tokens that ask, once for all strands that enter alike, but for the restored one where only some
 * of them are forced.
 *
 * @param outputs the row whose outputs serve a corrupted one
 */
export function leave(
  strands: readonly Strand[],
  { token, draws, width }: StrandSize,
  asking: readonly number[],
  rowOf: readonly number[],
  outputs: ((row: number) => number) | undefined,
): Passed {
  const left: Left[] = [];
  const found = new Map<string, number>();
  const places = new Int32Array(strands.length * draws * asking.length).map((_, i) => {
    const [row, column] = [Math.floor(i / asking.length), i % asking.length];
    const [strand, draw] = [Math.floor(row / draws), row % draws];
    const isForced = strands[strand].forced && asking[column] === token;
    const asked = (rowOf[strand] + draw) * asking.length + column;
    const place = found.get(`${asked} ${isForced}`) ?? found.size;
    found.set(`${asked} ${isForced}`, place);
    left[place] = { asked, exchange: isForced && outputs ? outputs(draw + 1) * width + token : null };
    return place;
  });
  return { left, places };
}

// ---

/** Where a strand leaves the corrupted run, and up to before which layers its branches are forced. */
interface Origin extends Pick<Strand, 'first'> {
  readonly at: number;
  readonly ends: WindowGroup['ends'];
}

/** A strand that goes on being forced has no end yet. */
interface Line {
  readonly origin: Origin;
  readonly end: number | null;
}

function climbOf(origins: readonly Origin[], n_layers: number): Climb {
  const layers: Strand[][] = [];
  let lines: Line[] = [];
  for (let layer = 0; layer < n_layers; layer++) {
    const next: Line[] = [];
    const strands: Strand[] = [];
    const add = ({ origin, end }: Line, below: number | null) => {
      const first = below === null ? origin.first : 'below';
      const branches = end === null ? origin.ends.filter((each) => each.end === layer).map((each) => each.end) : [end];
      const goesOn = end === null && origin.ends.some((each) => each.end > layer) ? [null] : [];
      for (const branch of [...branches, ...goesOn]) {
        next.push({ origin, end: branch });
        strands.push({ below, first, forced: branch === null });
      }
    };
    lines.forEach(add);
    for (const origin of origins) if (origin.at === layer) add({ origin, end: null }, null);
    layers.push(strands);
    lines = next;
  }
  const cells = lines.map(({ origin, end }) => {
    return origin.ends.find((each) => each.end === (end ?? n_layers))?.layers ?? [];
  });
  return { layers, cells };
}
