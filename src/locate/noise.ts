import { EditorError } from '../base/errors.ts';
import { makeRandom, normal } from '../base/random.ts';
import { f64, formatShape, i32, sizeOf, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { scope } from '../device/scope.ts';
import type { Model } from '../model/model.ts';
import type { LocateCase } from './case.ts';

/** Noise is this many standard deviations of the subjects' embeddings.   [methods.md 8.1] */
export const NOISE_SIGMAS = 3;

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

/** Stored noise, once it fits the case. Throws `invalid-input` where it doesn't. */
export function checkNoise(
  noise: FloatTensor,
  { subjectRange: [first, end] }: LocateCase,
  d_model: number,
): FloatTensor {
  const [draws, tokens, width] = noise.shape;
  if (noise.shape.length === 3 && draws > 0 && tokens === end - first && width === d_model) return noise;
  const found = `it is ${formatShape(noise.shape)}, the subject has ${end - first} tokens of width ${d_model}`;
  throw new EditorError('invalid-input', 'use the stored noise', found, 'give [draws, subject tokens, d_model]');
}
