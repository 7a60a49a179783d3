import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeModel, MODEL_TYPES } from '../../src/model/architectures/index.ts';
import {
  isBlockParameter,
  keyWidth,
  parameterCount,
  parameterKey,
  type ParameterName,
  parameterSpec,
  rotaryFrequencies,
  siteOrientation,
} from '../../src/model/description.ts';
import { damaged, orRefused } from '../support/damage.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { readFixtureJson, sharedOrSkip } from '../support/shared.ts';

const GPT2 = {
  model_type: 'gpt2',
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  vocab_size: 50257,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
};

const LLAMA = {
  model_type: 'llama',
  hidden_size: 2048,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  num_hidden_layers: 16,
  intermediate_size: 8192,
  vocab_size: 128256,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  hidden_act: 'silu',
  rope_theta: 500000,
  tie_word_embeddings: true,
};

describe('gpt2', () => {
  test('GPT-2 small', () => {
    const { parameters, ...sizes } = describeModel(GPT2);
    expect(sizes).toMatchObject({
      family: 'gpt2',
      modelType: 'gpt2',
      d_model: 768,
      d_mlp: 3072,
      d_head: 64,
      n_kv_heads: 12,
      norm: 'layernorm',
      activation: 'gelu_tanh',
      gated: false,
      rotary: null,
      parallel: false,
      tied: true,
      attentionScale: 0.125,
    });
    expect(parameterCount(describeModel(GPT2))).toBe(124_439_808);
    expect(parameters['attn.W_QKV']).toEqual({
      names: ['transformer.h.{i}.attn.c_attn.weight', 'h.{i}.attn.c_attn.weight'],
      shape: [768, 2304],
      orientation: 'in,out',
      fused: '(qkv head d_head)',
    });
    expect(parameters['unembed.W_U']).toBeUndefined();
  });

  test.each([
    ['an own MLP width', { n_inner: 1000 }, { d_mlp: 1000 }],
    ['a null MLP width', { n_inner: null }, { d_mlp: 3072 }],
    ['exact gelu', { activation_function: 'gelu' }, { activation: 'gelu' }],
    ['no scaling of attention', { scale_attn_weights: false }, { attentionScale: 1 }],
    ['an own head', { tie_word_embeddings: false }, { tied: false }],
  ])('%s', (_, change, expected) => {
    expect(describeModel({ ...GPT2, ...change })).toMatchObject(expected);
  });

  test('weights of the sites lie in × out', () => {
    const description = describeModel(GPT2);
    expect(siteOrientation(description, 'attn')).toBe('in,out');
    expect(siteOrientation(description, 'mlp')).toBe('in,out');
  });
});

describe('llama', () => {
  test('Llama 3.2 1B', () => {
    const description = describeModel({
      ...LLAMA,
      rope_scaling: {
        factor: 32,
        high_freq_factor: 4,
        low_freq_factor: 1,
        original_max_position_embeddings: 8192,
        rope_type: 'llama3',
      },
    });
    expect(description).toMatchObject({
      family: 'llama',
      n_kv_heads: 8,
      d_head: 64,
      norm: 'rmsnorm',
      activation: 'silu',
      gated: true,
      tied: true,
      rotary: { dim: 64, style: 'half' },
    });
    expect(parameterCount(description)).toBe(1_235_814_400);
    expect(keyWidth(description, 'attn')).toBe(2048);
    expect(keyWidth(description, 'mlp')).toBe(8192);
    expect(siteOrientation(description, 'mlp')).toBe('out,in');
  });

  test.each([
    ['one key-value head per head', { num_key_value_heads: undefined }, { n_kv_heads: 32 }],
    ['heads wider than the width', { head_dim: 128 }, { d_head: 128, attentionScale: 128 ** -0.5 }],
    [
      'linear rope',
      { rope_scaling: { type: 'linear', factor: 2 } },
      { rotary: { frequencies: rotaryFrequencies(64, 500000, null).map((frequency) => frequency / 2) } },
    ],
    [
      'the newer layout of rope',
      { rope_parameters: { rope_theta: 7, rope_type: 'default' } },
      { rotary: { frequencies: rotaryFrequencies(64, 7, null) } },
    ],
    [
      'Mistral, whose window bounds the context',
      { model_type: 'mistral', sliding_window: 4096 },
      { family: 'llama', modelType: 'mistral', n_ctx: 4096 },
    ],
    ['Mistral without a window', { model_type: 'mistral', sliding_window: null }, { n_ctx: 131072 }],
  ])('%s', (_, change, expected) => {
    expect(describeModel({ ...LLAMA, ...change })).toMatchObject(expected);
  });

  test('biases exist only where the config says so', () => {
    const names = (change: object) => Object.keys(describeModel({ ...LLAMA, ...change }).parameters);
    expect(names({}).filter((name) => name.includes('.b_'))).toEqual([]);
    expect(names({ attention_bias: true, mlp_bias: true }).filter((name) => name.includes('.b_'))).toEqual([
      'attn.b_Q',
      'attn.b_K',
      'attn.b_V',
      'attn.b_O',
      'mlp.b_gate',
      'mlp.b_in',
      'mlp.b_out',
    ]);
  });
});

describe('rotary frequencies', () => {
  test('halve over the width', () => {
    expect(rotaryFrequencies(8, 10000, null)).toEqual([1, 0.1, 0.01, 0.001].map((each) => expect.closeTo(each, 15)));
  });

  // Made with the piecewise formula of the reference implementation: kept, blended and stretched ones.
  const scaling = {
    kind: 'llama3',
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_n_ctx: 8192,
  } as const;
  test.each([
    [0, 1],
    [1, 0.6636012376960885],
    [14, 0.0032114459947525913],
    [15, 0.001290547928209264],
    [16, 0.00042955679655936815],
    [17, 9.70828780262767e-5],
    [18, 1.9461638184831125e-5],
    [31, 9.418306725434909e-8],
  ])('Llama 3.2, pair %i', (pair, expected) => {
    expect(rotaryFrequencies(64, 500000, scaling)[pair] / expected).toBeCloseTo(1, 12);
  });
});

describe('refused', () => {
  test.each<[string, unknown]>([
    ['an array', []],
    ['text', 'gpt2'],
    ['null', null],
    ['no model_type', { n_embd: 3 }],
    ['a numeric model_type', { model_type: 2 }],
  ])('%s', (_, config) => expectFault(() => describeModel(config), 'invalid-checkpoint', 'read config.json'));

  test('an unknown family lists the known', async () => {
    const fault = await faultOf(() => describeModel({ model_type: 'rwkv' }));
    expect(fault.code).toBe('unsupported-model');
    expect(fault.found).toBe('its model_type is "rwkv"');
    expect(fault.advice).toBe(`choose one of ${MODEL_TYPES.join(', ')}`);
    expect(MODEL_TYPES).toEqual(['gpt2', 'llama', 'mistral']);
  });

  test('all faults at once, none twice', async () => {
    const fault = await faultOf(() =>
      describeModel({ ...GPT2, n_embd: -3, n_layer: 1e9, vocab_size: undefined, layer_norm_epsilon: 0 }),
    );
    expect(fault.code).toBe('invalid-checkpoint');
    expect(fault.message).toMatchInlineSnapshot(
      `"cannot read config.json of a gpt2 model: n_embd is -3, not an integer from 1 to 131072; vocab_size is missing, not an integer from 1 to 4194304; n_layer is 1000000000, not an integer from 1 to 1024; layer_norm_epsilon is 0, not a number above 0; get the file again from where the model comes from"`,
    );
    expect(fault.values['faults']).toBe(4);
  });

  test.each([
    ['heads that do not divide the width', { ...GPT2, n_head: 5 }, "768 isn't a multiple of 5"],
    [
      'heads of a fractional width',
      { ...LLAMA, num_attention_heads: 24 },
      'head_dim (computed, as it is missing) is 85.33',
    ],
    ['groups that do not divide the heads', { ...LLAMA, num_key_value_heads: 5 }, "32 isn't a multiple of 5"],
    ['an odd rotary width', { ...LLAMA, head_dim: 63 }, "63 isn't a multiple of 2"],
    ['a fractional size', { ...LLAMA, hidden_size: 2048.5 }, 'hidden_size is 2048.5'],
    ['text for a number', { ...LLAMA, hidden_size: '2048' }, 'hidden_size is "2048"'],
    ['text for a switch', { ...LLAMA, tie_word_embeddings: 'no' }, 'tie_word_embeddings is "no"'],
    [
      'a rope of no size',
      { ...LLAMA, rope_scaling: { rope_type: 'llama3', factor: 8 } },
      "rope scaling's low_freq_factor is missing",
    ],
    ['a rope that is a list', { ...LLAMA, rope_scaling: [8] }, 'rope_scaling is [8]'],
    ['a number for an activation', { ...LLAMA, hidden_act: 3 }, 'hidden_act is 3'],
  ])('%s', (_, config, text) => expectFault(() => describeModel(config), 'invalid-checkpoint', text));

  test.each([
    ['a foreign activation', { ...LLAMA, hidden_act: 'relu' }, 'hidden_act is "relu"'],
    ['the name of an inherited property', { ...LLAMA, hidden_act: 'constructor' }, 'hidden_act is "constructor"'],
    ['a foreign rope', { ...LLAMA, rope_scaling: { rope_type: 'yarn', factor: 8 } }, 'rope scaling "yarn"'],
    ['a scale per layer', { ...GPT2, scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx'],
  ])('%s', (_, config, text) => expectFault(() => describeModel(config), 'unsupported-model', text));
});

test.each([GPT2, LLAMA])('a damaged config.json of $model_type is refused, or describes a model', (config) => {
  const rope_scaling = { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  fc.assert(
    fc.property(damaged({ ...config, rope_scaling, sliding_window: 4096 }), (json) => {
      const description = orRefused(() => describeModel(json), 'invalid-checkpoint', 'unsupported-model');
      if (description) expect(parameterCount(description)).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});

describe('parameters', () => {
  test('have keys outside the file', async () => {
    expect(parameterKey('attn.W_O', 3)).toBe('blocks.3.attn.W_O');
    expect(parameterKey('embed.W_E')).toBe('embed.W_E');
    await expectFault(() => parameterKey('attn.W_O'), 'internal');
    await expectFault(() => parameterKey('ln_final.w', 3), 'internal');
  });

  test('that a model lacks are a bug of the caller', () =>
    expectFault(() => parameterSpec(describeModel(LLAMA), 'ln1.b'), 'internal', 'a llama model has none'));

  test.each([GPT2, LLAMA])('of $model_type name the layer exactly where they belong to blocks', (config) => {
    for (const [name, spec] of Object.entries(describeModel(config).parameters)) {
      for (const each of spec.names) expect(each.includes('{i}')).toBe(isBlockParameter(name as ParameterName));
    }
  });
});

sharedOrSkip()('the fixtures’ configs', () => {
  test.each([
    ['gpt2', { n_layers: 6, d_model: 64, d_mlp: 256, d_vocab: 1000, n_ctx: 96, tied: true }],
    ['atomic-lm', { n_layers: 8, d_model: 256, d_mlp: 1024, d_vocab: 4096, n_ctx: 128, tied: true }],
    ['llama', { n_layers: 6, d_model: 64, d_mlp: 176, n_kv_heads: 2, d_head: 16, tied: false }],
  ])('%s', (model, expected) => {
    expect(describeModel(readFixtureJson(`models/${model}/config.json`))).toMatchObject(expected);
  });

  test.each(['gpt-j', 'gpt-neox', 'qwen2', 'qwen3'])('%s is not run yet, and told so', (model) =>
    expectFault(() => describeModel(readFixtureJson(`models/${model}/config.json`)), 'unsupported-model'),
  );
});
