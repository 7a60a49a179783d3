import { invariant } from '../base/errors.ts';
import { BYTES, formatShape, type DType } from '../base/tensor.ts';
import type { DeviceTensor } from './memory.ts';

/**
 * The scalars of a kernel, as one uniform struct of 4-byte fields: first the sizes, then the values. The sizes are
 * the symbols in the shapes of the other bindings, so they are never passed: they follow from the tensors.
 */
export interface UniformBinding {
  readonly access: 'uniform';
  readonly sizes: readonly string[];
  readonly values: Readonly<Record<string, 'u32' | 'f32'>>;
}

/** A tensor of a kernel. Its shape holds numbers and symbols; a symbol must mean the same number everywhere. */
export interface StorageBinding {
  readonly access: 'read' | 'read_write';
  readonly dtype: 'float32' | 'int32';
  readonly shape: readonly (string | number)[];
  /** The shader moves the numbers as `u32` and computes nothing with them: every NaN, −0 and denormal survives. */
  readonly asBits?: true;
}

/**
 * What a kernel binds, in the order of `@binding`: the one place where that is written. The bind group layout, the
 * uniform struct, the types of the arguments and their checks all follow from it; a test compares it with the
 * header and the declarations of the shader.
 */
export type BindingRecord = Readonly<Record<string, UniformBinding | StorageBinding>>;

/** The tensors that a record asks for. */
export type TensorsOf<B extends BindingRecord> = {
  readonly [K in keyof B as B[K] extends StorageBinding ? K : never]: DeviceTensor;
};

/** The numbers that a record asks for, without its sizes. */
export type ValuesOf<B extends BindingRecord> = {
  readonly [K in keyof Extract<B[keyof B], UniformBinding>['values']]: number;
};

/** The tensor bindings of a record, in order. */
export function storageBindings(bindings: BindingRecord): [name: string, binding: StorageBinding][] {
  return Object.entries(bindings).filter((entry): entry is [string, StorageBinding] => entry[1].access !== 'uniform');
}

/** The uniform binding of a record. It is always the first, `params`, at `@binding(0)`. */
export function uniformBinding(bindings: BindingRecord): UniformBinding {
  const [first] = Object.values(bindings);
  invariant(first.access === 'uniform', 'use a binding record', 'its first binding is not the uniform');
  return first;
}

/** Fields of the uniform struct with their WGSL types, in order. */
export function uniformFields(bindings: BindingRecord): [name: string, type: 'u32' | 'f32'][] {
  const { sizes, values } = uniformBinding(bindings);
  return [...sizes.map((size): [string, 'u32'] => [size, 'u32']), ...Object.entries(values)];
}

/**
 * Checks tensors against the record and finds what each symbol stands for.
 *
 * @throws EditorError `internal` naming kernel, tensor, and what differs
 */
export function resolveSizes(
  kernel: string,
  bindings: BindingRecord,
  tensors: Readonly<Record<string, DeviceTensor>>,
): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [name, { dtype, shape }] of storageBindings(bindings)) {
    const tensor = tensors[name];
    const wanted = `${dtype} ${formatShape(shape)}`;
    const what = `run kernel ${kernel}`;
    invariant(
      tensor.dtype === dtype && tensor.shape.length === shape.length,
      what,
      `${name} is ${tensor.dtype} ${formatShape(tensor.shape)}, not ${wanted}`,
    );
    for (const [axis, symbol] of shape.entries()) {
      const size = tensor.shape[axis];
      const known = typeof symbol === 'number' ? symbol : (sizes.get(symbol) ?? size);
      invariant(
        size === known,
        what,
        `${name} is ${formatShape(tensor.shape)}, not ${wanted} with ${symbol} = ${known}`,
      );
      if (typeof symbol === 'string') sizes.set(symbol, size);
    }
  }
  return sizes;
}

/** Bytes of the uniform struct. */
export function uniformBytes(bindings: BindingRecord): number {
  return uniformFields(bindings).length * BYTES.int32;
}

/** Writes the uniform struct of one dispatch into `view` at `offset`. */
export function writeUniforms(
  bindings: BindingRecord,
  sizes: ReadonlyMap<string, number>,
  values: Readonly<Record<string, number>>,
  view: DataView,
  offset: number,
): void {
  for (const [index, [name, type]] of uniformFields(bindings).entries()) {
    const value = sizes.get(name) ?? values[name];
    invariant(value !== undefined, 'fill the uniforms of a kernel', `${name} has no value`);
    if (type === 'f32') view.setFloat32(offset + 4 * index, value, true);
    else view.setUint32(offset + 4 * index, value, true);
  }
}

/** WGSL's name of an element type. */
export function wgslType({ dtype, asBits }: StorageBinding): string {
  const names: Partial<Record<DType, string>> = { float32: 'f32', int32: 'i32' };
  return asBits ? 'u32' : String(names[dtype]);
}
