// Opens every ONNX file of a folder on WebGPU and lets ONNX Runtime say at length what it does with the nodes.
//
// A process of its own, because its log goes to the file descriptors and not to `console`: whoever starts it gives it files.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { create, globals } from 'webgpu';

const [folder] = process.argv.slice(2);
const require = createRequire(import.meta.url);

Object.assign(globalThis, globals);
globalThis.kept = create([]);
Object.defineProperty(globalThis, 'navigator', { value: { gpu: globalThis.kept }, configurable: true });

const ort = await import('onnxruntime-web/webgpu');
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = readFileSync(require.resolve('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm'));
ort.env.logLevel = 'verbose';

const adapter = await navigator.gpu.requestAdapter();
const device = await adapter.requestDevice();
for (const file of readdirSync(folder).filter((name) => name.endsWith('.onnx'))) {
  console.log(`=== ${file}`);
  await ort.InferenceSession.create(readFileSync(join(folder, file)), {
    executionProviders: [{ name: 'webgpu', device }],
    preferredOutputLocation: 'gpu-buffer',
    logSeverityLevel: 0,
  });
}
console.log('=== end');
process.exit(0);
