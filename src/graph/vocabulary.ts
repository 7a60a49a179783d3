import { invariant } from '../base/errors.ts';
import { formatShape } from '../base/tensor.ts';
import type { Attribute, Edge, OutputShape } from './graph.ts';

// prettier-ignore
/** Every ONNX operation that the verbs below emit (opset 21). The gradient table has one row for each. */
export const OPS = [
  'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Exp', 'Log', 'Sqrt', 'Tanh', 'Sigmoid', 'Erf', 'Equal', 'Where', 'Cast', 'Identity',
  'Reshape', 'Transpose', 'Concat', 'Slice', 'Split', 'Pad', 'Expand', 'Shape', 'Gather', 'ScatterND',
  'ReduceSum', 'ReduceMean', 'ReduceMax', 'ArgMax', 'Softmax', 'LayerNormalization', 'MatMul', 'Gemm',
] as const;

/** The name of an operation that a verb emits. */
export type Op = (typeof OPS)[number];

/** Settings of a node by name. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** Appends a node with one output, in the graph of its first input. */
export function emit(op: Op, inputs: readonly Edge[], output: OutputShape, attributes: Attributes = {}): Edge {
  return emitAll(op, inputs, [output], attributes)[0];
}

/** Appends a node with several outputs. */
export function emitAll(
  op: Op,
  inputs: readonly Edge[],
  outputs: readonly OutputShape[],
  attributes: Attributes = {},
): readonly Edge[] {
  return inputs[0].graph.append(op, inputs, outputs, attributes);
}

/** Integers as the int64 constant that ONNX wants for axes, sizes and shapes. */
export function ints(x: Edge, values: readonly number[]): Edge {
  return x.graph.constant(values, [values.length], 'int64');
}

/** The edge itself. Throws `internal` unless it holds floats. */
export function float(x: Edge): Edge {
  invariant(x.dtype === 'float32' || x.dtype === 'float64', 'compute with floats', `${x.name} is ${x.dtype}`);
  return x;
}

/** "float32[N, 4]". */
export function describe(edge: Edge): string {
  return `${edge.dtype}${formatShape(edge.shape)}`;
}
