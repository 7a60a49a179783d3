import { EditorError, invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import { GRADIENTS } from './gradients.ts';
import type { Rule } from './gradients.ts';
import type { Dim, Edge, Graph, Node } from './graph.ts';
import { add, expandLike, reduceSum } from './ops.ts';
import { sameShape } from './shapes.ts';
import type { Op } from './vocabulary.ts';

/**
 * Reverse-mode differentiation: adds to the graph the nodes that compute dL/dw for each w of `wrt`, where L is known only
 * by its gradients at `seeds`. Nothing is added that `wrt` doesn't need.
 *
 * @param seeds pairs of y and dL/dy in y's shape; null stands for ones
 * @returns     dL/dw for each w, in w's shape and order
 * @throws EditorError `internal` naming an operation without a rule, or a w that no seed depends on
 */
export function differentiate(
  graph: Graph,
  seeds: readonly (readonly [Edge, Edge | null])[],
  wrt: readonly Edge[],
): Edge[] {
  const active = dependents(graph, wrt);
  const gradients = new Map<Edge, Edge>();
  const arrive = (edge: Edge, gradient: Edge) => {
    const earlier = gradients.get(edge);
    gradients.set(edge, earlier ? add(earlier, gradient) : gradient);
  };

  for (const [y, seed] of seeds) {
    const ones = () =>
      graph.constant(
        1,
        y.shape.map(() => 1),
        y.dtype,
      );
    invariant(
      !seed || sameShape(seed.shape, y.shape),
      'differentiate',
      `the seed of ${named(y)} is ${seed && named(seed)}`,
    );
    arrive(y, seed ?? ones());
  }
  for (const node of graph.nodes.toReversed()) {
    const all = node.outputs.map((edge) => (edge && gradients.get(edge)) ?? null);
    const passes = GRADIENTS[node.op as Op] !== null && node.inputs.some((edge) => edge && active.has(edge));
    if (passes && all.some((gradient) => gradient)) stepBack(node, all, active, arrive);
  }
  return wrt.map((w) => {
    const gradient = gradients.get(w);
    invariant(gradient, 'differentiate', `nothing that has a gradient depends on ${named(w)}`);
    return expandLike(gradient, w);
  });
}

// ---

/** The float edges whose value changes with one of `wrt`, these included. */
function dependents(graph: Graph, wrt: readonly Edge[]): Set<Edge> {
  const active = new Set(wrt);
  for (const node of graph.nodes) {
    if (GRADIENTS[node.op as Op] === null || !node.inputs.some((edge) => edge && active.has(edge))) continue;
    for (const edge of node.outputs) if (edge?.dtype.startsWith('float')) active.add(edge);
  }
  return active;
}

/** Passes the gradients at one node's outputs on to those of its inputs that are active. */
function stepBack(
  node: Node,
  arrived: readonly (Edge | null)[],
  active: ReadonlySet<Edge>,
  arrive: (edge: Edge, gradient: Edge) => void,
): void {
  const rule = ruleFor(node);
  const all = node.outputs.map((y, i) => {
    const gradient = arrived[i] ?? null;
    return gradient && y && rule.kind === 'whole' ? expandLike(gradient, y) : gradient;
  });
  const [y] = node.outputs as readonly Edge[];
  const [g] = all as readonly Edge[];
  const pulls = rule.pull({ node, inputs: node.inputs as readonly Edge[], y, g, all });
  invariant(
    pulls.length === node.inputs.length,
    `differentiate ${node.op}`,
    `its rule has ${pulls.length} gradients for ${node.inputs.length} inputs`,
  );
  node.inputs.forEach((input, i) => {
    const pull = pulls[i];
    if (!input || !pull || !active.has(input)) return;
    const gradient = pull();
    arrive(input, sumBack(gradient, rule.kind === 'pointwise' ? y : gradient, input));
  });
}

function ruleFor(node: Node): Rule {
  const rule = GRADIENTS[node.op as Op] as Rule | null | undefined;
  if (rule) return rule;
  throw new EditorError('internal', `differentiate ${node.op}`, 'no rule for it in the gradient table', 'add a row', {
    op: node.op,
  });
}

/**
 * The gradient of an input that was broadcast to the shape of y: summed over the axes along which the input repeats. On
 * other axes a 1 may go on standing for a gradient that repeats.
 */
function sumBack(gradient: Edge, y: Edge, input: Edge): Edge {
  const wide = y.shape;
  const lead = wide.length - input.shape.length;
  const repeated = (dim: Dim, i: number) => i >= lead && input.shape[i - lead] === 1 && dim !== 1;
  const inner = wide.flatMap((dim, i) => (repeated(dim, i) ? [i] : []));
  const outer = wide.slice(0, lead).map((_, i) => i);
  const counted = [...inner, ...outer].every((i) => gradient.shape[i] === wide[i]);
  const full = counted ? gradient : expandLike(gradient, y);
  const kept = inner.length ? reduceSum(full, inner) : full;
  return outer.length ? reduceSum(kept, outer, false) : kept;
}

function named(edge: Edge): string {
  return `${edge.name} ${formatShape(edge.shape)}`;
}
