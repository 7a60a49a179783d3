import { invariant } from '../base/errors.ts';
import { BYTES, formatShape, sizeOf } from '../base/tensor.ts';
import type { DType } from '../base/tensor.ts';
import type { Dim, Edge } from './graph.ts';
import { constantTensor, externalTensor, graphMessage, modelMessage, nodeMessage } from './messages.ts';
import { toBytes } from './protobuf.ts';
import type { Message } from './protobuf.ts';
import { isStatic, sameShape } from './shapes.ts';
import type { Subgraph } from './subgraph.ts';

/** Where the weights of a model are. */
export type Weights =
  /** Fed at every run: one model serves every layer, and on WebGPU they are uploaded once. */
  | 'inputs'
  /** In a file of raw little-endian numbers that the session is given beside the model. */
  | { readonly external: ReadonlyMap<string, ByteRange>; readonly location: string };

/** A place in a file, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** How a model is written. */
export interface EncodeOptions {
  readonly weights: Weights;
}

/** One tensor that a model must be fed, or that it yields. */
export interface Port {
  /** As the session calls it. */
  readonly name: string;
  /** As the subgraphs call it; null for the switch of a subgraph. */
  readonly edge: string | null;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What the model of some subgraphs takes and gives. */
export interface Signature {
  /** Switches first (`run.‹subgraph›`, bool scalars, one for each but the last subgraph), then inputs; not the weights. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

/**
 * ONNX model bytes (IR 10, opset 21).
 *
 * Several subgraphs become one model, so that one session and one copy of the weights serve them all: nested Ifs of which a
 * run takes one branch, chosen by the switches of `signatureOf`. The outputs are those of all subgraphs; the ones of a
 * branch not taken come out with no elements (a scalar as 0), and a run fetches only its own. Its inputs are everyone's: a
 * run feeds those of other branches in `emptyShape`.
 *
 * @throws EditorError `internal` when one name means different tensors in two subgraphs, or a weight has no place
 */
export function encodeModel(
  subgraphs: readonly Subgraph[],
  { weights: place }: EncodeOptions,
): Uint8Array<ArrayBuffer> {
  const { inputs, outputs } = signatureOf(subgraphs);
  const weights = unite(
    'weight',
    subgraphs.map((subgraph) => subgraph.weights),
  );
  const outer = new Map(inputs.map((port) => [port.edge ?? port.name, port.name]));
  const body = subgraphs.length === 1 ? content(subgraphs[0], '', outer) : choice(subgraphs, outputs, '', outer);
  return toBytes(
    modelMessage(
      graphMessage({
        name: subgraphs.map((subgraph) => subgraph.name).join(' '),
        nodes: body.nodes,
        initializers: [...body.initializers, ...(place === 'inputs' ? [] : weights.map((edge) => stored(edge, place)))],
        inputs: [...inputs, ...(place === 'inputs' ? weights : [])],
        outputs,
      }),
    ),
  );
}

/**
 * What `encodeModel` makes of these subgraphs, in its order. An input whose name is also an output of the model, such as a
 * residual, is called `given.‹name›` there.
 *
 * @throws EditorError `internal` when one name means different tensors in two subgraphs
 */
export function signatureOf(subgraphs: readonly Subgraph[]): Signature {
  const results = unite(
    'output',
    subgraphs.map((subgraph) => [...subgraph.outputs.values()]),
  );
  const feeds = unite(
    'input',
    subgraphs.map((subgraph) => subgraph.inputs),
  );
  const yielded = new Set(results.map((edge) => edge.name));
  const port = ({ name, dtype, shape }: Edge, prefix = '') => ({ name: prefix + name, edge: name, dtype, shape });
  const switches = subgraphs
    .slice(0, -1)
    .map(({ name }): Port => ({ name: `run.${name}`, edge: null, dtype: 'bool', shape: [] }));
  return {
    inputs: [...switches, ...feeds.map((edge) => port(edge, yielded.has(edge.name) ? 'given.' : ''))],
    outputs: results.map((edge) => port(edge)),
  };
}

/** A shape with no elements where the declared one leaves a size open; a shape without open sizes stays as it is. */
export function emptyShape(shape: readonly Dim[]): number[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : 0));
}

// ---

/** The inside of a graph. */
interface Content {
  readonly nodes: readonly Message[];
  readonly initializers: readonly Message[];
}

/** One edge for each name; those of equal names must be alike. */
function unite(kind: string, lists: readonly (readonly Edge[])[]): Edge[] {
  const byName = new Map<string, Edge>();
  for (const edge of lists.flat()) {
    const known = byName.get(edge.name) ?? edge;
    invariant(
      known.dtype === edge.dtype && sameShape(known.shape, edge.shape),
      'put subgraphs into one model',
      `${kind} ${edge.name} is ${known.dtype}${formatShape(known.shape)} and ${edge.dtype}${formatShape(edge.shape)}`,
    );
    byName.set(edge.name, known);
  }
  return [...byName.values()];
}

/** A subgraph's nodes and constants. Its own names get the prefix; `outer` translates those of its inputs. */
function content(subgraph: Subgraph, prefix: string, outer: ReadonlyMap<string, string>): Content {
  const nameOf = (edge: Edge | null) => {
    if (!edge) return '';
    if (edge.kind === 'input') return outer.get(edge.name) ?? edge.name;
    return edge.kind === 'weight' ? edge.name : prefix + edge.name;
  };
  return {
    nodes: subgraph.nodes.map((node) => {
      const outputs = node.outputs.map(nameOf);
      const name = `${node.op} ${outputs.find((output) => output)}`;
      return nodeMessage({ ...node, name, inputs: node.inputs.map(nameOf), outputs });
    }),
    initializers: subgraph.constants.map((edge) => constantTensor({ ...edge, name: nameOf(edge) }, edge.values ?? [])),
  };
}

/** One If: the first subgraph, or else the choice among the others. It yields prefix + name for each output. */
function choice(
  subgraphs: readonly Subgraph[],
  outputs: readonly Port[],
  prefix: string,
  outer: ReadonlyMap<string, string>,
): Content {
  const [first, ...others] = subgraphs;
  const node = nodeMessage({
    op: 'If',
    name: `If ${first.name}`,
    inputs: [`run.${first.name}`],
    outputs: outputs.map((port) => prefix + port.name),
    graphs: {
      then_branch: branch([first], outputs, `${prefix}${first.name}/`, outer),
      else_branch: branch(others, outputs, `${prefix}not.${first.name}/`, outer),
    },
  });
  return { nodes: [node], initializers: [] };
}

/** A subgraph, or a choice among several, as the branch of an If: it yields its own outputs and nothing for the others. */
function branch(
  subgraphs: readonly Subgraph[],
  outputs: readonly Port[],
  prefix: string,
  outer: ReadonlyMap<string, string>,
): Message {
  const [only] = subgraphs;
  const several = subgraphs.length > 1;
  const body = several ? choice(subgraphs, outputs, prefix, outer) : content(only, prefix, outer);
  const absent = several ? [] : outputs.filter((port) => !only.outputs.has(port.name));
  const empty = absent.map((port) => nothing(port, prefix));
  return graphMessage({
    name: prefix,
    nodes: [...body.nodes, ...empty.flatMap(({ nodes }) => nodes)],
    initializers: [...body.initializers, ...empty.flatMap(({ initializers }) => initializers)],
    outputs: outputs.map((port) => ({
      ...port,
      name: prefix + port.name,
      shape: absent.includes(port) ? noShape(port.shape) : port.shape,
    })),
  });
}

/** No elements, in the right type and rank. They pass an Identity, because a branch may not yield an initializer. */
function nothing(port: Port, prefix: string): Content {
  const shape = noShape(port.shape);
  const name = `${prefix}nothing.${port.name}`;
  const copy = {
    op: 'Identity',
    name: `Identity ${prefix}${port.name}`,
    inputs: [name],
    outputs: [prefix + port.name],
  };
  return {
    nodes: [nodeMessage(copy)],
    initializers: [constantTensor({ ...port, name, shape }, sizeOf(shape) ? [0] : [])],
  };
}

/** `emptyShape`, and where no size is open an empty first axis. A scalar has none to empty. */
function noShape(shape: readonly Dim[]): number[] {
  const empty = emptyShape(shape);
  return isStatic(shape) && empty.length ? empty.with(0, 0) : empty;
}

function stored(edge: Edge, { external, location }: Exclude<Weights, 'inputs'>): Message {
  const range = external.get(edge.name);
  const size = sizeOf(edge.shape.map(Number)) * BYTES[edge.dtype];
  const found = `${range ? `${range.length} bytes` : 'no place'} for ${edge.dtype}${formatShape(edge.shape)}`;
  invariant(range?.length === size, `store weight ${edge.name}`, found);
  return externalTensor(edge, location, range.offset);
}
