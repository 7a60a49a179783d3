import { EditorError, invariant } from './errors.ts';

/** Element types a graph computes with. */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'bool';

/** Element types a checkpoint may store; the 16-bit floats are widened to float32 when read. */
export type StoredDType = DType | 'float16' | 'bfloat16' | 'uint8' | 'int8' | 'int16';

interface ArrayOf {
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
}

/** The typed array of any of them. */
export type TensorData = ArrayOf[DType];

/** Host data with its shape, row-major. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: ArrayOf[D];
}

/** A float tensor: what weights, hidden states and patches are. */
export type FloatTensor = Tensor<'float32'> | Tensor<'float64'>;

/** Bytes per element. */
export const BYTES: Record<StoredDType, number> = {
  float32: 4,
  float64: 8,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  int8: 1,
  int16: 2,
};

/** Product of the dimensions; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** "[2, 3]", the one way a shape is printed. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

/** A tensor over existing data (not copied). Throws `internal` when the sizes differ. */
export function makeTensor<D extends DType>(dtype: D, data: ArrayOf[D], shape: readonly number[]): Tensor<D> {
  invariant(data.length === sizeOf(shape), 'make a tensor', `${data.length} values for shape ${formatShape(shape)}`);
  return { dtype, shape, data };
}

/** A float32 tensor over existing data, or from numbers. */
export function f32(data: Float32Array<ArrayBuffer> | readonly number[], shape: readonly number[]): Tensor<'float32'> {
  return makeTensor('float32', data instanceof Float32Array ? data : Float32Array.from(data), shape);
}

/** A float64 tensor over existing data, or from numbers. */
export function f64(data: Float64Array<ArrayBuffer> | readonly number[], shape: readonly number[]): Tensor<'float64'> {
  return makeTensor('float64', data instanceof Float64Array ? data : Float64Array.from(data), shape);
}

/** An int32 tensor over existing data, or from numbers. */
export function i32(data: Int32Array<ArrayBuffer> | readonly number[], shape: readonly number[]): Tensor<'int32'> {
  return makeTensor('int32', data instanceof Int32Array ? data : Int32Array.from(data), shape);
}

/** An int64 tensor from numbers: ONNX wants shapes in it. */
export function i64(values: readonly number[], shape: readonly number[] = [values.length]): Tensor<'int64'> {
  return makeTensor('int64', BigInt64Array.from(values, BigInt), shape);
}

/** All zeros. */
export function zeros<D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> {
  const size = sizeOf(shape);
  const arrays: { [K in DType]: () => ArrayOf[K] } = {
    float32: () => new Float32Array(size),
    float64: () => new Float64Array(size),
    int32: () => new Int32Array(size),
    int64: () => new BigInt64Array(size),
    bool: () => new Uint8Array(size),
  };
  return makeTensor(dtype, arrays[dtype](), shape);
}

/** The same numbers in the other float type; the tensor itself when it already has it. */
export function toFloat<D extends FloatTensor['dtype']>(
  tensor: FloatTensor,
  dtype: D,
): Extract<FloatTensor, { readonly dtype: D }> {
  type Out = Extract<FloatTensor, { readonly dtype: D }>;
  if (tensor.dtype === dtype) return tensor as Out;
  const { data, shape } = tensor;
  return (dtype === 'float64' ? f64(Float64Array.from(data), shape) : f32(Float32Array.from(data), shape)) as Out;
}

/**
 * Little-endian checkpoint bytes → float32. Half and bfloat16 widen exactly; float64 rounds.
 *
 * @throws EditorError `unsupported-model` for integer weights
 */
export function widenToFloat32(bytes: Uint8Array, dtype: StoredDType, what: string): Float32Array<ArrayBuffer> {
  const count = bytes.byteLength / BYTES[dtype];
  invariant(Number.isInteger(count), `read ${what}`, `${bytes.byteLength} bytes of ${dtype}`);
  const aligned = bytes.byteOffset % BYTES[dtype] === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  switch (dtype) {
    case 'float32':
      return new Float32Array(buffer, byteOffset, count).slice();
    case 'float64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    case 'float16':
      return widenHalf(new Uint16Array(buffer, byteOffset, count));
    case 'bfloat16':
      return widenBfloat(new Uint16Array(buffer, byteOffset, count));
    default:
      throw new EditorError(
        'unsupported-model',
        `read ${what}`,
        `its values are ${dtype}`,
        'use a checkpoint with float32, float16 or bfloat16 weights',
        { dtype },
      );
  }
}

let halfTable: Float32Array | undefined;

/** IEEE half → float32 through a table of all 65,536 values: exact, and ten times faster than arithmetic. */
function widenHalf(halves: Uint16Array): Float32Array<ArrayBuffer> {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => halfToNumber(bits));
  const out = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) out[i] = halfTable[halves[i]];
  return out;
}

/** One IEEE half as a number: sign, 5 bits of exponent, 10 of fraction. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a float32. */
function widenBfloat(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}
