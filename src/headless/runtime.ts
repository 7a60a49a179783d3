import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { EditorError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';

/**
 * A device of this process: ONNX Runtime's WASM, or WebGPU by the package `webgpu` (Dawn), the same code as in the tab.
 *
 * @throws EditorError `no-device`, `invalid-input`
 */
export async function openNodeDevice(kind: string, threads: number): Promise<Device> {
  if (kind !== 'wasm' && kind !== 'webgpu') {
    throw new EditorError('invalid-input', 'open a device', `--device is ${kind}`, 'use wasm or webgpu');
  }
  if (kind === 'webgpu') await provideGpu();
  const { device } = await openDevice(kind, { threads, readBinary: readOrtBinary, largestWeight: 0 });
  return device;
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
