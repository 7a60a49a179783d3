import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { EditorError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { loadOrt } from '../device/ort.ts';
import { wasmDevice } from '../device/wasm.ts';

/** Models up to this many parameters are computed in float64 under `--precision auto`: there it takes seconds more. */
const DOUBLE_UP_TO = 50e6;

/**
 * What numbers a command computes in. WebGPU has float32 alone. On WASM small models are computed in float64: there an
 * edit equals the PyTorch reference to 1e-6, while in float32 Adam divides by gradients that are mostly rounding.
 *
 * @param asked `auto`, `float32` or `float64`
 * @throws EditorError `invalid-input`
 */
export function choosePrecision(asked: string, kind: string, parameters: number): Device['float'] {
  const double = kind === 'wasm' && (asked === 'float64' || (asked === 'auto' && parameters <= DOUBLE_UP_TO));
  if (double) return 'float64';
  if (asked === 'auto' || asked === 'float32') return 'float32';
  const found = asked === 'float64' ? 'WebGPU has no float64' : `--precision is ${asked}`;
  throw new EditorError('invalid-input', 'choose a precision', found, 'use auto or float32, or float64 on wasm');
}

/**
 * A device of this process: ONNX Runtime's WASM, or WebGPU by the package `webgpu` (Dawn), the same code as in the tab.
 *
 * @throws EditorError `no-device`, `invalid-input`
 */
export async function openNodeDevice(kind: string, threads: number, float: Device['float']): Promise<Device> {
  const options = { threads, readBinary: readOrtBinary };
  if (kind === 'wasm') return wasmDevice(await loadOrt('wasm', options), float);
  if (kind !== 'webgpu') {
    throw new EditorError('invalid-input', 'open a device', `--device is ${kind}`, 'use wasm or webgpu');
  }
  await provideGpu();
  return (await openDevice(kind, { ...options, largestWeight: 0 })).device;
}

/** Reads a file of the package onnxruntime-web, which a page would fetch. */
export async function readOrtBinary(file: string): Promise<ArrayBuffer> {
  const bytes = await readFile(createRequire(import.meta.url).resolve(`onnxruntime-web/${file}`));
  const { buffer, byteOffset, byteLength } = bytes;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

/** Puts Dawn where a page has WebGPU; once a process. Returns `navigator.gpu`. */
export async function provideGpu(): Promise<GPU> {
  if (held[0]) return held[0];
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  held.push(gpu);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  acceptSharedMemory();
  return gpu;
}

// ---

/** Dawn frees its instance when nobody holds it, and with it every device: what still uses one then crashes. */
const held: GPU[] = ((globalThis as { keptForDawn?: GPU[] }).keptForDawn ??= []);

/** Dawn in Node refuses views of shared memory, which ORT's WASM heap is: they are copied first. */
function acceptSharedMemory(): void {
  const write = GPUQueue.prototype.writeBuffer;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...rest) {
    const isShared = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer;
    const plain = isShared ? new Uint8Array(data as Uint8Array) : data;
    return write.call(this, buffer, offset, plain as BufferSource, ...rest);
  };
}
