import { invariant } from '../base/errors.ts';
import { formatShape, sizeOf } from '../base/tensor.ts';
import type { DType } from '../base/tensor.ts';

/**
 * A size known now, or the name of one known when the graph runs. Equal names mean equal sizes throughout a graph.
 *
 * Names in use: B prompts, T tokens run now, P tokens cached before them, S = P + T, N = B·T rows, r the rank of a patch.
 */
export type Dim = number | string;

/** What computes with float32 in the tab and, for tests, with float64. */
export type FloatDType = 'float32' | 'float64';

/** A node's setting. Bare numbers are integers; floats and element types say so. */
export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly dtype: DType };

/** An arrow of the graph: one tensor that a feed, a weight, a constant or a node provides. */
export interface Edge {
  readonly graph: Graph;
  /** Unique in its graph. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly kind: 'input' | 'weight' | 'constant' | 'value';
  /** The node that computes it; null for what comes from outside. */
  readonly producer: Node | null;
  /** A constant's numbers, row-major; null for everything else. */
  readonly values: readonly number[] | null;
}

/** One ONNX operation. Absent optional inputs and unused outputs are null. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly (Edge | null)[];
  readonly outputs: readonly (Edge | null)[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** The operator set it comes from; absent for ONNX's own. */
  readonly domain?: string;
}

/** What a node is asked to yield. */
export interface OutputShape {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/**
 * A graph under construction. It only grows: a node can read nothing but edges that exist, so its nodes are always in
 * topological order. Operations are pure, so the same one on the same edges is made once.
 */
export class Graph {
  readonly float: FloatDType;
  readonly inputs: Edge[] = [];
  readonly weights: Edge[] = [];
  readonly constants: Edge[] = [];
  readonly nodes: Node[] = [];
  readonly #edges = new Map<string, Edge>();
  readonly #made = new Map<string, readonly Edge[]>();
  readonly #counts = new Map<string, number>();
  readonly #shapes: { readonly edge: Edge; readonly dims: readonly Dim[] }[] = [];

  constructor(float: FloatDType) {
    this.float = float;
  }

  /** A tensor fed at every run. */
  input(name: string, shape: readonly Dim[], dtype: DType = this.float): Edge {
    const edge = this.#leaf('input', name, dtype, shape, null);
    this.inputs.push(edge);
    return edge;
  }

  /**
   * An int64 input that carries the sizes `dims` at run time, for `reshape` and `slice`. Gradient rules find it by those
   * sizes when they need the way back. One dimension may be −1: whatever is left.
   */
  shapeInput(name: string, dims: readonly Dim[]): Edge {
    const edge = this.input(name, [dims.length], 'int64');
    this.#shapes.push({ edge, dims });
    return edge;
  }

  /** The shape input that carries these sizes, if there is one. `exact` leaves out those with a −1. */
  findShapeInput(dims: readonly Dim[], exact = false): Edge | undefined {
    return this.#shapes.find(
      (known) =>
        known.dims.length === dims.length && known.dims.every((dim, i) => dim === dims[i] || (dim === -1 && !exact)),
    )?.edge;
  }

  /** A tensor of the model: fed or stored with the graph, as the encoder is told. Its type is the graph's float. */
  weight(name: string, shape: readonly number[]): Edge {
    const edge = this.#leaf('weight', name, this.float, shape, null);
    this.weights.push(edge);
    return edge;
  }

  /** Numbers written into the graph; equal ones are one edge. A bare number is a scalar of shape []. */
  constant(values: number | readonly number[], shape?: readonly number[], dtype: DType = this.float): Edge {
    const list = typeof values === 'number' ? [values] : values;
    const dims = shape ?? (typeof values === 'number' ? [] : [list.length]);
    invariant(sizeOf(dims) === list.length, 'make a constant', `${list.length} values for shape ${formatShape(dims)}`);
    const key = `${dtype}${formatShape(dims)}${list.map((value) => (Object.is(value, -0) ? '-0' : value)).join()}`;
    const known = this.#made.get(key);
    if (known) return known[0];
    const edge = this.#leaf('constant', this.#nextName('constant'), dtype, dims, list);
    this.constants.push(edge);
    this.#made.set(key, [edge]);
    return edge;
  }

  /**
   * Adds a node, or finds the equal one that is there. The verbs of `ops.ts` call it and know the shapes.
   *
   * @throws EditorError `internal` when an input belongs to another graph
   */
  append(
    op: string,
    inputs: readonly (Edge | null)[],
    outputs: readonly OutputShape[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain?: string,
  ): readonly Edge[] {
    for (const edge of inputs) {
      invariant(
        edge === null || this.#edges.get(edge.name) === edge,
        `add ${op}`,
        `its input ${edge?.name} is not of this graph`,
      );
    }
    const shapes = outputs.map(({ dtype, shape }) => [dtype, shape]);
    const key = JSON.stringify([op, domain, inputs.map((edge) => edge?.name), attributes, shapes]);
    const known = this.#made.get(key);
    if (known) return known;
    const made: Edge[] = [];
    const node: Node = { op, inputs, outputs: made, attributes, ...(domain === undefined ? {} : { domain }) };
    for (const { dtype, shape } of outputs) {
      const name = this.#nextName(op.charAt(0).toLowerCase() + op.slice(1));
      made.push(this.#register({ graph: this, name, dtype, shape, kind: 'value', producer: node, values: null }));
    }
    this.nodes.push(node);
    this.#made.set(key, made);
    return made;
  }

  #leaf(
    kind: 'input' | 'weight' | 'constant',
    name: string,
    dtype: DType,
    shape: readonly Dim[],
    values: readonly number[] | null,
  ): Edge {
    return this.#register({ graph: this, name, dtype, shape, kind, producer: null, values });
  }

  #register(edge: Edge): Edge {
    invariant(!this.#edges.has(edge.name), `name ${edge.name}`, 'the graph has an edge of that name');
    this.#edges.set(edge.name, edge);
    return edge;
  }

  /** "gemm.0", "gemm.1", …: the same block built twice has the same names, so it encodes to the same bytes. */
  #nextName(stem: string): string {
    const count = this.#counts.get(stem) ?? 0;
    this.#counts.set(stem, count + 1);
    return `${stem}.${count}`;
  }
}
