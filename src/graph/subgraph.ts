import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { Attribute, Edge, Graph, Node } from './graph.ts';

/** The part of a graph that some outputs need, complete in itself: what the encoder writes and a session runs. */
export interface Subgraph {
  readonly name: string;
  /** What must be fed, in the order it was declared. */
  readonly inputs: readonly Edge[];
  readonly weights: readonly Edge[];
  readonly constants: readonly Edge[];
  /** In topological order. */
  readonly nodes: readonly Node[];
  /** By name; the edge of an output carries that same name. */
  readonly outputs: ReadonlyMap<string, Edge>;
}

/** The nodes that `outputs` depend on, in topological order; the walk stops at `given` edges. */
export function ancestors(
  graph: Graph,
  outputs: Iterable<Edge>,
  given: { has(edge: Edge): boolean } = new Set<Edge>(),
): Node[] {
  const needed = new Set<Node>();
  const waiting = [...outputs];
  for (let edge = waiting.pop(); edge; edge = waiting.pop()) {
    const node = edge.producer;
    if (!node || given.has(edge) || needed.has(node)) continue;
    needed.add(node);
    for (const input of node.inputs) if (input) waiting.push(input);
  }
  return graph.nodes.filter((node) => needed.has(node));
}

/**
 * Cuts out what `outputs` need.
 *
 * A value that is an output simply takes the output's name: an Identity node would be a copy on WebGPU. Only an output that
 * is also another output, or comes from outside, needs one.
 *
 * @param given edges that become inputs instead of being computed; a pair gives the name to feed it by
 * @throws EditorError `internal` when two edges would carry one name
 */
export function extract(
  graph: Graph,
  name: string,
  outputs: Readonly<Record<string, Edge>>,
  given: Iterable<Edge | readonly [Edge, string]> = [],
): Subgraph {
  const fed = new Map([...given].map((item) => ('graph' in item ? [item, item.name] : item)));
  const nodes = ancestors(graph, Object.values(outputs), fed);
  const asked = Object.entries(outputs);

  const names = new Map<Edge, string>(fed);
  for (const [output, edge] of asked) if (edge.producer && !names.has(edge)) names.set(edge, output);

  const copies = new Map<Edge, Edge>();
  const taken = new Set<string>();
  const copy = (edge: Edge, producer: Node | null): Edge => {
    const own = { ...edge, name: names.get(edge) ?? edge.name, producer };
    if (fed.has(edge)) Object.assign(own, { kind: 'input' });
    invariant(!taken.has(own.name), `cut out ${name}`, `two of its edges would be called ${own.name}`);
    taken.add(own.name);
    copies.set(edge, own);
    return own;
  };

  const read = new Set([...nodes.flatMap((node) => node.inputs), ...Object.values(outputs)]);
  const leaves = (edges: Iterable<Edge>) => [...edges].filter((edge) => read.has(edge)).map((edge) => copy(edge, null));
  const inputs = leaves([...graph.inputs.filter((edge) => !fed.has(edge)), ...fed.keys()]);
  const weights = leaves(graph.weights);
  const constants = leaves(graph.constants);

  const local = (edge: Edge | null) => edge && (copies.get(edge) ?? null);
  const own = nodes.map((node) => {
    const made: (Edge | null)[] = [];
    const mine: Node = { ...node, inputs: node.inputs.map(local), outputs: made };
    for (const edge of node.outputs) made.push(edge && (fed.has(edge) ? null : copy(edge, mine)));
    return mine;
  });

  const results = new Map<string, Edge>();
  for (const [output, edge] of asked) {
    const source = copies.get(edge);
    invariant(source, `cut out ${name}`, `output ${output} is not of this graph`);
    results.set(output, source.name === output && source.producer ? source : repeat(output, source));
  }
  return { name, inputs, weights, constants, nodes: own, outputs: results };

  function repeat(output: string, source: Edge): Edge {
    invariant(!taken.has(output), `cut out ${name}`, `two of its edges would be called ${output}`);
    taken.add(output);
    const made: Edge[] = [];
    const node: Node = { op: 'Identity', inputs: [source], outputs: made, attributes: {} };
    made.push({ ...source, name: output, kind: 'value', producer: node, values: null });
    own.push(node);
    return made[0];
  }
}

/** A subgraph as text, one line an edge: for snapshots and for people. */
export function printGraph(subgraph: Subgraph): string {
  const typed = (edge: Edge) => `${edge.name} ${edge.dtype}${formatShape(edge.shape)}`;
  const operand = (edge: Edge | null) => {
    if (!edge) return '_';
    if (!edge.values || edge.values.length > LONGEST_CONSTANT) return edge.name;
    const text = edge.values
      .map((value) => (Number.isInteger(value) ? value : Number(value.toPrecision(6))))
      .join(', ');
    return edge.shape.length === 0 ? text : `[${text}]`;
  };
  return [
    subgraph.name,
    ...subgraph.inputs.map((edge) => `  input ${typed(edge)}`),
    ...subgraph.weights.map((edge) => `  weight ${typed(edge)}`),
    ...subgraph.nodes.map((node) => {
      const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${formatAttribute(value)}`);
      const results = node.outputs.map((edge) => (edge ? typed(edge) : '_')).join(', ');
      return `  ${results} = ${node.op}(${[...node.inputs.map(operand), ...attributes].join(', ')})`;
    }),
    `  output ${[...subgraph.outputs.keys()].join(', ')}`,
  ].join('\n');
}

// ---

const LONGEST_CONSTANT = 8;

function formatAttribute(value: Attribute): string {
  if (typeof value === 'number' || typeof value === 'string') return String(value);
  if ('float' in value) return String(value.float);
  if ('dtype' in value) return value.dtype;
  return `[${value.join(', ')}]`;
}
