import { EditorError, invariant } from '../base/errors.ts';
import { BYTES, formatShape, makeTensor, sizeOf, type DType, type Tensor, type TensorData } from '../base/tensor.ts';
import { lostError, type Gpu } from './gpu.ts';

/**
 * A tensor where the engine keeps it: on the GPU, or, in CPU mode, in host memory. Exactly one of `host` and `buffer`
 * is not null.
 */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The numbers themselves, not a copy. */
  readonly host: Tensor | null;
  /** May be larger than the tensor. Throws `internal` after `dispose`. */
  readonly buffer: GPUBuffer | null;
  /** The numbers on the host: a copy from the GPU, the tensor itself in CPU mode. */
  read(): Promise<Tensor>;
  /** Lets go of the memory; doing it twice is harmless. */
  dispose(): void;
}

/** A tensor that stays where it is, in host memory. */
export function hostTensor(tensor: Tensor): DeviceTensor {
  return {
    dtype: tensor.dtype,
    shape: tensor.shape,
    host: tensor,
    buffer: null,
    read: () => Promise.resolve(tensor),
    dispose: () => undefined,
  };
}

/**
 * Copies a tensor to the GPU, into a buffer that sessions and kernels can read and write.
 *
 * @throws EditorError `out-of-memory` when a limit of the device is too small, `device-lost`
 */
export function uploadTensor(gpu: Gpu, tensor: Tensor, label = 'tensor'): DeviceTensor {
  const target = allocateTensor(gpu, tensor.dtype, tensor.shape, label);
  writeTensor(target, tensor);
  return target;
}

/**
 * Room for a tensor on the GPU, its content undefined.
 *
 * @throws EditorError `out-of-memory` when a limit of the device is too small, `device-lost`
 */
export function allocateTensor(gpu: Gpu, dtype: DType, shape: readonly number[], label = 'tensor'): DeviceTensor {
  const what = `put ${label} ${formatShape(shape)} on the GPU`;
  if (gpu.isLost) throw lostError(what);
  const bytes = sizeOf(shape) * BYTES[dtype];
  gpu.demand('maxBufferSize', bytes, what);
  gpu.demand('maxStorageBufferBindingSize', bytes, what);
  const buffer = gpu.pool.take(bytes, STORAGE, label);
  return new BufferTensor(gpu, buffer, dtype, shape, () => gpu.pool.give(buffer));
}

/**
 * A tensor over a buffer that someone else made, such as an output of ONNX Runtime.
 *
 * @param buffer    at least as large as the tensor, with the usages STORAGE and COPY_SRC
 * @param onDispose tells the owner that we are done with it; called once
 */
export function bufferTensor(
  gpu: Gpu,
  buffer: GPUBuffer,
  dtype: DType,
  shape: readonly number[],
  onDispose: () => void,
): DeviceTensor {
  const bytes = sizeOf(shape) * BYTES[dtype];
  invariant(
    buffer.size >= bytes,
    `wrap ${buffer.label || 'a buffer'}`,
    `${buffer.size} bytes for ${formatShape(shape)}`,
  );
  return new BufferTensor(gpu, buffer, dtype, shape, onDispose);
}

/** A copy on the GPU of a tensor from the GPU or the host. */
export function copyTensor(gpu: Gpu, source: DeviceTensor, label?: string): DeviceTensor {
  if (source.host) return uploadTensor(gpu, source.host, label);
  const copy = allocateTensor(gpu, source.dtype, source.shape, label);
  const encoder = gpu.device.createCommandEncoder();
  const bytes = Math.ceil((sizeOf(source.shape) * BYTES[source.dtype]) / 4) * 4;
  if (source.buffer && copy.buffer && bytes > 0) encoder.copyBufferToBuffer(source.buffer, 0, copy.buffer, 0, bytes);
  gpu.device.queue.submit([encoder.finish()]);
  return copy;
}

/** The same memory under another shape, of at most its size. It takes over `source`: disposing it disposes that. */
export function reshapeTensor(source: DeviceTensor, shape: readonly number[]): DeviceTensor {
  const { host } = source;
  if (host) return hostTensor({ ...host, shape, data: host.data.subarray(0, sizeOf(shape)) } as Tensor);
  invariant(source instanceof BufferTensor, 'reshape a tensor', 'it is not on the GPU');
  return bufferTensor(source.gpu, source.buffer, source.dtype, shape, () => source.dispose());
}

/** Overwrites `target` with other numbers of the same type and size. */
export function writeTensor(target: DeviceTensor, source: Tensor): void {
  invariant(
    target.dtype === source.dtype && sizeOf(target.shape) === source.data.length,
    'overwrite a tensor',
    `${source.dtype} ${formatShape(source.shape)} into ${target.dtype} ${formatShape(target.shape)}`,
  );
  if (target instanceof BufferTensor) writeBuffer(target.gpu, target.buffer, source.data);
  else if (target.host) (target.host.data as { set(values: TensorData): void }).set(source.data);
}

/**
 * The numbers of many tensors: from the GPU in one submission and one map.
 *
 * @throws EditorError `device-lost`, or whatever the device complained about before (see `Gpu.throwIfFaulty`)
 */
export async function readMany(tensors: readonly DeviceTensor[]): Promise<Tensor[]> {
  const onGpu = tensors.filter((tensor) => tensor instanceof BufferTensor);
  const read = onGpu.length > 0 ? await readBuffers(onGpu[0].gpu, onGpu) : new Map<DeviceTensor, Tensor>();
  return tensors.map((tensor) => {
    const found = tensor.host ?? read.get(tensor);
    invariant(found, 'read a tensor', 'it is neither on the host nor on this GPU');
    return found;
  });
}

// ---

// The numbers of GPUBufferUsage and GPUMapMode, which are globals only where there is WebGPU.
const MAP_READ = 0x01;
const COPY_SRC = 0x04;
const COPY_DST = 0x08;
const STORAGE = 0x80 | COPY_SRC | COPY_DST;
const STAGING = MAP_READ | COPY_DST;

/** Browsers stage each write in shared memory: smaller pieces keep that small. */
const CHUNK_BYTES = 8 * 2 ** 20;

class BufferTensor implements DeviceTensor {
  readonly gpu: Gpu;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly host = null;
  private readonly memory: GPUBuffer;
  private onDispose: (() => void) | null;

  constructor(gpu: Gpu, buffer: GPUBuffer, dtype: DType, shape: readonly number[], onDispose: () => void) {
    this.gpu = gpu;
    this.dtype = dtype;
    this.shape = shape;
    this.memory = buffer;
    this.onDispose = onDispose;
  }

  get buffer(): GPUBuffer {
    invariant(this.onDispose, `use ${this.memory.label || 'a tensor'} ${formatShape(this.shape)}`, 'it was disposed');
    return this.memory;
  }

  async read(): Promise<Tensor> {
    const [tensor] = await readMany([this]);
    return tensor;
  }

  dispose(): void {
    const onDispose = this.onDispose;
    this.onDispose = null;
    onDispose?.();
  }
}

/** Writes into `buffer`, padding the end to the four bytes that WebGPU writes in. */
function writeBuffer(gpu: Gpu, buffer: GPUBuffer, data: TensorData): void {
  const bytes = new Uint8Array<ArrayBufferLike>(data.buffer, data.byteOffset, data.byteLength);
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
    const part = bytes.subarray(from, from + CHUNK_BYTES);
    gpu.device.queue.writeBuffer(buffer, from, plainBytes(part));
  }
}

/** Bytes that `writeBuffer` takes: a multiple of four long, and not in the shared memory of WASM threads (Node's Dawn refuses it). */
function plainBytes(part: Uint8Array<ArrayBufferLike>): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = part;
  if (length % 4 === 0 && buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, length);
  const copy = new Uint8Array(Math.ceil(length / 4) * 4);
  copy.set(part);
  return copy;
}

async function readBuffers(gpu: Gpu, tensors: readonly BufferTensor[]): Promise<Map<DeviceTensor, Tensor>> {
  const what = `read ${tensors.length === 1 ? formatShape(tensors[0].shape) : `${tensors.length} tensors`} from the GPU`;
  gpu.throwIfFaulty(what);
  const encoder = gpu.device.createCommandEncoder({ label: what });
  const places: { tensor: BufferTensor; from: number; bytes: number }[] = [];
  let total = 0;
  for (const tensor of new Set(tensors)) {
    const bytes = sizeOf(tensor.shape) * BYTES[tensor.dtype];
    places.push({ tensor, from: total, bytes });
    total += Math.ceil(bytes / 8) * 8;
  }
  gpu.demand('maxBufferSize', total, what);
  const staging = gpu.pool.take(total, STAGING, 'staging');
  try {
    for (const { tensor, from, bytes } of places) {
      const padded = Math.ceil(bytes / 4) * 4;
      if (padded > 0) encoder.copyBufferToBuffer(tensor.buffer, 0, staging, from, padded);
    }
    gpu.device.queue.submit([encoder.finish()]);
    const mapped = await map(gpu, staging, what);
    gpu.throwIfFaulty(what);
    return new Map(
      places.map(({ tensor, from, bytes }) => [
        tensor,
        makeTensor(tensor.dtype, typed(tensor.dtype, mapped.slice(from, from + bytes)), tensor.shape),
      ]),
    );
  } finally {
    if (staging.mapState === 'mapped') staging.unmap();
    gpu.pool.give(staging);
  }
}

async function map(gpu: Gpu, staging: GPUBuffer, what: string): Promise<ArrayBuffer> {
  try {
    await staging.mapAsync(MAP_READ);
    return staging.getMappedRange();
  } catch (error) {
    // A map is refused when the device is gone (as an AbortError, which is not the caller's abort) or when a command was invalid.
    gpu.throwIfFaulty(what);
    throw new EditorError(
      'device-lost',
      what,
      `mapping failed (${String(error)})`,
      'open the GPU again, or use CPU mode',
      {},
      { cause: error },
    );
  }
}

function typed(dtype: DType, bytes: ArrayBuffer): TensorData {
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes);
    case 'float64':
      return new Float64Array(bytes);
    case 'int32':
      return new Int32Array(bytes);
    case 'int64':
      return new BigInt64Array(bytes);
    case 'bool':
      return new Uint8Array(bytes);
  }
}
