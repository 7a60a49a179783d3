import { invariant } from '../base/errors.ts';
import { cut, type Part } from '../graph/cut.ts';
import { Graph, type Dim, type Edge, type FloatDType } from '../graph/graph.ts';
import * as layer from '../graph/layers.ts';
import * as op from '../graph/ops.ts';
import type { Subgraph } from '../graph/subgraph.ts';
import { differentiate } from '../graph/vjp.ts';
import {
  isBlockParameter,
  parameterSpec,
  type BlockParameter,
  type ModelDescription,
  type ParameterName,
} from './description.ts';

/**
 * The graphs of one block. Sizes: B rows of T tokens, N = B·T, P kept keys, S = P + T; d model width, e = heads·d_head,
 * K key heads; rA, rM ranks of the two patches, n edited tokens.
 *
 * `forward` reads `x` [N, d], `head_shape`, `mask` [B, 1, T, S], `past_k`, `past_v` [B, K, P, d_head], `past_length`, with
 * rotary embeddings `cos`, `sin` [B, 1, T, r]; the patches `attn.left` [d, rA], `attn.right` [rA, e], `mlp.left`,
 * `mlp.right`; and the deltas `sel` [N, n], `delta.attn`, `delta.mlp` [n, d], added where `sel` has a one.
 * It yields every hook of the block, `present_k`, `present_v` [B, K, S, d_head], the new tokens' queries `present_q`
 * [B, H, T, d_head], turned as the keys are, and the residuals its gradients read.
 *
 * `vjp` reads `dy` [N, d] and yields `dx` [N, d], `d_attn`, `d_mlp` [n, d]: the gradients of the deltas, summed over the
 * tokens that share one. `edge` yields only the latter two: nothing below the lowest edited layer asks for dx. `mlp_edge`
 * is for a block whose attention isn't edited either.
 */
export function emitBlock(description: ModelDescription, float: FloatDType): Subgraph[] {
  const graph = new Graph(float);
  const { d_model } = description;
  const weight = weightsOf(graph, description, isBlockParameter);
  const x = graph.input('x', ['N', d_model]);
  const inputs = attentionInputs(graph, description);
  const sel = graph.input('sel', ['N', 'n']);
  const deltaAttn = graph.input('delta.attn', ['n', d_model]);
  const deltaMlp = graph.input('delta.mlp', ['n', d_model]);

  const attnIn = norm(description, x, weight, 'ln1');
  const heads = attend(description, attnIn, inputs, weight);
  const attnValue = patched(graph, 'attn', heads.z, project(description, heads.z, weight, 'attn.W_O', 'attn.b_O'));
  const attnOut = layer.addRows(attnValue, sel, deltaAttn);
  const mid = op.add(x, attnOut);
  const mlpIn = norm(description, description.parallel ? x : mid, weight, 'ln2');
  const post = activate(description, mlpIn, weight);
  const mlpValue = patched(graph, 'mlp', post, project(description, post, weight, 'mlp.W_out', 'mlp.b_out'));
  const mlpOut = layer.addRows(mlpValue, sel, deltaMlp);
  const y = op.add(mid, mlpOut);

  const dy = graph.input('dy', ['N', d_model]);
  const [dx, dAttn, dMlp] = differentiate(graph, [[y, dy]], [x, deltaAttn, deltaMlp]);
  const forward: Part = {
    name: 'forward',
    outputs: {
      hook_attn_in: attnIn,
      'attn.hook_z_flat': heads.z,
      hook_attn_out: attnOut,
      hook_resid_mid: mid,
      hook_mlp_in: mlpIn,
      'mlp.hook_post': post,
      hook_mlp_out: mlpOut,
      hook_resid_post: y,
      present_q: heads.q,
      present_k: heads.k,
      present_v: heads.v,
    },
  };
  return cut(graph, forward, [
    { name: 'vjp', outputs: { dx, d_attn: dAttn, d_mlp: dMlp } },
    { name: 'edge', outputs: { d_attn: dAttn, d_mlp: dMlp } },
    { name: 'mlp_edge', outputs: { d_mlp: dMlp } },
  ]);
}

// --- The block, part by part

/** Weights of a graph under construction. */
export type Weights = ReadonlyMap<ParameterName, Edge>;

/** Declares the weights that are wanted of those that the model has. */
export function weightsOf(
  graph: Graph,
  description: ModelDescription,
  wanted: (name: ParameterName) => boolean,
): Weights {
  const names = (Object.keys(description.parameters) as ParameterName[]).filter(wanted);
  return new Map(names.map((name) => [name, graph.weight(name, parameterSpec(description, name).shape)]));
}

/** What attention reads besides x. */
interface AttentionInputs extends Angles {
  readonly headShape: Edge;
  readonly mask: Edge;
  readonly pastK: Edge;
  readonly pastV: Edge;
}

function attentionInputs(graph: Graph, description: ModelDescription): AttentionInputs {
  const { d_head, n_kv_heads } = description;
  graph.shapeInput('past_length', ['P']);
  const kept = ['B', n_kv_heads, 'P', d_head];
  return {
    ...angles(graph, description),
    headShape: graph.shapeInput('head_shape', ['B', 'T', -1, d_head]),
    mask: graph.input('mask', ['B', 1, 'T', 'S']),
    pastK: graph.input('past_k', kept),
    pastV: graph.input('past_v', kept),
  };
}

/** Every head's weighted values side by side, z [N, e], queries [B, H, T, d_head], all keys and values [B, K, S, d_head]. */
function attend(description: ModelDescription, x: Edge, inputs: AttentionInputs, weight: Weights) {
  const { d_head, attentionScale } = description;
  const { headShape, mask, pastK, pastV } = inputs;
  const parts = queriesKeysValues(description, x, weight);
  const [newQ, newK, newV] = parts.map((part) => layer.splitHeads(part, headShape, d_head));
  const q = turned(description, newQ, inputs);
  const k = op.concat([pastK, turned(description, newK, inputs)], 2, 'S');
  const v = op.concat([pastV, newV], 2, 'S');
  return { z: layer.mergeHeads(layer.attention(q, k, v, { mask, scale: attentionScale })), q, k, v };
}

/** What rotary embeddings turn heads by, [B, 1, T, r] each; null without them. */
export interface Angles {
  readonly cos: Edge | null;
  readonly sin: Edge | null;
}

/** Declares angles of B rows of T tokens. */
export function angles(graph: Graph, { rotary }: ModelDescription, prefix = '', B: Dim = 'B', T: Dim = 'T'): Angles {
  const shape = rotary && [B, 1, T, rotary.dim];
  return { cos: shape && graph.input(`${prefix}cos`, shape), sin: shape && graph.input(`${prefix}sin`, shape) };
}

/** Heads [B, H, T, d_head] with their position in them, where the model says it by turning. */
export function turned({ rotary }: ModelDescription, heads: Edge, { cos, sin }: Angles): Edge {
  return rotary && cos && sin ? layer.rotary(heads, cos, sin, rotary.style) : heads;
}

/** Queries [N, e], keys and values [N, K·d_head]. */
export function queriesKeysValues(description: ModelDescription, x: Edge, weight: Weights): readonly Edge[] {
  if (weight.has('attn.W_QKV')) {
    const { d_model } = description;
    const all = project(description, x, weight, 'attn.W_QKV', 'attn.b_QKV');
    return op.split(all, [d_model, d_model, d_model], 1);
  }
  return [
    project(description, x, weight, 'attn.W_Q', 'attn.b_Q'),
    project(description, x, weight, 'attn.W_K', 'attn.b_K'),
    project(description, x, weight, 'attn.W_V', 'attn.b_V'),
  ];
}

/** The MLP up to its down-projection: the key of the MLP site. */
export function activate(description: ModelDescription, x: Edge, weight: Weights): Edge {
  const act = { gelu: layer.geluErf, gelu_tanh: layer.geluTanh, silu: layer.silu }[description.activation];
  const inner = project(description, x, weight, 'mlp.W_in', 'mlp.b_in');
  if (!description.gated) return act(inner);
  return op.mul(act(project(description, x, weight, 'mlp.W_gate', 'mlp.b_gate')), inner);
}

/** One of a block's linear maps. */
export function project(
  description: ModelDescription,
  x: Edge,
  weight: Weights,
  matrix: BlockParameter,
  bias: BlockParameter,
): Edge {
  const { orientation } = parameterSpec(description, matrix);
  return layer.linear(x, { weight: required(weight, matrix), layout: orientation ?? 'out,in' }, weight.get(bias));
}

/** y = W k + left (right k): a patch beside the weight, of rank 0 when there is none. */
export function patched(graph: Graph, kind: 'attn' | 'mlp', key: Edge, value: Edge): Edge {
  const rank = kind === 'attn' ? 'rA' : 'rM';
  const left = graph.input(`${kind}.left`, [value.shape[1], rank]);
  const right = graph.input(`${kind}.right`, [rank, key.shape[1]]);
  return layer.addLowRank(value, key, left, right);
}

/** One of the model's norms. */
export function norm(description: ModelDescription, x: Edge, weight: Weights, name: 'ln1' | 'ln2' | 'ln_final'): Edge {
  const scale = required(weight, `${name}.w`);
  const shift = weight.get(`${name}.b`);
  return description.norm === 'layernorm' && shift
    ? layer.layerNorm(x, scale, shift, description.eps)
    : layer.rmsNorm(x, scale, description.eps);
}

/** A weight that must be there. Throws `internal`. */
export function required(weight: Weights, name: ParameterName): Edge {
  const edge = weight.get(name);
  invariant(edge, `emit the parameter ${name}`, 'the description declares none');
  return edge;
}
