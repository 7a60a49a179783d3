import type { ParameterTable } from '../description.ts';
import type { FamilyFile } from './config.ts';

/**
 * GPT-2: LayerNorm, learned positions, fused QKV, tied head. Its linear layers are "Conv1D": the weights lie in × out.
 * Files come with and without the leading `transformer.`.
 */
export const gpt2: FamilyFile = {
  modelTypes: ['gpt2'],
  describe(config) {
    const d_model = config.size('n_embd', 'width');
    const n_heads = config.size('n_head', 'width');
    const d_mlp = config.size('n_inner', 'width', 4 * d_model);
    const d_vocab = config.size('vocab_size', 'vocabulary');
    const n_ctx = config.size('n_positions', 'context');
    config.divides(n_heads, d_model, 'n_embd must divide into n_head heads');
    if (config.flag('scale_attn_by_inverse_layer_idx', false)) {
      config.unsupported('scale_attn_by_inverse_layer_idx is true');
    }
    const d_head = d_model / n_heads;
    const tied = config.flag('tie_word_embeddings', true);
    const vector = (name: string, size: number) => ({ names: named(name), shape: [size], orientation: null });
    const conv1d = (name: string, d_in: number, d_out: number) =>
      ({ names: named(name), shape: [d_in, d_out], orientation: 'in,out' }) as const;
    const fused = '(qkv head d_head)';
    const parameters: ParameterTable = {
      'embed.W_E': { names: named('wte.weight'), shape: [d_vocab, d_model], orientation: null },
      'pos_embed.W_pos': { names: named('wpe.weight'), shape: [n_ctx, d_model], orientation: null },
      'ln1.w': vector('h.{i}.ln_1.weight', d_model),
      'ln1.b': vector('h.{i}.ln_1.bias', d_model),
      'attn.W_QKV': { ...conv1d('h.{i}.attn.c_attn.weight', d_model, 3 * d_model), fused },
      'attn.b_QKV': { ...vector('h.{i}.attn.c_attn.bias', 3 * d_model), fused },
      'attn.W_O': conv1d('h.{i}.attn.c_proj.weight', d_model, d_model),
      'attn.b_O': vector('h.{i}.attn.c_proj.bias', d_model),
      'ln2.w': vector('h.{i}.ln_2.weight', d_model),
      'ln2.b': vector('h.{i}.ln_2.bias', d_model),
      'mlp.W_in': conv1d('h.{i}.mlp.c_fc.weight', d_model, d_mlp),
      'mlp.b_in': vector('h.{i}.mlp.c_fc.bias', d_mlp),
      'mlp.W_out': conv1d('h.{i}.mlp.c_proj.weight', d_mlp, d_model),
      'mlp.b_out': vector('h.{i}.mlp.c_proj.bias', d_model),
      'ln_final.w': vector('ln_f.weight', d_model),
      'ln_final.b': vector('ln_f.bias', d_model),
      ...(!tied && { 'unembed.W_U': { names: ['lm_head.weight'], shape: [d_vocab, d_model], orientation: 'out,in' } }),
    };
    return {
      family: 'gpt2',
      modelType: config.modelType,
      n_layers: config.size('n_layer', 'layers'),
      d_model,
      n_heads,
      n_kv_heads: n_heads,
      d_head,
      d_mlp,
      d_vocab,
      n_ctx,
      norm: 'layernorm',
      eps: config.positive('layer_norm_epsilon', 1e-5),
      activation: config.activation('activation_function', 'gelu_new'),
      gated: false,
      rotary: null,
      parallel: false,
      tied,
      attentionScale: config.flag('scale_attn_weights', true) ? d_head ** -0.5 : 1,
      parameters,
      ignored: [...['h.{i}.attn.bias', 'h.{i}.attn.masked_bias'].flatMap(named), ...(tied ? ['lm_head.weight'] : [])],
    };
  },
};

// ---

/** Both spellings of a name, the canonical one first. */
function named(name: string): string[] {
  return [`transformer.${name}`, name];
}
