import { Graph, type Edge, type FloatDType } from '../graph/graph.ts';
import * as layer from '../graph/layers.ts';
import * as op from '../graph/ops.ts';
import { extract, type Subgraph } from '../graph/subgraph.ts';
import { differentiate } from '../graph/vjp.ts';
import { parameterSpec, type ModelDescription, type ParameterName } from './description.ts';
import { norm, required, weightsOf } from './emit.ts';

/**
 * The graphs at both ends of the model, in one program because a tied head is the embedding table.
 *
 * - `embed`: `ids`, `positions` int32 [N] → `hook_embed` [N, d]; `token_embed` [N, d] is it without positions.
 * - `logits`: `x` [N, d], `rows` int32 [R] → `ln_final.hook_normalized` [R, d], `logits` [R, V] at those rows.
 * - `score`: `x`, `rows` and `labels_at` int32 [R], the place r·V + label of each row's label → `logp` [R] = log q(label).
 * - `project`: `x`, `rows` → `projected` [R, V] = x W_Eᵀ, by the embedding table and without the final norm.   [methods.md 8.2]
 * - `loss`: `x`, `pick` [R, N] with a one per row, `labels` int32 [R, 1], weights `w_nll`, `w_kl` [R, 1], `ref` [R, V]
 *   → `nll` [R, 1] = −log q(label), `kl` [R, 1] = Σ q (log q − ref), `log_q` [R, V], `best` int64 [R], and `dx` [N, d], the
 *   gradient of Σ w_nll·nll + w_kl·kl.   [methods.md 3.1: KL(edited ‖ original)]
 */
export function emitEnds(description: ModelDescription, float: FloatDType): Subgraph[] {
  return [
    emitEmbed(description, float),
    emitLogits(description, float),
    emitScore(description, float),
    emitProject(description, float),
    emitLoss(description, float),
  ];
}

// ---

function emitEmbed(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const weight = weightsOf(graph, description, (name) => name === 'embed.W_E' || name === 'pos_embed.W_pos');
  const ids = graph.input('ids', ['N'], 'int32');
  const tokens = op.gather(required(weight, 'embed.W_E'), ids);
  const positions = weight.get('pos_embed.W_pos');
  const x = positions ? op.add(tokens, op.gather(positions, graph.input('positions', ['N'], 'int32'))) : tokens;
  return extract(graph, 'embed', { hook_embed: x, token_embed: tokens });
}

function emitLogits(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const x = graph.input('x', ['N', description.d_model]);
  const rows = op.gather(x, graph.input('rows', ['R'], 'int32'));
  const { normalized, logits } = unembed(graph, description, rows);
  return extract(graph, 'logits', { 'ln_final.hook_normalized': normalized, logits });
}

function emitScore(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const x = graph.input('x', ['N', description.d_model]);
  const { logits } = unembed(graph, description, op.gather(x, graph.input('rows', ['R'], 'int32')));
  // Not the whole log-softmax: of its V numbers in a row one is asked.
  const shifted = op.sub(logits, op.reduceMax(logits, [1]));
  const logSum = op.log(op.reduceSum(op.exp(shifted), [1], false));
  const labelled = op.gather(op.reshape(shifted, [-1], ['RV']), graph.input('labels_at', ['R'], 'int32'));
  return extract(graph, 'score', { logp: op.sub(labelled, logSum) });
}

function emitProject(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const x = graph.input('x', ['N', description.d_model]);
  const weight = weightsOf(graph, description, (name) => name === 'embed.W_E');
  const rows = op.gather(x, graph.input('rows', ['R'], 'int32'));
  return extract(graph, 'project', { projected: op.gemm(rows, required(weight, 'embed.W_E'), { transB: true }) });
}

function emitLoss(description: ModelDescription, float: FloatDType): Subgraph {
  const graph = new Graph(float);
  const { d_model, d_vocab } = description;
  const x = graph.input('x', ['N', d_model]);
  const rows = op.gemm(graph.input('pick', ['R', 'N']), x);
  const { logits } = unembed(graph, description, rows);
  const logQ = layer.logSoftmax(logits);
  const label = graph.input('labels', ['R', 1], 'int32');
  const places = graph.constant(
    Array.from({ length: d_vocab }, (_, i) => i),
    [1, d_vocab],
    'int32',
  );
  const isLabel = op.cast(op.equal(places, label), float);
  const nll = op.neg(op.reduceSum(op.mul(isLabel, logQ), [1]));
  const ref = graph.input('ref', ['R', d_vocab]);
  const kl = op.reduceSum(op.mul(op.exp(logQ), op.sub(logQ, ref)), [1]);
  const seeds = [
    [nll, graph.input('w_nll', ['R', 1])],
    [kl, graph.input('w_kl', ['R', 1])],
  ] as const;
  const [dx] = differentiate(graph, seeds, [x]);
  return extract(graph, 'loss', { nll, kl, log_q: logQ, best: op.argMax(logits, 1), dx });
}

function unembed(graph: Graph, description: ModelDescription, x: Edge): { normalized: Edge; logits: Edge } {
  const names = new Set<ParameterName>(['ln_final.w', 'ln_final.b', 'unembed.W_U', 'unembed.b_U']);
  if (description.tied) names.add('embed.W_E');
  const weight = weightsOf(graph, description, (name) => names.has(name));
  const normalized = norm(description, x, weight, 'ln_final');
  const table = description.tied ? 'embed.W_E' : 'unembed.W_U';
  const layout = description.tied ? 'out,in' : (parameterSpec(description, table).orientation ?? 'out,in');
  const head = { weight: required(weight, table), layout };
  return { normalized, logits: layer.linear(normalized, head, weight.get('unembed.b_U')) };
}
