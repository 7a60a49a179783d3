import { Graph, type Dim, type Edge, type FloatDType } from '../graph/graph.ts';
import { attention, mergeHeads } from '../graph/layers.ts';
import * as op from '../graph/ops.ts';
import { extract, type Subgraph } from '../graph/subgraph.ts';
import { isBlockParameter, type ModelDescription } from './description.ts';
import { activate, angles, norm, patched, project, queriesKeysValues, turned, weightsOf } from './emit.ts';

/**
 * A block that goes on from states that other runs have left, with some of them exchanged: what a causal trace runs
 * thousands of times. Everything is picked by row, so that kept tensors are fed as they are and shared by all rows, and
 * nothing is projected that another run has projected.
 *
 * B rows of S tokens, of which T in each row ask, A = B·T; N leave the block, each of them one that asks.
 *
 * - states: `from` [F, d] followed by `from.given` [f, d] and `from.more` [f', d]. Row `new.rows` int32 [M] of them are the
 *   tokens that have no queries, keys and values yet, turned by `new.cos`, `new.sin` [M, 1, 1, r] with rotary embeddings;
 *   row `left.rows` int32 [N] are those that leave
 * - heads: row `queries` int32 [B, H, T] of `kept_q` [R, H, W, d_head], flat, followed by those of the new tokens, M·H; row
 *   `keys` int32 [B, K, S] of `kept_k`, `kept_v` [R, K, W, d_head] and of the new ones, M·K, likewise
 * - who sees whom: `causal` [1, 1, T, S], the same in each row
 * - what modules put out: row `attn.rows` int32 [N] of attention's output [A, d] followed by `attn.given` [g, d]; row
 *   `mlp.rows` int32 [N] of the MLP's output for those in `mlp.own` int32 [m] of the N, followed by `mlp.given`
 * - patches: `attn.left` … as in `emitBlock`
 *
 * Yields `hook_resid_post` [N, d].
 */
export function emitResumed(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const { d_model, n_heads, n_kv_heads, attentionScale } = description;
  const weight = weightsOf(graph, description, isBlockParameter);
  const states = op.concat(
    [
      graph.input('from', ['F', d_model]),
      graph.input('from.given', ['from.G', d_model]),
      graph.input('from.more', ['from.H', d_model]),
    ],
    0,
    'from.all',
  );
  const fresh = norm(description, op.gather(states, graph.input('new.rows', ['M'], 'int32')), weight, 'ln1');
  const x = op.gather(states, graph.input('left.rows', ['N'], 'int32'));

  const [newQ, newK, newV] = queriesKeysValues(description, fresh, weight).map((part) => apart(description, part));
  const by = angles(graph, description, 'new.', 'M', 1);
  const asking = graph.input('queries', ['B', n_heads, 'T'], 'int32');
  const seen = graph.input('keys', ['B', n_kv_heads, 'S'], 'int32');
  const q = picked(graph, 'kept_q', turned(description, newQ, by), asking);
  const k = picked(graph, 'kept_k', turned(description, newK, by), seen);
  const v = picked(graph, 'kept_v', newV, seen);
  const mask = graph.input('causal', [1, 1, 'T', 'S']);
  const z = mergeHeads(attention(q, k, v, { mask, scale: attentionScale }), 'A');

  const attnValue = patched(graph, 'attn', z, project(description, z, weight, 'attn.W_O', 'attn.b_O'));
  const mid = op.add(x, exchanged(graph, 'attn', attnValue));
  const own = op.gather(description.parallel ? x : mid, graph.input('mlp.own', ['m'], 'int32'));
  const post = activate(description, norm(description, own, weight, 'ln2'), weight);
  const mlpValue = patched(graph, 'mlp', post, project(description, post, weight, 'mlp.W_out', 'mlp.b_out'));
  return extract(graph, 'resumed', { hook_resid_post: op.add(mid, exchanged(graph, 'mlp', mlpValue)) });
}

// ---

/** [M, h·d_head] → [M, h, 1, d_head]: each token a row of its own, as whose heads its rotation turns. */
function apart({ d_head }: ModelDescription, part: Edge): Edge {
  const heads = Number(part.shape[1]) / d_head;
  return op.reshape(part, [-1, heads, 1, d_head], ['M', heads, 1, d_head]);
}

/** Heads at some places among the kept ones and the new ones behind them. */
function picked(graph: Graph, name: string, fresh: Edge, places: Edge): Edge {
  const [, heads, , size] = fresh.shape;
  const flat = (x: Edge, rows: Dim) => op.reshape(x, [-1, Number(size)], [rows, size]);
  const kept = graph.input(name, ['R', heads, 'W', size]);
  return op.gather(op.concat([flat(kept, `${name}.rows`), flat(fresh, `${name}.new`)], 0, `${name}.all`), places);
}

/** Rows of y, some in exchange for given ones: copies, so that what is not exchanged keeps its bits. */
function exchanged(graph: Graph, name: string, y: Edge): Edge {
  const given = graph.input(`${name}.given`, [`${name}.G`, y.shape[1]]);
  const rows = graph.input(`${name}.rows`, ['N'], 'int32');
  return op.gather(op.concat([y, given], 0, `${name}.both`), rows);
}
