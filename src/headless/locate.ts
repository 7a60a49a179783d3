import { join } from 'node:path';
import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { readCase, readLocateRequests, readRequest, type LocateCase, type LocateRequest } from '../locate/case.ts';
import { locate as trace, LOCATION_KINDS, type LocationMap } from '../locate/location.ts';
import { NOISE_DRAWS, NOISE_SEED, NOISE_SIGMAS, noiseOf, subjectSigma, type NoiseSettings } from '../locate/noise.ts';
import { measureRecall, PROJECTIONS, RECALL_PARTS, TOP_K, type Recall } from '../locate/recall.ts';
import { severedScores } from '../locate/severed.ts';
import { spreadOf } from '../locate/spread.ts';
import { tracingRanges, type TracingSettings } from '../locate/tracing-settings.ts';
import { SITE_KINDS, type SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { readSafetensors, toFloats } from '../store/safetensors.ts';
import { numberOf, textOf, wholeOf, type Arguments } from './arguments.ts';
import { makeFolder, readBytes, readJsonFile, writeWhole } from './disk.ts';
import { openModel, watchOf, type Output } from './output.ts';

/**
 * `locate --model DIR --prompts FILE.json --out DIR`: where each prompt's answer is held and what each layer recalls. Writes
 * `locate.json`; one line per prompt on stdout. σ is that of all subjects of the file together. `--severed` adds what the
 * hidden state at the subject's last token brings back with modules held as the noise has them, of the same noise. What
 * decides drawn noise is null where all of it was stored.
 */
export async function locate(args: Arguments, output: Output): Promise<void> {
  const requests = readLocateRequests(await readJsonFile(textOf(args, 'prompts')));
  const kinds = readKinds(args, 'kinds', LOCATION_KINDS, LOCATION_KINDS);
  const severed = readKinds(args, 'severed', SITE_KINDS, []);
  const { window, draws, seed, sigmas } = readTracing(args);
  await makeFolder(textOf(args, 'out'));
  const model = await openModel(args, output);
  checkRequests(model, requests);
  const { d_vocab } = model.description;
  const topK = wholeOf(args, 'top-k', Math.min(TOP_K, d_vocab), 1, d_vocab);
  const watch = watchOf(output);
  const noises = args.values['noise'] === undefined ? [] : await readNoises(textOf(args, 'noise'), requests.length);
  const subjects = requests.map(({ subject }) => subject.trim());
  const isDrawn = requests.some((_, i) => !noises[i]);
  const drawn = isDrawn ? { draws, seed, sigmas, sigma: await subjectSigma(model, subjects) } : null;
  const prompts: unknown[] = [];
  for (const [i, request] of requests.entries()) {
    output.progress({ stage: 'prompts', done: i, total: requests.length, unit: 'prompts' });
    const item = await readCase(model, request, undefined, watch);
    const noise = noises[i];
    const noisy: NoiseSettings = noise ? { noise } : { ...drawn };
    const map = await trace(model, item, { kinds, window, ...noisy }, {}, watch);
    const [recall] = await measureRecall(model, [item.ids], topK, undefined, watch);
    const held = severed.length > 0 ? { severed: await sever(model, item, severed, noisy, watch) } : {};
    prompts.push({ ...item, ...mapToJson(map), ...recallToJson(recall), ...held });
    output.line({ prompt: item.prompt, ...answerOf(item), low: map.low, high: map.high, spread: spreadsOf(map) });
  }
  const about = {
    schema: 1,
    app: 'palimpsest',
    model: describe(model),
    settings: { kinds, window, ...(drawn ?? NOT_DRAWN), topK, severed },
  };
  await writeWhole(join(textOf(args, 'out'), 'locate.json'), `${JSON.stringify({ ...about, prompts }, null, 1)}\n`);
  await model.dispose();
}

// ---

/** What is recorded where all noise was stored: nothing that was used. */
const NOT_DRAWN = { draws: null, seed: null, sigmas: null, sigma: null };

function readKinds<K extends string>(args: Arguments, option: string, all: readonly K[], usual: readonly K[]): K[] {
  if (args.values[option] === undefined) return [...usual];
  const names = textOf(args, option)
    .split(',')
    .map((name) => name.trim());
  const kinds = all.filter((kind) => names.includes(kind));
  const unknown = names.filter((name) => !kinds.some((kind) => kind === name));
  if (unknown.length === 0) return kinds;
  const found = `--${option} has ${JSON.stringify(unknown[0])}`;
  throw new EditorError('invalid-input', 'choose what to restore', found, `use some of ${all.join(',')}`);
}

/** Reads all of them before the first is traced: a fault in the last shall not cost the others, and is told by its number. */
function checkRequests(model: Model, requests: readonly LocateRequest[]): void {
  for (const [i, request] of requests.entries()) {
    try {
      readRequest(model, request);
    } catch (cause) {
      if (!(cause instanceof EditorError)) throw cause;
      const { code, what, found, advice, values } = cause;
      throw new EditorError(code, what, `prompt ${i + 1}: ${found}`, advice, { ...values, prompt: i + 1 }, { cause });
    }
  }
}

/** What doesn't depend on the model. */
function readTracing(args: Arguments): Omit<TracingSettings, 'topK'> {
  const { window, draws, seed, sigmas } = tracingRanges(Infinity);
  return {
    window: wholeOf(args, 'window', 10, window.low, window.high),
    draws: wholeOf(args, 'draws', NOISE_DRAWS, draws.low, draws.high),
    seed: wholeOf(args, 'seed', NOISE_SEED, seed.low, seed.high),
    sigmas: numberOf(args, 'sigmas', NOISE_SIGMAS, sigmas.low, sigmas.high),
  };
}

/** Scores by layer [kind], of the subject's last token restored while a kind of module is held. */
async function sever(
  model: Model,
  item: LocateCase,
  kinds: readonly SiteKind[],
  settings: NoiseSettings,
  watch: Watch,
): Promise<Partial<Record<SiteKind, object>>> {
  const token = item.subjectRange[1] - 1;
  const { noise } = await noiseOf(model, item, settings);
  const found: Partial<Record<SiteKind, object>> = {};
  for (const kind of kinds) {
    const scores = await severedScores(model, item, kind, token, noise, undefined, watch);
    found[kind] = {
      token,
      scores: scores.map(({ probability }) => probability),
      logScores: scores.map(({ logProbability }) => logProbability),
    };
  }
  return found;
}

/** `noise` of a single prompt, or `p0/noise`, `p1/noise`, …: [draws, subject tokens, d_model]; those absent are drawn. */
async function readNoises(path: string, count: number): Promise<(FloatTensor | undefined)[]> {
  const tensors = readSafetensors(await readBytes(path), path);
  const noises = Array.from({ length: count }, (_, i) => {
    const stored = tensors.get(`p${i}/noise`) ?? (count === 1 ? tensors.get('noise') : undefined);
    return stored && toFloats(stored, 'noise');
  });
  if (noises.some((noise) => noise)) return noises;
  const names = [...tensors.keys()].slice(0, 3).join(', ');
  const advice = 'name the tensors p0/noise, p1/noise, …';
  throw new EditorError('invalid-input', `read ${path}`, `it names ${names || 'nothing'}`, advice, { path });
}

function describe({ name, hash, description: { n_layers } }: Model) {
  return { name, hash, n_layers };
}

function answerOf({ target, targetFrom }: LocateCase) {
  return { target, targetFrom };
}

/** Scores [kind][token][layer], as probabilities and as their logarithms. */
function mapToJson(map: LocationMap) {
  const { low, high, draws, noiseLevel, kinds } = map;
  const table = (of: 'probability' | 'logProbability') =>
    Object.fromEntries(Object.entries(kinds).map(([kind, scores]) => [kind, linesOf(scores[of], map.layers)]));
  return {
    ...{ low: low.probability, high: high.probability, logLow: low.logProbability, logHigh: high.logProbability },
    ...{ draws, noiseLevel, spread: spreadsOf(map) },
    ...{ scores: table('probability'), logScores: table('logProbability') },
  };
}

function spreadsOf({ kinds, low }: LocationMap) {
  const entries = Object.entries(kinds).map(([kind, { probability }]) => [
    kind,
    spreadOf(probability, low.probability),
  ]);
  return Object.fromEntries(entries) as Record<string, ReturnType<typeof spreadOf>>;
}

/** Cosines and norms [part][layer], overlaps [projection][part][layer]. */
function recallToJson(recall: Recall) {
  const byPart = (of: (part: Recall[keyof Recall]) => Float64Array) =>
    Object.fromEntries(RECALL_PARTS.map((part) => [part, [...of(recall[part])]]));
  return {
    cosines: byPart(({ cosine }) => cosine),
    overlaps: Object.fromEntries(PROJECTIONS.map((each) => [each, byPart(({ overlap }) => overlap[each])])),
    norms: { in: byPart(({ normIn }) => normIn), out: byPart(({ normOut }) => normOut) },
  };
}

function linesOf(values: Float64Array, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
}
