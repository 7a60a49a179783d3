import { EditorError } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type { LocateCase } from './case.ts';
import { noiseOf, type NoiseSettings } from './noise.ts';
import { stateStrands, windowStrands, type Climb } from './strands.ts';
import {
  baselineScores,
  climb,
  forceOnce,
  restoreAtTop,
  startTrace,
  type ClimbOptions,
  type TargetScore,
  type Trace,
} from './trace.ts';
import { groupWindows } from './windows.ts';

/** What is restored: the hidden state behind a layer, or the outputs of its MLP or attention in a window of layers. */
export type LocationKind = 'hidden' | SiteKind;

/** All of them, cheapest first. */
export const LOCATION_KINDS = ['hidden', 'mlp', 'attn'] as const satisfies readonly LocationKind[];

/** How a case is traced; the defaults are the published ones. */
export interface LocationSettings extends NoiseSettings {
  readonly kinds?: readonly LocationKind[];
  /** Layers in a window of modules. */
  readonly window?: number;
}

/** What the cells are compared with. Total effect: high − low; a cell's indirect effect: its score − low. */
export interface LocationBaseline {
  /** Of the clean prompt. */
  readonly high: TargetScore;
  /** Of the corrupted prompt, nothing restored. */
  readonly low: TargetScore;
  readonly draws: number;
  /** Standard deviation of the noise; null when it was stored. */
  readonly noiseLevel: number | null;
}

/** Scores of some tokens × some layers, [tokens, layers] row by row. */
export interface CellBlock {
  readonly kind: LocationKind;
  readonly tokens: readonly number[];
  readonly layers: readonly number[];
  readonly probability: Float64Array;
  readonly logProbability: Float64Array;
}

/** Scores of all cells of a kind, [prompt tokens, layers]; NaN where none has been computed yet. */
export interface KindScores {
  readonly probability: Float64Array;
  readonly logProbability: Float64Array;
}

/** A whole map. Plain data. */
export interface LocationMap extends LocationBaseline {
  readonly tokens: number;
  readonly layers: number;
  readonly kinds: Readonly<Partial<Record<LocationKind, KindScores>>>;
}

/** Sees results as they come; what it has seen stays valid when the rest is aborted. */
export interface LocationObserver {
  readonly baseline?: (baseline: LocationBaseline) => void;
  readonly cells?: (block: CellBlock) => void;
}

/**
 * Causal tracing for free text: the prompt with noise on its subject, one cell at a time restored from the clean run, and
 * how likely the target is then: exp of the mean log probability of its tokens under teacher forcing, averaged over the
 * draws. For a target of one token this is the original measure.   [methods.md 8.1, 8.3; ROME]
 *
 * Cells before the subject change nothing: they are low, and nothing is run for them.
 *
 * @throws EditorError `invalid-input` for noise that doesn't fit or settings that can't be; `not-finite`; `aborted`
 */
export async function locate(
  model: Model,
  item: LocateCase,
  settings: LocationSettings = {},
  observer: LocationObserver = {},
  watch?: Watch,
  patches?: PlacedPatches,
): Promise<LocationMap> {
  const { kinds = LOCATION_KINDS, window = 10 } = settings;
  checkWindow(window);
  const { n_layers } = model.description;
  const [first] = item.subjectRange;
  const { noise, level } = await noiseOf(model, item, settings);
  return scope(async (s) => {
    const trace = s.add(await startTrace(model, item, noise, patches, watch));
    const baseline = { ...(await baselineScores(trace)), draws: trace.draws, noiseLevel: level };
    observer.baseline?.(baseline);
    const size = item.ids.length * n_layers;
    const map: LocationMap = {
      ...baseline,
      tokens: item.ids.length,
      layers: n_layers,
      kinds: Object.fromEntries(kinds.map((kind) => [kind, emptyScores(size)])),
    };
    let done = 0;
    const yieldBlock = (block: CellBlock) => {
      putBlock(map, block);
      done += block.probability.length;
      observer.cells?.(block);
      watch?.progress?.({ stage: 'locate', done, total: size * kinds.length, unit: 'cells' });
    };
    const before = range(0, first);
    for (const kind of kinds) {
      if (first > 0) {
        const low = before.map(() => range(0, n_layers).map(() => baseline.low));
        yieldBlock(makeBlock(kind, before, range(0, n_layers), low));
      }
      if (kind === 'hidden') await restoreStates(trace, yieldBlock);
      else await restoreWindows(trace, kind, window, yieldBlock);
    }
    return map;
  });
}

/** Writes a block of scores into a map. */
export function putBlock(map: LocationMap, { kind, tokens, layers, probability, logProbability }: CellBlock): void {
  const scores = map.kinds[kind];
  if (!scores) return;
  tokens.forEach((token, i) => {
    layers.forEach((layer, j) => {
      scores.probability[token * map.layers + layer] = probability[i * layers.length + j];
      scores.logProbability[token * map.layers + layer] = logProbability[i * layers.length + j];
    });
  });
}

// ---

/** Tokens of all strands in a run, about: enough to keep the matrix products busy, and an abort is heard between two runs. */
const TOKENS_AT_ONCE = 1024;

type Yield = (block: CellBlock) => void;

/** Hidden states, from the last token back: the nearer the end, the less is left to run, and the sooner something is seen. */
async function restoreStates(trace: Trace, yieldBlock: Yield): Promise<void> {
  const { n_layers } = trace.model.description;
  for (const token of tokensOf(trace)) {
    throwIfAborted(trace.watch, 'locate');
    const corrupted = trace.logp.subarray(trace.readings.length);
    yieldBlock(makeBlock('hidden', [token], [n_layers - 1], [[restoreAtTop(trace, token, corrupted)]]));
    for (const layers of chunksOf(trace, token, range(0, n_layers - 1))) {
      await climbAndYield(trace, 'hidden', token, stateStrands(layers, n_layers), {}, yieldBlock);
    }
  }
}

/** Modules in windows. In a window's first layer only the restored token changes, which is found for all tokens at once. */
async function restoreWindows(trace: Trace, kind: SiteKind, window: number, yieldBlock: Yield): Promise<void> {
  const { states, model } = trace;
  const { n_layers } = model.description;
  const groups = groupWindows(window, n_layers);
  const forced = { kind, states, row: () => 0 };
  await scope(async (s) => {
    const tokens = tokensOf(trace);
    const begun = new Map<number, DeviceTensor>();
    for (const { start } of groups) {
      throwIfAborted(trace.watch, 'locate');
      if (start < n_layers - 1) begun.set(start + 1, s.add(await forceOnce(trace, start, tokens, forced)));
    }
    for (const [i, token] of tokens.entries()) {
      const options: ClimbOptions = {
        forced,
        begun: (layer) => ({ states: begun.get(layer), row: (draw) => draw * tokens.length + i }),
      };
      for (const some of chunksOf(trace, token, groups)) {
        await climbAndYield(trace, kind, token, windowStrands(some, n_layers), options, yieldBlock);
      }
    }
  });
}

async function climbAndYield(
  trace: Trace,
  kind: LocationKind,
  token: number,
  strands: Climb,
  options: ClimbOptions,
  yieldBlock: Yield,
): Promise<void> {
  const found = await climb(trace, token, strands, options);
  const cells = strands.cells.flatMap((layers, i) => layers.map((layer) => ({ layer, score: found[i].score })));
  const layers = cells.map(({ layer }) => layer);
  yieldBlock(makeBlock(kind, [token], layers, [cells.map(({ score }) => score)]));
}

/** Tokens that a restoration can change anything at, the last one first. */
function tokensOf({ item }: Trace): number[] {
  return range(item.subjectRange[0], item.ids.length).reverse();
}

/** As many strands as may be run at once, one at least. */
function chunksOf<T>({ draws, states }: Trace, token: number, strands: readonly T[]): T[][] {
  const most = Math.max(1, Math.floor(TOKENS_AT_ONCE / (draws * (states.width - token))));
  const starts = range(0, Math.ceil(strands.length / most));
  return starts.map((i) => strands.slice(i * most, (i + 1) * most));
}

/** @param scores [tokens][layers] */
function makeBlock(
  kind: LocationKind,
  tokens: readonly number[],
  layers: readonly number[],
  scores: readonly (readonly TargetScore[])[],
): CellBlock {
  const fill = (of: keyof TargetScore) => Float64Array.from(scores.flat(), (score) => score[of]);
  return { kind, tokens, layers, probability: fill('probability'), logProbability: fill('logProbability') };
}

function emptyScores(size: number): KindScores {
  return { probability: new Float64Array(size).fill(NaN), logProbability: new Float64Array(size).fill(NaN) };
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

function checkWindow(window: number): void {
  if (Number.isInteger(window) && window >= 1) return;
  throw new EditorError('invalid-input', 'locate', `window is ${window}`, 'give a whole number from 1 up', { window });
}
