import { readFileSync } from 'node:fs';
import type { Device } from '../../src/device/device.ts';
import { loadOrt } from '../../src/device/ort.ts';
import { wasmDevice } from '../../src/device/wasm.ts';

const PLAIN = 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm';

/** ONNX Runtime's WASM in this process, on one thread. */
export async function testDevice(float: 'float32' | 'float64' = 'float32'): Promise<Device> {
  const bytes = readFileSync(PLAIN);
  const binary = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  return wasmDevice(await loadOrt('wasm', { threads: 1, binary }), float);
}
