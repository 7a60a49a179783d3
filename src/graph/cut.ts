import type { Edge, Graph } from './graph.ts';
import { ancestors, extract } from './subgraph.ts';
import type { Subgraph } from './subgraph.ts';

/** A part of a graph to cut out: its name and what it yields. */
export interface Part {
  readonly name: string;
  readonly outputs: Readonly<Record<string, Edge>>;
}

/** Sizes assumed for names, only to weigh one value against another; other names count as 64. */
export const USUAL_SIZES: Readonly<Record<string, number>> = { B: 8, T: 8, N: 64, P: 56, S: 64, r: 4 };

/**
 * Cuts one differentiated graph into a forward part and backward parts that run later.
 *
 * What a backward part needs of the forward part is stored: it becomes an extra forward output, `residual.‹edge›`, and an
 * input of that name. A value that is a forward output anyway is read under its own name. Stored are never inputs, weights
 * or constants, and of the rest as few numbers as can be: everything that follows from the stored values without a matrix
 * product is computed again. Which values that are is a minimum cut, found by maximum flow: each forward value can carry as
 * much as it is large, matrix products are the source, and what backward nodes read is the sink. Of equal cuts it takes the
 * one that computes least again.
 *
 * @param sizes assumed sizes of names, by which values are weighed
 * @returns     forward first, then the backward parts in their order
 */
export function cut(
  graph: Graph,
  forward: Part,
  backward: readonly Part[],
  sizes: Readonly<Record<string, number>> = USUAL_SIZES,
): Subgraph[] {
  const first = new Set(ancestors(graph, Object.values(forward.outputs)));
  const isForward = (edge: Edge | null): edge is Edge => !!edge?.producer && first.has(edge.producer);

  const wanted = backward.flatMap((part) => Object.values(part.outputs));
  const later = ancestors(graph, wanted).filter((node) => !first.has(node));
  const read = new Set([...wanted, ...later.flatMap((node) => node.inputs)].filter(isForward));

  const names = new Map(
    Object.entries(forward.outputs)
      .map(([name, edge]): [Edge, string] => [edge, name])
      .reverse(),
  );
  const values = [...first].flatMap((node) => node.outputs).filter(isForward);
  const stored = minimumCut(values, read, (edge) => (names.has(edge) ? 0 : weigh(edge, sizes)));
  const residuals = stored.filter((edge) => !names.has(edge)).map((edge) => [`residual.${edge.name}`, edge] as const);
  for (const [name, edge] of residuals) names.set(edge, name);

  const given = stored.map((edge): [Edge, string] => [edge, String(names.get(edge))]);
  return [
    extract(graph, forward.name, { ...forward.outputs, ...Object.fromEntries(residuals) }),
    ...backward.map(({ name, outputs }) => extract(graph, name, outputs, given)),
  ];
}

// ---

/** Operations whose cost grows faster than their operands: not done twice. */
const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm']);

/** Numbers to store, and a little for each tensor. A reshaped one weighs a little more than what it was: as an output it is a copy. */
function weigh({ shape, producer }: Edge, sizes: Readonly<Record<string, number>>): number {
  const extra = producer?.op === 'Reshape' ? 2 : 1;
  return shape.reduce((size: number, dim) => size * (typeof dim === 'number' ? dim : (sizes[dim] ?? 64)), 1) + extra;
}

/**
 * The lightest set of `values` from which all of `read` follow without a product; of equal ones the nearest to `read`.
 *
 * Every value is an arc from its entry 2i to its exit 2i + 1 with its weight as capacity; a value computed from another
 * leads from the other's exit to its own entry without limit.
 */
function minimumCut(values: readonly Edge[], read: ReadonlySet<Edge>, weight: (edge: Edge) => number): Edge[] {
  const index = new Map(values.map((edge, i) => [edge, i]));
  const source = 2 * values.length;
  const sink = source + 1;
  const capacity = Array.from({ length: sink + 1 }, () => new Map<number, number>());
  const link = (from: number, to: number, limit: number) => {
    capacity[from].set(to, limit);
    if (!capacity[to].has(from)) capacity[to].set(from, 0);
  };
  values.forEach((edge, i) => {
    link(2 * i, 2 * i + 1, weight(edge));
    if (read.has(edge)) link(2 * i + 1, sink, Infinity);
    if (edge.producer && PRODUCTS.has(edge.producer.op)) return link(source, 2 * i, Infinity);
    for (const input of edge.producer?.inputs ?? []) {
      const from = input && index.get(input);
      if (from !== null && from !== undefined) link(2 * from + 1, 2 * i, Infinity);
    }
  });

  /** Everything that `to` can be reached from over arcs with room left, with the next step on the way. */
  const reaching = (to: number): Map<number, number> => {
    const next = new Map([[to, to]]);
    for (const at of next.keys()) {
      for (const before of capacity[at].keys()) {
        if (!next.has(before) && (capacity[before].get(at) ?? 0) > 0) next.set(before, at);
      }
    }
    return next;
  };
  for (;;) {
    const next = reaching(sink);
    if (!next.has(source)) return values.filter((_, i) => !next.has(2 * i) && next.has(2 * i + 1));
    const path = [source];
    while (path[path.length - 1] !== sink) path.push(next.get(path[path.length - 1]) as number);
    const arcs = path.slice(1).map((to, i) => [path[i], to] as const);
    const flow = Math.min(...arcs.map(([from, to]) => capacity[from].get(to) ?? 0));
    for (const [from, to] of arcs) {
      capacity[from].set(to, (capacity[from].get(to) ?? 0) - flow);
      capacity[to].set(from, (capacity[to].get(from) ?? 0) + flow);
    }
  }
}
