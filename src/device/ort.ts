import type * as Ort from 'onnxruntime-web';
import asyncifyGlue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import plainGlue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** ONNX Runtime's own module, whichever build of it was loaded. */
export type OrtModule = typeof Ort;

/**
 * The two builds we use. `wasm` is the plain one: smaller, the only one with float64 kernels, and it has no code that
 * could touch WebGPU. `webgpu` carries the WebGPU provider.
 */
export type OrtBuild = 'wasm' | 'webgpu';

export interface OrtOptions {
  /** Threads of the WASM provider; more than one needs a cross-origin isolated page. */
  readonly threads: number;
  /** The WASM bytes, where they can't be fetched (Node). */
  readonly binary?: ArrayBuffer;
  /** "verbose" makes ORT print where it placed every node: the placement test reads that. */
  readonly logLevel?: 'verbose' | 'error';
}

/**
 * Loads one build of ONNX Runtime, with its WASM from our own folder.
 *
 * The first call decides the number of threads: ORT starts its WASM module once.
 */
export async function loadOrt(build: OrtBuild, options: OrtOptions): Promise<OrtModule> {
  const ort: OrtModule =
    build === 'wasm' ? await import('onnxruntime-web/wasm') : await import('onnxruntime-web/webgpu');
  const { wasm } = ort.env;
  wasm.numThreads = options.threads;
  if (options.binary) wasm.wasmBinary = options.binary;
  else
    wasm.wasmPaths =
      build === 'wasm'
        ? { mjs: absolute(plainGlue), wasm: absolute(plainWasm) }
        : { mjs: absolute(asyncifyGlue), wasm: absolute(asyncifyWasm) };
  ort.env.logLevel = options.logLevel ?? 'error';
  return ort;
}

// ---

/** ORT imports its glue from inside its own module, so a relative address would be resolved against the wrong folder. */
function absolute(url: string): string {
  return new URL(url, globalThis.location?.href ?? import.meta.url).href;
}
