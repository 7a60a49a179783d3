import { EditorError, invariant } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { formatShape, makeTensor, type StoredDType, type Tensor, widenToFloat32 } from '../base/tensor.ts';
import { fingerprint, hashText } from '../store/hash.ts';
import { isRecord } from '../store/json.ts';
import { openSafetensors, readEntry, type Safetensors } from '../store/safetensors.ts';
import {
  isBlockParameter,
  type ModelDescription,
  parameterKey,
  type ParameterName,
  parameterSpec,
  type ParameterSpec,
} from './description.ts';
import { type Site, SITES } from './hooks.ts';
import { ifThere, type ModelSource } from './source.ts';

/** A parameter with the tensor that holds it. */
export interface CheckpointTensor {
  readonly parameter: ParameterName;
  /** Undefined outside the blocks. */
  readonly layer: number | undefined;
  /** The tensor's name in the file. */
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

/** A model's weights, checked by name and shape, read one tensor at a time. */
export interface Checkpoint {
  /** As described, with `tied` as the files have it: without a head of its own, the embedding is the head. */
  readonly description: ModelDescription;
  /** Fingerprint of config, tokenizer and weights: what everything computed from the model depends on. */
  readonly hash: string;
  /** Every tensor that the model uses, in the order of its table of parameters. */
  readonly tensors: readonly CheckpointTensor[];
  /**
   * One parameter as float32, in the shape and orientation that the description declares. 16-bit floats widen exactly.
   * Nothing is kept: read again, it comes from the store again.
   *
   * @throws EditorError `not-finite` naming the tensor and the place of the first NaN or infinity; errors of the source
   */
  read(parameter: ParameterName, layer?: number): Promise<Tensor<'float32'>>;
  /** See `weightName`. */
  weightName(site: Site): string;
}

/**
 * Opens `model.safetensors`, or the files that `model.safetensors.index.json` lists, and checks them against the
 * description.
 *
 * @throws EditorError `invalid-checkpoint` with every missing, unexpected and misshapen tensor at once;
 *   `unsupported-model` when some aren't floats; `missing-file`; errors of the source
 */
export async function openCheckpoint(
  source: ModelSource,
  description: ModelDescription,
  watch?: Watch,
): Promise<Checkpoint> {
  const files = await openFiles(source, watch);
  const where = new Map(files.flatMap((opened) => [...opened.entries.keys()].map((name) => [name, opened])));
  const resolved = resolveHead(description, where);
  const tensors = matchTensors(source.name, resolved, where);
  const byKey = new Map(tensors.map((tensor) => [parameterKey(tensor.parameter, tensor.layer), tensor]));
  return {
    description: resolved,
    hash: await hashModel(source, files, watch),
    tensors,
    async read(parameter, layer) {
      const tensor = byKey.get(parameterKey(parameter, layer));
      const file = tensor && where.get(tensor.name);
      invariant(tensor && file, `read ${parameter}`, `${source.name} has no such parameter at layer ${layer}`);
      const { bytes, dtype, shape } = await readEntry(file, tensor.name);
      const data = widenToFloat32(bytes, dtype, tensor.name);
      requireFinite(data, tensor.name);
      return makeTensor('float32', data, shape);
    },
    weightName: (site) => weightName(resolved, site),
  };
}

/** What Hugging Face calls the weight of a site: `transformer.h.3.mlp.c_proj.weight`. Exports use it. */
export function weightName(description: ModelDescription, site: Site): string {
  return withLayer(parameterSpec(description, SITES[site.kind].weight).names[0], site.layer);
}

// ---

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const FLOATS: readonly StoredDType[] = ['float32', 'float16', 'bfloat16', 'float64'];

/** How many faults of a kind are spelt out; the rest are counted. */
const SPELT = 6;

async function openFiles(source: ModelSource, watch: Watch | undefined): Promise<Safetensors[]> {
  const single = await ifThere(source.open(SINGLE, watch));
  if (single) return [await openSafetensors(single)];
  const index = await ifThere(source.readJson(INDEX, watch));
  if (index === undefined) {
    throw new EditorError(
      'missing-file',
      `open ${source.name}`,
      `it has neither ${SINGLE} nor ${INDEX}`,
      'give all files of the model; other formats can be converted to safetensors',
    );
  }
  const map = isRecord(index) ? index['weight_map'] : undefined;
  if (!isRecord(map) || !Object.values(map).every(isFileName)) {
    throw invalid(INDEX, 'its weight_map does not give a file for every tensor');
  }
  const files: Safetensors[] = [];
  const seen = new Map<string, string>();
  for (const file of [...new Set(Object.values(map) as string[])].sort()) {
    const opened = await openSafetensors(await source.open(file, watch));
    for (const name of opened.entries.keys()) {
      const twice = seen.get(name);
      if (twice !== undefined) throw invalid(file, `${name} is also in ${twice}`);
      seen.set(name, file);
    }
    files.push(opened);
  }
  const astray = Object.entries(map).filter(([name, file]) => seen.get(name) !== file);
  if (astray.length > 0) {
    throw invalid(
      INDEX,
      `it puts tensors where they are not: ${spell(astray.map(([name, file]) => `${name} in ${String(file)}`))}`,
    );
  }
  return files;
}

/** A file beside the index, not somewhere else. */
function isFileName(value: unknown): boolean {
  return typeof value === 'string' && /^[\w-][\w.-]*\.safetensors$/.test(value);
}

function resolveHead(description: ModelDescription, where: ReadonlyMap<string, Safetensors>): ModelDescription {
  const { 'unembed.W_U': head, ...parameters } = description.parameters;
  if (head === undefined || head.names.some((name) => where.has(name))) return description;
  return { ...description, tied: true, parameters };
}

function matchTensors(
  model: string,
  description: ModelDescription,
  where: ReadonlyMap<string, Safetensors>,
): CheckpointTensor[] {
  const tensors: CheckpointTensor[] = [];
  const missing: string[] = [];
  const misshapen: string[] = [];
  const foreign: string[] = [];
  for (const [parameter, spec] of Object.entries(description.parameters) as [ParameterName, ParameterSpec][]) {
    const layers = isBlockParameter(parameter)
      ? Array.from({ length: description.n_layers }, (_, i) => i)
      : [undefined];
    for (const layer of layers) {
      const names = spec.names.map((name) => withLayer(name, layer));
      const name = names.find((each) => where.has(each));
      const entry = name === undefined ? undefined : where.get(name)?.entries.get(name);
      if (entry === undefined) {
        missing.push(names[0]);
        continue;
      }
      tensors.push({ parameter, layer, name: entry.name, dtype: entry.dtype, shape: entry.shape });
      if (formatShape(entry.shape) !== formatShape(spec.shape)) {
        misshapen.push(`${entry.name} is ${formatShape(entry.shape)}, not ${formatShape(spec.shape)}`);
      }
      if (!FLOATS.includes(entry.dtype)) foreign.push(`${entry.name} is ${entry.dtype}`);
    }
  }
  const used = new Set(tensors.map(({ name }) => name));
  const ignored = description.ignored.map(
    (pattern) => new RegExp(`^${pattern.split('{i}').map(escape).join('\\d+')}$`),
  );
  const unexpected = [...where.keys()].filter((name) => !used.has(name) && !ignored.some((known) => known.test(name)));
  const groups = { missing, unexpected, 'of another shape': misshapen, 'no floats': foreign };
  const faults = Object.entries(groups).filter(([, names]) => names.length > 0);
  if (faults.length === 0) return tensors;
  throw new EditorError(
    faults.some(([, names]) => names !== foreign) ? 'invalid-checkpoint' : 'unsupported-model',
    `load ${model}`,
    faults
      .map(([kind, names]) => `${names.length} ${names.length === 1 ? 'tensor' : 'tensors'} ${kind}: ${spell(names)}`)
      .join('; '),
    'use the config.json and the float weights of one and the same model',
    { missing: missing.length, unexpected: unexpected.length, misshapen: misshapen.length, foreign: foreign.length },
  );
}

function withLayer(name: string, layer: number | undefined): string {
  return layer === undefined ? name : name.replace('{i}', String(layer));
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function spell(names: readonly string[]): string {
  const more = names.length - SPELT;
  return names.slice(0, SPELT).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

async function hashModel(source: ModelSource, weights: readonly Safetensors[], watch?: Watch): Promise<string> {
  const lines: string[] = [];
  for (const file of ['config.json', 'tokenizer.json']) {
    const opened = await ifThere(source.open(file, watch));
    if (opened) lines.push(`${file} ${await fingerprint(opened, watch)}`);
  }
  for (const { file } of weights) lines.push(`${file.name} ${await fingerprint(file, watch)}`);
  return hashText(lines.join('\n'));
}

function requireFinite(data: Float32Array, name: string): void {
  // x − x is 0 for numbers and NaN for the rest; a plain loop, because a hundred million values pass here.
  let at = 0;
  while (at < data.length && data[at] - data[at] === 0) at++;
  if (at === data.length) return;
  throw new EditorError(
    'not-finite',
    `load ${name}`,
    `value ${at} of ${data.length} is ${data[at]}`,
    'get the file again from where the model comes from',
    { tensor: name, index: at },
  );
}

function invalid(file: string, found: string): EditorError {
  const advice = 'get the file again from where the model comes from';
  return new EditorError('invalid-checkpoint', `read ${file}`, found, advice, { file });
}
