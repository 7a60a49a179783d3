import type * as Ort from 'onnxruntime-web';
import type { InferenceSession, Tensor, TypedTensor } from 'onnxruntime-web';
import asyncifyGlue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiGlue from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainGlue from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** ONNX Runtime's own module, whichever build of it was loaded. */
export type OrtModule = typeof Ort;

/** A session of ONNX Runtime. */
export type OrtSession = InferenceSession;

/** How a session of ONNX Runtime is made. */
export type OrtSessionOptions = InferenceSession.SessionOptions;

/** A tensor of ONNX Runtime, on the host or in a GPU buffer. */
export type OrtTensor = Tensor;

/** The same where its numbers are float32: for reading `data` without a cast to `any`. */
export type OrtFloatTensor = TypedTensor<'float32'>;

/**
 * What a runtime is loaded for. `wasm` is the plain build: the smallest, the only one with float64 kernels, and without
 * any code that could touch WebGPU. `webgpu` carries the WebGPU provider, in one of two builds: WebAssembly has to wait
 * for the GPU in the middle of a call, which browsers with JSPI (promise integration) do themselves; for the others
 * every function was rewritten ("asyncify"), which takes 10 MB more.
 */
export type OrtPurpose = 'wasm' | 'webgpu';

/** How ONNX Runtime is loaded. */
export interface OrtOptions {
  /** Threads of the WASM provider; more than one needs a cross-origin isolated page. */
  readonly threads: number;
  /** Reads a file of ONNX Runtime's, where it can't be fetched (Node). */
  readonly readBinary?: (file: string) => Promise<ArrayBuffer>;
  /** "verbose" makes ORT print where it placed every node: the placement test reads that. */
  readonly logLevel?: 'verbose' | 'error';
}

/**
 * Loads ONNX Runtime, with its WASM from our own folder.
 *
 * The first call for a purpose decides the number of threads: ORT starts its WASM module once.
 */
export async function loadOrt(purpose: OrtPurpose, options: OrtOptions): Promise<OrtModule> {
  const { file, load, glue, wasm } = buildFor(purpose);
  const ort = await load();
  const { env } = ort;
  env.wasm.numThreads = options.threads;
  if (options.readBinary) env.wasm.wasmBinary ??= await options.readBinary(file);
  else env.wasm.wasmPaths = { mjs: absolute(glue), wasm: absolute(wasm) };
  env.logLevel = options.logLevel ?? 'error';
  return ort;
}

// ---

/** One build of ONNX Runtime. */
interface Build {
  /** Its WASM, as the package calls it. */
  readonly file: string;
  readonly load: () => Promise<OrtModule>;
  /** Addresses of its parts. */
  readonly glue: string;
  readonly wasm: string;
}

const PLAIN: Build = {
  file: 'ort-wasm-simd-threaded.wasm',
  load: () => import('onnxruntime-web/wasm'),
  glue: plainGlue,
  wasm: plainWasm,
};

const ASYNCIFY: Build = {
  file: 'ort-wasm-simd-threaded.asyncify.wasm',
  load: () => import('onnxruntime-web/webgpu'),
  glue: asyncifyGlue,
  wasm: asyncifyWasm,
};

const JSPI: Build = {
  file: 'ort-wasm-simd-threaded.jspi.wasm',
  load: () => import('onnxruntime-web/jspi'),
  glue: jspiGlue,
  wasm: jspiWasm,
};

function buildFor(purpose: OrtPurpose): Build {
  if (purpose === 'wasm') return PLAIN;
  return 'Suspending' in WebAssembly ? JSPI : ASYNCIFY;
}

/** ORT imports its glue from inside its own module, so a relative address would be resolved against the wrong folder. */
function absolute(url: string): string {
  return new URL(url, globalThis.location?.href ?? import.meta.url).href;
}
