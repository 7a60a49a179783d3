import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { EditorError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';

/** Dawn frees its instance when nobody holds it, and with it every device. */
const held: unknown[] = [];

/**
 * A device of this process: ONNX Runtime's WASM, or WebGPU by the package `webgpu` (Dawn), the same code as in the tab.
 *
 * @throws EditorError `no-device`, `invalid-input`
 */
export async function openNodeDevice(kind: string, threads: number): Promise<Device> {
  if (kind !== 'wasm' && kind !== 'webgpu') {
    throw new EditorError('invalid-input', 'open a device', `--device is ${kind}`, 'use wasm or webgpu');
  }
  const require = createRequire(import.meta.url);
  const build = kind === 'wasm' ? 'ort-wasm-simd-threaded.wasm' : 'ort-wasm-simd-threaded.asyncify.wasm';
  const bytes = await readFile(require.resolve(`onnxruntime-web/${build}`));
  const binary = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  if (kind === 'webgpu') await provideGpu();
  const { device } = await openDevice(kind, { threads, binary, largestWeight: 0 });
  return device;
}

// ---

/** Puts Dawn where a page has WebGPU. */
async function provideGpu(): Promise<void> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  held.push(gpu);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  acceptSharedMemory();
}

/** Dawn in Node refuses views of shared memory, which ORT's WASM heap is: they are copied first. */
function acceptSharedMemory(): void {
  const write = GPUQueue.prototype.writeBuffer;
  GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...rest) {
    const isShared = ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer;
    return write.call(
      this,
      buffer,
      offset,
      (isShared ? new Uint8Array(data as Uint8Array) : data) as BufferSource,
      ...rest,
    );
  };
}
