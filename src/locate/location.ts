import { EditorError } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { scope } from '../device/scope.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type { LocateCase } from './case.ts';
import { checkNoise, drawNoise, NOISE_SIGMAS, subjectSigma } from './noise.ts';
import { baselineScores, startTrace, Tails, type TargetScore, type Trace } from './trace.ts';
import { groupWindows, type WindowGroup } from './windows.ts';

/** What is restored: the hidden state behind a layer, or the outputs of its MLP or attention in a window of layers. */
export type LocationKind = 'hidden' | SiteKind;

/** All of them, cheapest first. */
export const LOCATION_KINDS = ['hidden', 'mlp', 'attn'] as const satisfies readonly LocationKind[];

/** How a case is traced; the defaults are the published ones. */
export interface LocationSettings {
  readonly kinds?: readonly LocationKind[];
  /** Layers in a window of modules. */
  readonly window?: number;
  readonly draws?: number;
  readonly seed?: number;
  /** σ of the embeddings, noise being three of it; the subject's own when absent. */
  readonly sigma?: number;
  /** Stored noise [draws, subject tokens, d_model] in place of draws; already scaled. */
  readonly noise?: FloatTensor;
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
  const { kinds = LOCATION_KINDS, window = 10, draws = 10, seed = 1 } = settings;
  checkCount('window', window);
  checkCount('draws', draws);
  const { d_model, n_layers } = model.description;
  const [first, end] = item.subjectRange;
  const level = settings.noise ? null : NOISE_SIGMAS * (settings.sigma ?? (await subjectSigma(model, [item.subject])));
  const noise = settings.noise
    ? checkNoise(settings.noise, item, d_model)
    : drawNoise([draws, end - first, d_model], level ?? 0, seed);
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
    const before = Array.from({ length: first }, (_, token) => token);
    for (const kind of kinds) {
      if (first > 0)
        yieldBlock(
          makeBlock(
            kind,
            before,
            layersFrom(0, n_layers),
            before.map(() => baseline.low),
          ),
        );
      if (kind === 'hidden') await restoreStates(trace, yieldBlock);
      else for (const group of groupWindows(window, n_layers)) await restoreWindows(trace, kind, group, yieldBlock);
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

/** Tokens of all tails in a run at most: enough to keep the matrix products busy, and an abort is heard between two runs. */
const TOKENS_AT_ONCE = 512;

/** How much of the longest tail in a run the shortest must fill: the rest is padding. */
const LEAST_FILLED = 0.8;

type Yield = (block: CellBlock) => void;

/** Hidden states, from the top down: the higher the layer, the less is left to run. */
async function restoreStates(trace: Trace, yieldBlock: Yield): Promise<void> {
  for (let layer = trace.model.description.n_layers - 1; layer >= 0; layer--) {
    await inChunks(trace, async (tails, tokens) => {
      const scores = await tails.toTop(layer + 1, tails.enter(layer + 1, 'clean'));
      yieldBlock(makeBlock('hidden', tokens, [layer], scores));
    });
  }
}

/**
 * Windows that begin together share what lies below their ends: one chain of restored modules, from which each window
 * branches off where it ends. In the first layer only the restored tokens change.
 */
async function restoreWindows(
  trace: Trace,
  kind: SiteKind,
  { start, ends }: WindowGroup,
  yieldBlock: Yield,
): Promise<void> {
  const { states, model } = trace;
  const { n_layers } = model.description;
  const forced = { kind, states, row: () => 0 };
  await inChunks(trace, (tails, tokens) =>
    scope(async (s) => {
      let layer = Math.min(start + 1, n_layers - 1);
      let x = layer > start ? tails.enter(layer, s.add(await tails.first(start, forced))) : tails.enter(layer);
      for (const { end, layers } of ends) {
        for (; layer < Math.min(end, n_layers - 1); layer++) x = await tails.pass(s, layer, x, forced);
        const scores = await tails.toTop(layer, x, end === n_layers ? forced : undefined);
        yieldBlock(makeBlock(kind, tokens, layers, scores));
      }
    }),
  );
}

/** Does work for all tokens from the subject on, some of similar place at once. */
async function inChunks(trace: Trace, work: (tails: Tails, tokens: readonly number[]) => Promise<void>): Promise<void> {
  const { item, states, draws, watch } = trace;
  const end = item.ids.length;
  for (let token = item.subjectRange[0]; token < end;) {
    throwIfAborted(watch, 'locate');
    const longest = states.width - token;
    const alike = Math.floor((1 - LEAST_FILLED) * longest) + 1;
    const count = Math.max(1, Math.min(alike, Math.floor(TOKENS_AT_ONCE / (draws * longest))));
    const tokens = layersFrom(token, Math.min(end, token + count));
    await scope((s) => work(s.add(new Tails(trace, tokens)), tokens));
    token += count;
  }
}

/** One score a token, the same for all these layers. */
function makeBlock(
  kind: LocationKind,
  tokens: readonly number[],
  layers: readonly number[],
  scores: readonly TargetScore[],
): CellBlock {
  const fill = (of: keyof TargetScore) => Float64Array.from(scores.flatMap((score) => layers.map(() => score[of])));
  return { kind, tokens, layers, probability: fill('probability'), logProbability: fill('logProbability') };
}

function emptyScores(size: number): KindScores {
  return { probability: new Float64Array(size).fill(NaN), logProbability: new Float64Array(size).fill(NaN) };
}

function layersFrom(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new EditorError('invalid-input', 'locate', `${name} is ${value}`, 'give a whole number from 1 up', {
    [name]: value,
  });
}
