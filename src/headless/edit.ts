import { join } from 'node:path';
import { EditorError } from '../base/errors.ts';
import { f64, type Tensor } from '../base/tensor.ts';
import { makeCovariances, type Covariances } from '../edit/covariance.ts';
import type { Corpus } from '../edit/moments.ts';
import { computeEdit } from '../edit/edit.ts';
import { dosedPatches, type StackedEdit } from '../edit/record.ts';
import { PRESETS, type MethodName } from '../edit/hparams.ts';
import { readHparams } from '../edit/read-hparams.ts';
import { targetText, validateRequests, type ValidRequest } from '../edit/request.ts';
import { promptIds } from '../edit/rows.ts';
import { readTemplates } from '../edit/templates.ts';
import { allSites, formatSite, keyHook } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches } from '../model/patch.ts';
import { scoreContinuations } from '../model/score.ts';
import { isRecord } from '../store/json.ts';
import { readSafetensors, toFloats, writeSafetensors } from '../store/safetensors.ts';
import { textOf, type Arguments } from './arguments.ts';
import { makeFolder, readBytes, readJsonFile, readLines, readText, writeWhole } from './disk.ts';
import { openModel, watchOf, type Output } from './output.ts';
import { stackPatches, toJson } from './recipe.ts';

/**
 * `edit --model DIR --requests FILE.json --method dem|dem+ --out DIR`: one batch edit, or with `--sequential` one edit per
 * request on top of the others. Writes `edit.json` and `patches.safetensors`; one line per request on stdout.
 */
export async function edit(args: Arguments, output: Output): Promise<void> {
  const method = readMethod(textOf(args, 'method'));
  const requests = validateRequests(await readJsonFile(textOf(args, 'requests')));
  const changes = args.values['hparams'] === undefined ? {} : await readJsonFile(textOf(args, 'hparams'));
  if (!isRecord(changes)) throw noSettings(textOf(args, 'hparams'));
  const templates =
    args.values['templates'] === undefined ? undefined : readTemplates(await readJsonFile(textOf(args, 'templates')));
  await makeFolder(textOf(args, 'out'));
  const model = await openModel(args, output);
  const { hparams, preset, unused } = readHparams(method, changes, model.description.n_layers);
  if (unused.length > 0) output.note(`not used here: ${unused.join(', ')}`);
  const covariances = await covariancesOf(args, model);
  const heldOut = await readLines(join(textOf(args, 'model'), 'heldout.txt'));
  const groups = args.values['sequential'] === true ? requests.map((request) => [request]) : [requests];
  const watch = watchOf(output);
  const stack: StackedEdit[] = [];
  const before = await scoresOf(model, requests, []);
  for (const [i, group] of groups.entries()) {
    if (groups.length > 1) output.progress({ stage: 'edit', done: i, total: groups.length, unit: 'edits' });
    const input = { requests: group, method, preset, hparams, covariances, stack, heldOut };
    const made = await computeEdit(model, { ...input, ...(templates ? { templates } : {}) }, watch);
    stack.push({ edit: made, alpha: 1 });
  }
  const after = await scoresOf(model, requests, stack);
  const summary = requests.map((request, i) => ({
    ...published(request),
    took: after[i].rank.every((rank) => rank === 0),
    before: before[i],
    after: after[i],
    losses: stack.flatMap(({ edit: made }) => made.losses)[i],
  }));
  await save(textOf(args, 'out'), model, stack, summary);
  for (const { losses: _losses, ...line } of summary) output.line(line);
  await model.dispose();
}

// ---

function readMethod(name: string): MethodName {
  if (Object.hasOwn(PRESETS, name)) return name as MethodName;
  const known = Object.keys(PRESETS).join(', ');
  throw new EditorError('invalid-input', 'choose a method', `--method is ${name}`, `use one of ${known}`, {
    method: name,
  });
}

function noSettings(path: string): EditorError {
  const advice = 'give a JSON object of settings by name';
  return new EditorError('invalid-hyperparameter', `read ${path}`, 'it holds no JSON object', advice, { path });
}

/** C₀ from `--covariance`, `--corpus`, or the text that lies beside the model. */
async function covariancesOf(args: Arguments, model: Model): Promise<Covariances> {
  const given =
    args.values['covariance'] === undefined ? undefined : await readCovariances(textOf(args, 'covariance'), model);
  return makeCovariances(model, await corpusOf(args), null, given);
}

async function corpusOf(args: Arguments): Promise<Corpus | null> {
  const named = args.values['corpus'] === undefined ? null : textOf(args, 'corpus');
  const path = named ?? join(textOf(args, 'model'), 'corpus.txt');
  const documents = named
    ? (await readText(path)).split('\n').filter((line) => line.trim() !== '')
    : await readLines(path);
  return documents.length > 0 ? { documents, name: path } : null;
}

/** E[k kᵀ] by the key's hook (`blocks.3.mlp.hook_post`). */
async function readCovariances(path: string, model: Model): Promise<Map<string, Tensor<'float64'>>> {
  const tensors = readSafetensors(await readBytes(path), path);
  const sites = allSites(model.description.n_layers);
  const found = sites.flatMap((site) => {
    const stored = tensors.get(keyHook(site));
    if (!stored) return [];
    const { data, shape } = toFloats(stored, keyHook(site));
    return [[formatSite(site), f64(Float64Array.from(data), shape)] as const];
  });
  if (found.length > 0) return new Map(found);
  const names = [...tensors.keys()].slice(0, 3).join(', ');
  throw new EditorError(
    'invalid-input',
    `read ${path}`,
    `it names ${names || 'nothing'}`,
    `name each tensor by its key's hook: ${keyHook(sites[1])}`,
  );
}

interface RequestScore {
  /** Geometric mean of the target tokens' probabilities. */
  readonly probability: number;
  readonly logp: readonly number[];
  /** Rank of each target token, 0 the likeliest. */
  readonly rank: readonly number[];
}

/** Each request's target on the clean query, with all edits on. */
async function scoresOf(
  model: Model,
  requests: readonly ValidRequest[],
  stack: readonly StackedEdit[],
): Promise<RequestScore[]> {
  const placed = placePatches(model.device, model.description, dosedPatches(stack));
  const items = requests.map(({ query, target }) => ({
    prompt: promptIds(model, query),
    target: model.tokenizer.encode(targetText(target), { specialTokens: false }).ids,
  }));
  try {
    const scores = await scoreContinuations(model, items, placed);
    return scores.map(({ logp, rank }) => {
      return { probability: Math.exp(logp.reduce((sum, value) => sum + value, 0) / logp.length), logp, rank };
    });
  } finally {
    disposePatches(placed);
  }
}

function published({ prompt, subject, target }: ValidRequest) {
  return { prompt, ...(subject === undefined ? {} : { subject }), target };
}

async function save(
  folder: string,
  model: Model,
  stack: readonly StackedEdit[],
  requests: readonly unknown[],
): Promise<void> {
  const edits = stack.map(({ edit }) => edit);
  const recipe = { schema: 1, app: 'palimpsest', requests, edits: edits.map(toJson) };
  await writeWhole(join(folder, 'edit.json'), `${JSON.stringify(recipe, null, 1)}\n`);
  await writeWhole(join(folder, 'patches.safetensors'), writeSafetensors(stackPatches(model, edits)));
}
