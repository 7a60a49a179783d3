import { BYTES, sizeOf } from '../base/tensor.ts';
import type { DType } from '../base/tensor.ts';
import type { Attribute, Dim } from './graph.ts';
import { field, floatField, integerField, message } from './protobuf.ts';
import type { Message } from './protobuf.ts';

/** A tensor's name, element type and shape. */
export interface Declared {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What a NodeProto says. Names are those of tensors; an absent one is empty. */
export interface NodeParts {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  /** Attributes that are graphs: the branches of an If. */
  readonly graphs?: Readonly<Record<string, Message>>;
  readonly domain?: string | undefined;
}

/** What a GraphProto says. */
export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly Message[];
  readonly initializers?: readonly Message[];
  readonly inputs?: readonly Declared[];
  readonly outputs: readonly Declared[];
}

/** ModelProto: IR 10, operator set 21. */
export function modelMessage(graph: Message): Message {
  return message(
    integerField(MODEL.irVersion, 10),
    field(MODEL.producerName, 'palimpsest'),
    field(MODEL.graph, graph),
    field(MODEL.opsetImport, message(field(OPSET.domain, ''), integerField(OPSET.version, 21))),
  );
}

/** GraphProto. */
export function graphMessage({ name, nodes, initializers = [], inputs = [], outputs }: GraphParts): Message {
  return message(
    ...nodes.map((node) => field(GRAPH.node, node)),
    field(GRAPH.name, name),
    ...initializers.map((tensor) => field(GRAPH.initializer, tensor)),
    ...inputs.map((input) => field(GRAPH.input, valueInfo(input))),
    ...outputs.map((output) => field(GRAPH.output, valueInfo(output))),
  );
}

/** NodeProto. */
export function nodeMessage({ op, name, inputs, outputs, attributes, graphs, domain }: NodeParts): Message {
  return message(
    ...inputs.map((input) => field(NODE.input, input)),
    ...outputs.map((output) => field(NODE.output, output)),
    field(NODE.name, name),
    field(NODE.opType, op),
    ...Object.entries(attributes ?? {}).map(([key, value]) => field(NODE.attribute, attribute(key, value))),
    ...Object.entries(graphs ?? {}).map(([key, value]) =>
      field(NODE.attribute, attributeOf(key, 'graph', field(ATTRIBUTE.g, value))),
    ),
    ...(domain ? [field(NODE.domain, domain)] : []),
  );
}

/** TensorProto with its numbers inside. */
export function constantTensor(declared: Declared, values: readonly number[]): Message {
  return message(tensorHeader(declared), field(TENSOR.rawData, rawData(declared.dtype, values)));
}

/** TensorProto whose bytes start at `offset` of the file `location`. */
export function externalTensor(declared: Declared, location: string, offset: number): Message {
  const entry = (key: string, value: string | number) =>
    field(TENSOR.externalData, message(field(ENTRY.key, key), field(ENTRY.value, String(value))));
  return message(
    tensorHeader(declared),
    entry('location', location),
    entry('offset', offset),
    entry('length', sizeOf(declared.shape.map(Number)) * BYTES[declared.dtype]),
    integerField(TENSOR.dataLocation, EXTERNAL),
  );
}

// ---

/** Field numbers of onnx.proto (github.com/onnx/onnx). */
const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8 };
const OPSET = { domain: 1, version: 2 };
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { name: 1, f: 2, i: 3, s: 4, g: 6, ints: 8, type: 20 };
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 };
const ENTRY = { key: 1, value: 2 };
const VALUE_INFO = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
const TENSOR_TYPE = { elementType: 1, shape: 2 };
const SHAPE = { dim: 1 };
const DIM = { value: 1, param: 2 };

/** AttributeProto.AttributeType. */
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, graph: 5, ints: 7 };

/** TensorProto.DataType. */
const DATA_TYPE: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 };

/** TensorProto.DataLocation. */
const EXTERNAL = 1;

function attribute(name: string, value: Attribute): Message {
  if (typeof value === 'number') return attributeOf(name, 'int', integerField(ATTRIBUTE.i, value));
  if (typeof value === 'string') return attributeOf(name, 'string', field(ATTRIBUTE.s, value));
  if ('float' in value) return attributeOf(name, 'float', floatField(ATTRIBUTE.f, value.float));
  if ('dtype' in value) return attributeOf(name, 'int', integerField(ATTRIBUTE.i, DATA_TYPE[value.dtype]));
  return attributeOf(name, 'ints', ...value.map((entry) => integerField(ATTRIBUTE.ints, entry)));
}

function attributeOf(name: string, type: keyof typeof ATTRIBUTE_TYPE, ...content: readonly Message[]): Message {
  return message(field(ATTRIBUTE.name, name), ...content, integerField(ATTRIBUTE.type, ATTRIBUTE_TYPE[type]));
}

function valueInfo({ name, dtype, shape }: Declared): Message {
  const dims = shape.map((dim) => (typeof dim === 'string' ? field(DIM.param, dim) : integerField(DIM.value, dim)));
  const type = message(
    integerField(TENSOR_TYPE.elementType, DATA_TYPE[dtype]),
    field(TENSOR_TYPE.shape, message(...dims.map((dim) => field(SHAPE.dim, dim)))),
  );
  return message(field(VALUE_INFO.name, name), field(VALUE_INFO.type, field(TYPE.tensor, type)));
}

function tensorHeader({ name, dtype, shape }: Declared): Message {
  return message(
    ...shape.map((dim) => integerField(TENSOR.dims, Number(dim))),
    integerField(TENSOR.dataType, DATA_TYPE[dtype]),
    field(TENSOR.name, name),
  );
}

function rawData(dtype: DType, values: readonly number[]): Uint8Array {
  const arrays: { [D in DType]: () => ArrayBufferView } = {
    float32: () => Float32Array.from(values),
    float64: () => Float64Array.from(values),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(values, BigInt),
    bool: () => Uint8Array.from(values),
  };
  const { buffer, byteOffset, byteLength } = arrays[dtype]();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
