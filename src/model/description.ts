import { invariant } from '../base/errors.ts';
import { SITES, type SiteKind } from './hooks.ts';

/** Which file of `architectures/` made the description. */
export type Family = 'gpt2' | 'llama';
/** What stands before attention, before the MLP and before the head. */
export type Norm = 'layernorm' | 'rmsnorm';
/** The MLP's non-linearity; `gelu_tanh` is the usual approximation of `gelu`. */
export type Activation = 'gelu' | 'gelu_tanh' | 'silu';

/** How rotary frequencies are bent for longer contexts. */
export type RotaryScaling =
  /** every frequency divided by `factor` */
  | { readonly kind: 'linear'; readonly factor: number }
  /**
   * Llama 3.1: f becomes s·f + (1−s)·f/`factor`, where s is (turns − low) / (high − low) cut to [0, 1] and
   * turns = f · `original_n_ctx` / 2π. So what turns often in the old context stays, what hardly turns is stretched.
   */
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly low_freq_factor: number;
      readonly high_freq_factor: number;
      readonly original_n_ctx: number;
    };

/** Rotary position embedding of the first `dim` of every head's d_head numbers. */
export interface Rotary {
  readonly dim: number;
  /** Pair j turns by position · `frequencies[j]`, j < dim/2; see `rotaryFrequencies`. */
  readonly frequencies: readonly number[];
  /** `half` turns (j, j + dim/2) together, `interleaved` turns (2j, 2j + 1). */
  readonly style: 'half' | 'interleaved';
}

/** Parameters outside the blocks. */
export type ModelParameter =
  'embed.W_E' | 'pos_embed.W_pos' | 'ln_final.w' | 'ln_final.b' | 'unembed.W_U' | 'unembed.b_U';

/** Parameters of each block, in TransformerLens's names; `QKV` is queries, keys and values in one matrix. */
export type BlockParameter =
  | 'ln1.w'
  | 'ln1.b'
  | 'attn.W_QKV'
  | 'attn.b_QKV'
  | 'attn.W_Q'
  | 'attn.b_Q'
  | 'attn.W_K'
  | 'attn.b_K'
  | 'attn.W_V'
  | 'attn.b_V'
  | 'attn.W_O'
  | 'attn.b_O'
  | 'ln2.w'
  | 'ln2.b'
  | 'mlp.W_in'
  | 'mlp.b_in'
  | 'mlp.W_gate'
  | 'mlp.b_gate'
  | 'mlp.W_out'
  | 'mlp.b_out';

/** Any parameter. */
export type ParameterName = ModelParameter | BlockParameter;

/** How a matrix lies in the file: y = W x when `out,in`, y = x W when `in,out`. Declared, never guessed from a shape. */
export type Orientation = 'out,in' | 'in,out';

/** Where a parameter is found and how it lies there. Tensors keep the file's shape: nothing is transposed when read. */
export interface ParameterSpec {
  /** Names in the checkpoint, `{i}` standing for the layer; the first that exists is read. `names[0]` is the canonical one. */
  readonly names: readonly string[];
  readonly shape: readonly number[];
  /** Null for vectors and for embedding tables [rows, d_model]; a tied head reads `embed.W_E` as `out,in`. */
  readonly orientation: Orientation | null;
  /** Order of a fused output axis, slowest first. */
  readonly fused?: '(qkv head d_head)' | '(head qkv d_head)';
}

/** The table of a model's parameters: exactly those that it has, no other. */
export type ParameterTable = Readonly<Partial<Record<ParameterName, ParameterSpec>>>;

/**
 * What a family's file makes of a `config.json`: all that graphs, weights and screens need to know of a model.
 * Sizes have TransformerLens's names.
 */
export interface ModelDescription {
  readonly family: Family;
  /** `model_type` as the config has it: "mistral" is of the llama family. */
  readonly modelType: string;
  readonly n_layers: number;
  readonly d_model: number;
  readonly n_heads: number;
  /** Heads that have their own keys and values; each serves n_heads / n_kv_heads query heads. */
  readonly n_kv_heads: number;
  readonly d_head: number;
  readonly d_mlp: number;
  readonly d_vocab: number;
  /** The most tokens that a run may hold. */
  readonly n_ctx: number;
  readonly norm: Norm;
  readonly eps: number;
  readonly activation: Activation;
  /** `down(act(gate x) ⊙ in x)` instead of `down(act(in x))`. */
  readonly gated: boolean;
  /** Null where positions are learned (`pos_embed.W_pos`). */
  readonly rotary: Rotary | null;
  /** Attention and MLP both read the block's input, instead of one after the other. */
  readonly parallel: boolean;
  /** The head is the embedding table; `unembed.W_U` is then not in the table of parameters. */
  readonly tied: boolean;
  /** Factor on q·k before the softmax: usually d_head^(−1/2). */
  readonly attentionScale: number;
  readonly parameters: ParameterTable;
  /** Names of tensors that some checkpoints carry and nobody needs (buffers, a copy of a tied head), `{i}` standing for a layer. */
  readonly ignored: readonly string[];
}

/** f_j = base^(−2j/dim) for j < dim/2, then scaled. Radians per position, in double precision. */
export function rotaryFrequencies(dim: number, base: number, scaling: RotaryScaling | null): number[] {
  return Array.from({ length: dim / 2 }, (_, j) => {
    const frequency = base ** ((-2 * j) / dim);
    if (scaling === null) return frequency;
    if (scaling.kind === 'linear') return frequency / scaling.factor;
    const { factor, low_freq_factor, high_freq_factor, original_n_ctx } = scaling;
    const turns = (original_n_ctx * frequency) / (2 * Math.PI);
    const share = Math.min(1, Math.max(0, (turns - low_freq_factor) / (high_freq_factor - low_freq_factor)));
    return share * frequency + (1 - share) * (frequency / factor);
  });
}

/** The spec of a parameter that must be there. Throws `internal` when the model has no such parameter. */
export function parameterSpec(description: ModelDescription, parameter: ParameterName): ParameterSpec {
  const spec = description.parameters[parameter];
  invariant(spec, `find the parameter ${parameter}`, `a ${description.modelType} model has none`);
  return spec;
}

/** Whether a parameter belongs to every block, rather than to the model once. */
export function isBlockParameter(parameter: ParameterName): parameter is BlockParameter {
  return /^(ln[12]|attn|mlp)\./.test(parameter);
}

/** The name a parameter goes by outside its file: `blocks.3.attn.W_O`, `embed.W_E`. */
export function parameterKey(parameter: ParameterName, layer?: number): string {
  invariant(
    isBlockParameter(parameter) === (layer !== undefined),
    `name the parameter ${parameter}`,
    `layer is ${layer}`,
  );
  return layer === undefined ? parameter : `blocks.${layer}.${parameter}`;
}

/** Width of a site's key: d_mlp, or all heads side by side. */
export function keyWidth(description: ModelDescription, kind: SiteKind): number {
  return { attn: description.n_heads * description.d_head, mlp: description.d_mlp }[kind];
}

/** Orientation of a site's weight. */
export function siteOrientation(description: ModelDescription, kind: SiteKind): Orientation {
  const { orientation } = parameterSpec(description, SITES[kind].weight);
  invariant(orientation, `find the orientation of ${SITES[kind].weight}`, 'none is declared');
  return orientation;
}

/** How many numbers the model's weights hold. */
export function parameterCount(description: ModelDescription): number {
  let count = 0;
  for (const [name, spec] of Object.entries(description.parameters)) {
    const times = isBlockParameter(name as ParameterName) ? description.n_layers : 1;
    count += times * spec.shape.reduce((product, size) => product * size, 1);
  }
  return count;
}

/** Numbers in the largest single parameter: what one buffer of a device must hold. */
export function largestParameter(description: ModelDescription): number {
  const sizes = Object.values(description.parameters).map(({ shape }) =>
    shape.reduce((product, size) => product * size, 1),
  );
  return Math.max(...sizes);
}
