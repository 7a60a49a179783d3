import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { cacheKey } from '../store/cache-key.ts';
import { readCase, type LocateRequest } from './case.ts';
import { LENS_HOOKS, measureLens, type LensPlace } from './lens.ts';
import { locate, LOCATION_KINDS, type LocationMap, type LocationSettings } from './location.ts';
import { subjectSigma } from './noise.ts';
import { measureRecall, PROJECTIONS, RECALL_PARTS, TOP_K, type Recall } from './recall.ts';
import { bootstrapMean, spreadOf, type Interval } from './spread.ts';

/** What a set may be measured for, quickest first. */
export const SET_MEASURES = ['recall', 'lens', 'location'] as const;

/** One of them. */
export type SetMeasure = (typeof SET_MEASURES)[number];

/** How a set is measured; its noise is always as strong as published. */
export interface SetSettings extends Omit<LocationSettings, 'noise' | 'sigmas'> {
  readonly measures?: readonly SetMeasure[];
  /** Size of the sets of ids that recall compares. */
  readonly topK?: number;
}

/**
 * What one prompt gives: lines with a value for each layer, and single figures, by name. Plain data.
 *
 * - `effect.hidden` …: mean indirect effect of the layer's cells from the subject on; `spread.hidden.entropy`, `.top3`
 * - `cosine.mlp` …, `overlap.lens.mlp` …, `normOut.mlp` …: see `Recall`
 * - `lens.residual` …: probability of the target's first token at the prompt's last
 */
export interface PromptFigures {
  readonly lines: Readonly<Record<string, Float64Array>>;
  readonly figures: Readonly<Record<string, number>>;
}

/** Means over a set's prompts, and half the width of their 95 % band: 1.96 s / √n, NaN for a single prompt. */
export interface LineSummary {
  readonly mean: Float64Array;
  readonly band: Float64Array;
  readonly n: number;
}

/** A set in figures. Plain data. */
export interface SetSummary {
  readonly n: number;
  readonly lines: Readonly<Record<string, LineSummary>>;
  readonly figures: Readonly<Record<string, Interval>>;
}

/** Figures that were computed before, and who hears of new ones: a journal keeps both. By `promptKey`. */
export interface SetJournal {
  readonly known?: (key: string) => Promise<PromptFigures | undefined> | PromptFigures | undefined;
  readonly keep?: (key: string, figures: PromptFigures, index: number) => unknown;
}

/**
 * Measures prompts one after the other. What the journal knows isn't computed again, and what is computed is kept at once,
 * so that nothing is lost when the rest is aborted. Noise is scaled by the subjects of the whole set.
 *
 * @param state what besides the model the figures depend on: the edits that are switched on
 * @returns     in the order given
 * @throws EditorError as `readCase` and `locate` do
 */
export async function measureSet(
  model: Model,
  requests: readonly LocateRequest[],
  settings: SetSettings = {},
  journal: SetJournal = {},
  watch?: Watch,
  patches?: PlacedPatches,
  state = '',
): Promise<PromptFigures[]> {
  if (requests.length === 0) return [];
  const subjects = requests.map(({ subject }) => subject.trim());
  const sigma = settings.sigma ?? (await subjectSigma(model, subjects));
  const found: PromptFigures[] = [];
  for (const [index, request] of requests.entries()) {
    throwIfAborted(watch, 'measure a set');
    watch?.progress?.({ stage: 'set', done: index, total: requests.length, unit: 'prompts' });
    const key = promptKey(model, request, { ...settings, sigma }, state);
    const known = await journal.known?.(key);
    const figures = known ?? (await measurePrompt(model, request, { ...settings, sigma }, watch, patches));
    if (!known) await journal.keep?.(key, figures, index);
    found.push(figures);
  }
  return found;
}

/** What a prompt's figures are kept under: everything that they depend on. */
export function promptKey(model: Model, request: LocateRequest, settings: SetSettings, state = ''): string {
  const { measures = SET_MEASURES, topK = TOP_K, kinds = LOCATION_KINDS, window, draws, seed, sigma } = settings;
  const { prompt, subject, target, targetIds } = request;
  const how = { measures, topK, kinds, window, draws, seed, sigma };
  return cacheKey({ model: model.hash, float: model.device.float, state, prompt, subject, target, targetIds, ...how });
}

/** Averages of some prompts, each line by layer; a line or figure that some prompts lack is averaged over the others. */
export function summarizeSet(prompts: readonly PromptFigures[]): SetSummary {
  const namesOf = (part: keyof PromptFigures) => new Set(prompts.flatMap((each) => Object.keys(each[part])));
  const lines = [...namesOf('lines')].map((name) => {
    return [name, summarizeLine(prompts.flatMap(({ lines: own }) => (own[name] ? [own[name]] : [])))] as const;
  });
  const figures = [...namesOf('figures')].map((name) => {
    return [name, bootstrapMean(prompts.flatMap(({ figures: own }) => own[name] ?? []))] as const;
  });
  return { n: prompts.length, lines: Object.fromEntries(lines), figures: Object.fromEntries(figures) };
}

// ---

async function measurePrompt(
  model: Model,
  request: LocateRequest,
  { measures = SET_MEASURES, topK = TOP_K, ...tracing }: SetSettings,
  watch?: Watch,
  patches?: PlacedPatches,
): Promise<PromptFigures> {
  const item = await readCase(model, request, patches, watch);
  const inner = watch?.signal ? { signal: watch.signal } : {};
  const parts: PromptFigures[] = [];
  if (measures.includes('recall')) {
    const [recall] = await measureRecall(model, [item.ids], topK, patches, inner);
    parts.push({ lines: recallLines(recall), figures: {} });
  }
  if (measures.includes('lens')) {
    const { places, tokens, layers } = await measureLens(model, item.ids, item.targetIds[0], 1, patches, inner);
    const last = (place: LensPlace) => places[place].probability.slice((tokens - 1) * layers);
    const names = Object.keys(LENS_HOOKS) as LensPlace[];
    parts.push({ lines: Object.fromEntries(names.map((place) => [`lens.${place}`, last(place)])), figures: {} });
  }
  if (measures.includes('location')) {
    parts.push(locationFigures(await locate(model, item, tracing, {}, inner, patches), item.subjectRange[0]));
  }
  return {
    lines: Object.assign({}, ...parts.map(({ lines }) => lines)) as PromptFigures['lines'],
    figures: Object.assign({}, ...parts.map(({ figures }) => figures)) as PromptFigures['figures'],
  };
}

function recallLines(recall: Recall): Record<string, Float64Array> {
  const lines: Record<string, Float64Array> = {};
  for (const part of RECALL_PARTS) {
    const { cosine, overlap, normOut } = recall[part];
    lines[`cosine.${part}`] = cosine;
    for (const projection of PROJECTIONS) lines[`overlap.${projection}.${part}`] = overlap[projection];
    lines[`normOut.${part}`] = normOut;
  }
  return lines;
}

function locationFigures({ kinds, low, high, tokens, layers }: LocationMap, first: number): PromptFigures {
  const lines: Record<string, Float64Array> = {};
  const figures: Record<string, number> = { low: low.probability, high: high.probability };
  for (const [kind, { probability }] of Object.entries(kinds)) {
    lines[`effect.${kind}`] = Float64Array.from({ length: layers }, (_, layer) => {
      let sum = 0;
      for (let token = first; token < tokens; token++) sum += probability[token * layers + layer] - low.probability;
      return sum / (tokens - first);
    });
    const spread = spreadOf(probability, low.probability);
    if (spread)
      Object.assign(figures, { [`spread.${kind}.entropy`]: spread.entropy, [`spread.${kind}.top3`]: spread.top3 });
  }
  return { lines, figures };
}

function summarizeLine(lines: readonly Float64Array[]): LineSummary {
  const n = lines.length;
  const mean = Float64Array.from(lines[0], (_, layer) => lines.reduce((sum, line) => sum + line[layer], 0) / n);
  const band = mean.map((middle, layer) => {
    const squares = lines.reduce((sum, line) => sum + (line[layer] - middle) ** 2, 0);
    return 1.96 * Math.sqrt(squares / (n - 1) / n);
  });
  return { mean, band, n };
}
