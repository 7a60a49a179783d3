import { makeRandom } from '../../src/base/random.ts';
import { f32, sizeOf, type Tensor } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { describeModel } from '../../src/model/architectures/index.ts';
import { parameterSpec, type ModelDescription, type ParameterName } from '../../src/model/description.ts';
import type { Site } from '../../src/model/hooks.ts';
import { assembleModel, type Model } from '../../src/model/model.ts';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { BYTE_ALPHABET } from '../../src/text/tokenizer-file.ts';

/** Configs of tiny models, as a Hugging Face config.json would have them. */
export const TINY_CONFIGS = {
  gpt2: {
    model_type: 'gpt2',
    n_embd: 16,
    n_head: 4,
    n_inner: 24,
    n_layer: 3,
    n_positions: 32,
    vocab_size: 29,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    tie_word_embeddings: true,
  },
  llama: {
    model_type: 'llama',
    hidden_size: 16,
    intermediate_size: 24,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    num_hidden_layers: 3,
    max_position_embeddings: 32,
    vocab_size: 29,
    hidden_act: 'silu',
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
  },
} as const;

/** GPT-2 small's shape: 124 million parameters. */
export const GPT2_SMALL = {
  model_type: 'gpt2',
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  vocab_size: 50257,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
} as const;

/** A model with random weights, drawn on the spot: right shapes, no sense. Norm weights are near 1, all else small. Without a tokenizer it reads ids only. */
export function randomModel(
  config: Readonly<Record<string, unknown>>,
  device: Device,
  seed = 1,
  tokenizer?: Tokenizer,
): Promise<Model> {
  const description = describeModel(config);
  return assembleModel(
    {
      name: `random ${description.modelType}`,
      description,
      tokenizer: tokenizer as Tokenizer,
      checkpoint: {
        hash: `random-${seed}`,
        read: reader(description, seed),
        weightName: ({ kind, layer }: Site) => `${kind}.${layer}`,
      } as never,
    },
    device,
  );
}

/** A tokenizer whose tokens are bytes, and whose ids are theirs. */
export function byteTokenizer(): Tokenizer {
  return loadTokenizer({
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries(BYTE_ALPHABET.map((token, byte) => [token, byte])), merges: [] },
  });
}

// ---

function reader(description: ModelDescription, seed: number) {
  return async (parameter: ParameterName, layer = -1): Promise<Tensor<'float32'>> => {
    const { shape } = parameterSpec(description, parameter);
    const names = Object.keys(description.parameters);
    const random = makeRandom(seed * 7919 + (layer + 1) * 101 + names.indexOf(parameter));
    const isScale = /^ln.*\.w$/.test(parameter);
    const scale = description.d_model >= 256 ? 0.02 : 0.3;
    const values = new Float32Array(sizeOf(shape));
    // Uniform numbers of the same spread: a large model has too many for anything slower.
    for (let i = 0; i < values.length; i++) values[i] = (isScale ? 1 : 0) + scale * Math.sqrt(12) * (random() - 0.5);
    return f32(values, shape);
  };
}
