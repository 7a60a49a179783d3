import { EditorError } from '../base/errors.ts';
import { makeRandom, normal } from '../base/random.ts';
import { f64, formatShape, i32, sizeOf, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { scope } from '../device/scope.ts';
import type { Model } from '../model/model.ts';
import type { LocateCase } from './case.ts';

/** Noise is this many standard deviations of the subjects' embeddings, where nobody says otherwise.   [methods.md 8.1] */
export const NOISE_SIGMAS = 3;

/** Draws of it, where nobody says otherwise.   [methods.md 8.1] */
export const NOISE_DRAWS = 10;

/** The seed that they come from, where nobody says otherwise. */
export const NOISE_SEED = 1;

/** What decides the noise; the defaults are the published ones. */
export interface NoiseSettings {
  readonly draws?: number;
  readonly seed?: number;
  /** σ of the embeddings; of the subject's own when absent. */
  readonly sigma?: number;
  /** Standard deviation of the noise, in σ. */
  readonly sigmas?: number;
  /** Stored noise [draws, subject tokens, d_model] in place of draws; already scaled. */
  readonly noise?: FloatTensor;
}

/**
 * σ: the sample standard deviation over all entries of the token embeddings of these subjects, each read alone.
 * [methods.md 8.1]
 */
export async function subjectSigma(model: Model, subjects: readonly string[]): Promise<number> {
  const ids = subjects.flatMap((subject) => model.tokenizer.encode(subject, { specialTokens: false }).ids);
  return scope(async (s) => {
    const feeds = { ids: i32(ids, [ids.length]), positions: i32(new Int32Array(ids.length), [ids.length]) };
    const { token_embed } = await model.ends.run('embed', feeds, ['token_embed']);
    const { data } = (await s.add(token_embed).read()) as FloatTensor;
    const values = Float64Array.from(data);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  });
}

/**
 * The draws that every pass of a trace shares: level · N(0, 1), by the seed alone, the same on every device.
 *
 * @returns [draws, tokens, d_model]
 */
export function drawNoise(
  shape: readonly [draws: number, tokens: number, d_model: number],
  level: number,
  seed: number,
): Tensor<'float64'> {
  const random = makeRandom(seed);
  return f64(
    Float64Array.from({ length: sizeOf(shape) }, () => level * normal(random)),
    shape,
  );
}

/**
 * The noise of a case: equal settings give the same.
 *
 * @returns [draws, subject tokens, d_model], and its standard deviation, null when it was stored
 * @throws EditorError `invalid-input` for noise that doesn't fit or settings that can't be
 */
export async function noiseOf(
  model: Model,
  item: LocateCase,
  settings: NoiseSettings,
): Promise<{ readonly noise: FloatTensor; readonly level: number | null }> {
  const { draws = NOISE_DRAWS, seed = NOISE_SEED, sigmas = NOISE_SIGMAS } = settings;
  const { d_model } = model.description;
  if (settings.noise) return { noise: checkNoise(settings.noise, item, d_model), level: null };
  if (!(Number.isInteger(draws) && draws >= 1)) throw unfit('draws', draws, 'a whole number from 1 up');
  if (!(sigmas > 0 && sigmas < Infinity)) throw unfit('sigmas', sigmas, 'a number above 0');
  const level = sigmas * (settings.sigma ?? (await subjectSigma(model, [item.subject])));
  const [first, end] = item.subjectRange;
  return { noise: drawNoise([draws, end - first, d_model], level, seed), level };
}

// ---

/** Stored noise, once it fits the case. */
function checkNoise(noise: FloatTensor, { subjectRange: [first, end] }: LocateCase, d_model: number): FloatTensor {
  const [draws, tokens, width] = noise.shape;
  if (noise.shape.length === 3 && draws > 0 && tokens === end - first && width === d_model) return noise;
  const found = `it is ${formatShape(noise.shape)}, the subject has ${end - first} tokens of width ${d_model}`;
  throw new EditorError('invalid-input', 'use the stored noise', found, 'give [draws, subject tokens, d_model]');
}

function unfit(name: string, value: number, due: string): EditorError {
  return new EditorError('invalid-input', 'draw noise', `${name} is ${value}`, `give ${due}`, { [name]: value });
}
