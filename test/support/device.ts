import type { Device } from '../../src/device/device.ts';
import { loadOrt } from '../../src/device/ort.ts';
import { wasmDevice } from '../../src/device/wasm.ts';
import { readOrtBinary } from '../../src/headless/runtime.ts';

/** ONNX Runtime's WASM in this process, on one thread. */
export async function testDevice(float: 'float32' | 'float64' = 'float32'): Promise<Device> {
  return wasmDevice(await loadOrt('wasm', { threads: 1, readBinary: readOrtBinary }), float);
}
