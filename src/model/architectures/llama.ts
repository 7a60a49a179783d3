import type { ParameterTable } from '../description.ts';
import type { FamilyFile } from './config.ts';

/**
 * Llama and Mistral: RMSNorm, rotary positions, grouped heads, a gated MLP, biases only where the config says so.
 * Linear layers lie out × in. Files come with and without the leading `model.`.
 */
export const llama: FamilyFile = {
  modelTypes: ['llama', 'mistral'],
  describe(config) {
    const d_model = config.size('hidden_size', 'width');
    const n_heads = config.size('num_attention_heads', 'width');
    const n_kv_heads = config.size('num_key_value_heads', 'width', n_heads);
    const d_head = config.size('head_dim', 'width', d_model / n_heads);
    const d_mlp = config.size('intermediate_size', 'width');
    const d_vocab = config.size('vocab_size', 'vocabulary');
    const n_ctx = config.size('max_position_embeddings', 'context');
    config.divides(n_kv_heads, n_heads, 'num_attention_heads must divide into num_key_value_heads groups');
    const rotary = config.rotary(d_head, 'half', n_ctx);
    const tied = config.flag('tie_word_embeddings', false);
    const biased = { attn: config.flag('attention_bias', false), mlp: config.flag('mlp_bias', false) };

    const vector = (name: string, size: number) => ({ names: named(name), shape: [size], orientation: null });
    const linear = (name: string, d_in: number, d_out: number) =>
      ({ names: named(name), shape: [d_out, d_in], orientation: 'out,in' }) as const;
    const d_q = n_heads * d_head;
    const d_kv = n_kv_heads * d_head;
    const parameters: ParameterTable = {
      'embed.W_E': { names: named('embed_tokens.weight'), shape: [d_vocab, d_model], orientation: null },
      'ln1.w': vector('layers.{i}.input_layernorm.weight', d_model),
      'attn.W_Q': linear('layers.{i}.self_attn.q_proj.weight', d_model, d_q),
      'attn.W_K': linear('layers.{i}.self_attn.k_proj.weight', d_model, d_kv),
      'attn.W_V': linear('layers.{i}.self_attn.v_proj.weight', d_model, d_kv),
      'attn.W_O': linear('layers.{i}.self_attn.o_proj.weight', d_q, d_model),
      ...(biased.attn && {
        'attn.b_Q': vector('layers.{i}.self_attn.q_proj.bias', d_q),
        'attn.b_K': vector('layers.{i}.self_attn.k_proj.bias', d_kv),
        'attn.b_V': vector('layers.{i}.self_attn.v_proj.bias', d_kv),
        'attn.b_O': vector('layers.{i}.self_attn.o_proj.bias', d_model),
      }),
      'ln2.w': vector('layers.{i}.post_attention_layernorm.weight', d_model),
      'mlp.W_gate': linear('layers.{i}.mlp.gate_proj.weight', d_model, d_mlp),
      'mlp.W_in': linear('layers.{i}.mlp.up_proj.weight', d_model, d_mlp),
      'mlp.W_out': linear('layers.{i}.mlp.down_proj.weight', d_mlp, d_model),
      ...(biased.mlp && {
        'mlp.b_gate': vector('layers.{i}.mlp.gate_proj.bias', d_mlp),
        'mlp.b_in': vector('layers.{i}.mlp.up_proj.bias', d_mlp),
        'mlp.b_out': vector('layers.{i}.mlp.down_proj.bias', d_model),
      }),
      'ln_final.w': vector('norm.weight', d_model),
      ...(!tied && { 'unembed.W_U': { names: ['lm_head.weight'], shape: [d_vocab, d_model], orientation: 'out,in' } }),
    };
    return {
      family: 'llama',
      modelType: config.modelType,
      n_layers: config.size('num_hidden_layers', 'layers'),
      d_model,
      n_heads,
      n_kv_heads,
      d_head,
      d_mlp,
      d_vocab,
      n_ctx: config.window(n_ctx),
      norm: 'rmsnorm',
      eps: config.positive('rms_norm_eps', 1e-6),
      activation: config.activation('hidden_act', 'silu'),
      gated: true,
      rotary,
      parallel: false,
      tied,
      attentionScale: d_head ** -0.5,
      parameters,
      ignored: [...named('layers.{i}.self_attn.rotary_emb.inv_freq'), ...(tied ? ['lm_head.weight'] : [])],
    };
  },
};

// ---

/** Both spellings of a name, the canonical one first. */
function named(name: string): string[] {
  return [`model.${name}`, name];
}
