import { Graph, type Dim, type Edge, type FloatDType } from '../graph/graph.ts';
import * as op from '../graph/ops.ts';
import { extract, type Subgraph } from '../graph/subgraph.ts';
import { isBlockParameter, type ModelDescription } from './description.ts';
import { activate, attend, norm, patched, project, weightsOf, type AttentionInputs, type HeadInputs } from './emit.ts';

/**
 * A block that goes on from states that other runs have left, with some of them exchanged: what a causal trace runs
 * thousands of times. Everything is picked by row, so that kept tensors are fed as they are and shared by all rows.
 *
 * B rows of A tokens, M = B·A, of which T in each row ask, N = B·T; only these leave the block.
 *
 * - what enters: row `from.rows` int32 [M] of `from` [F, d] followed by `from.given` [f, d] and `from.more` [f', d]
 * - what was before: keys and values `kept_k`, `kept_v` [R, K, P, d_head], row `kept_rows` int32 [B] of them
 * - which tokens ask: `asked` int32 [N] in M, with `mask` [B, 1, T, S] over S = P + A, `head_shape` [B, T, −1, d_head] and,
 *   with rotary embeddings, `cos`, `sin` [B, 1, T, r]; `all_shape`, `all_cos`, `all_sin` are the same of all A tokens
 * - what modules put out: row `attn.rows` int32 [N] of attention's output [N, d] followed by `attn.given` [g, d]; `mlp.rows`
 *   and `mlp.given` likewise
 * - patches: `attn.left` … as in `emitBlock`
 *
 * Yields `hook_attn_out`, `hook_mlp_out`, `hook_resid_post` [N, d].
 */
export function emitResumed(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const { d_model } = description;
  const weight = weightsOf(graph, description, isBlockParameter);
  const more = graph.input('from.more', ['from.H', d_model]);
  const all = exchanged(graph, 'from', graph.input('from', ['F', d_model]), 'M', [more]);
  const asked = graph.input('asked', ['N'], 'int32');
  const x = op.gather(all, asked);

  const heads = attend(description, norm(description, all, weight, 'ln1'), inputsOf(graph, description, asked), weight);
  const attnValue = patched(graph, 'attn', heads.z, project(description, heads.z, weight, 'attn.W_O', 'attn.b_O'));
  const attnOut = exchanged(graph, 'attn', attnValue, 'N');
  const mid = op.add(x, attnOut);
  const post = activate(description, norm(description, description.parallel ? x : mid, weight, 'ln2'), weight);
  const mlpValue = patched(graph, 'mlp', post, project(description, post, weight, 'mlp.W_out', 'mlp.b_out'));
  const mlpOut = exchanged(graph, 'mlp', mlpValue, 'N');
  return extract(graph, 'resumed', {
    hook_attn_out: attnOut,
    hook_mlp_out: mlpOut,
    hook_resid_post: op.add(mid, mlpOut),
  });
}

// ---

/** Rows of y, some in exchange for given ones: copies, so that what is not exchanged keeps its bits. */
function exchanged(graph: Graph, name: string, y: Edge, size: Dim, more: readonly Edge[] = []): Edge {
  const given = graph.input(`${name}.given`, [`${name}.G`, y.shape[1]]);
  const rows = graph.input(`${name}.rows`, [size], 'int32');
  return op.gather(op.concat([y, given, ...more], 0, `${name}.both`), rows);
}

function inputsOf(graph: Graph, { d_head, n_kv_heads, rotary }: ModelDescription, rows: Edge): AttentionInputs {
  const heads = (prefix: string, shape: string, tokens: string): HeadInputs => {
    const angles = rotary && ['B', 1, tokens, rotary.dim];
    return {
      tokens,
      headShape: graph.shapeInput(shape, ['B', tokens, -1, d_head]),
      cos: angles && graph.input(`${prefix}cos`, angles),
      sin: angles && graph.input(`${prefix}sin`, angles),
    };
  };
  const keptRows = graph.input('kept_rows', ['B'], 'int32');
  const kept = (name: string) => op.gather(graph.input(name, ['R', n_kv_heads, 'P', d_head]), keptRows);
  return {
    ...heads('all_', 'all_shape', 'A'),
    mask: graph.input('mask', ['B', 1, 'T', 'S']),
    pastK: kept('kept_k'),
    pastV: kept('kept_v'),
    asking: { ...heads('', 'head_shape', 'T'), rows },
  };
}
