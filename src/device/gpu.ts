import { EditorError } from '../base/errors.ts';
import { BufferPool } from './pool.ts';

/** What a person may want to know about the GPU, as far as the browser tells. */
export interface AdapterSummary {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** A software adapter: right, and slower than WASM. */
  readonly fallback: boolean;
}

/**
 * The one GPU device of the tab, shared by ONNX Runtime's sessions and by our own kernels, so that the outputs of one
 * are inputs of the other without a copy.
 */
export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterSummary;
  readonly limits: GPUSupportedLimits;
  readonly features: ReadonlySet<string>;
  /** Buffers that were let go and wait for their next use. */
  readonly pool: BufferPool;
  /** Resolves with the reason once the device is gone, also after `dispose`. */
  readonly lost: Promise<string>;
  readonly isLost: boolean;
  /** Dispatches of our kernels so far by kernel ("gram.main"), counted where they are submitted: for tests and diagnostics. */
  readonly dispatches: Map<string, number>;
  /** Calls back when the device goes away by itself (not by `dispose`); returns how to stop listening. */
  onLost(callback: (reason: string) => void): () => void;
  /**
   * Throws what the device has complained about since the last call. WebGPU reports errors late and to nobody;
   * whoever takes numbers from the device asks here first, so that no number of a failed run gets out.
   *
   * @throws EditorError `device-lost`, `out-of-memory` or `internal` (a validation error)
   */
  throwIfFaulty(what: string): void;
  /**
   * Checks a size against a limit of the device before it is asked for.
   *
   * @throws EditorError `out-of-memory` naming the limit, the number asked and the number allowed
   */
  demand(limit: LimitName, asked: number, what: string): void;
  dispose(): void;
}

/** Limits we ask the adapter for: the defaults are made for phones (a weight may be larger than 128 MiB). */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

/** A limit that we ask for and check against. */
export type LimitName = (typeof LIMITS)[number];

/** Features that ONNX Runtime uses where they exist. */
const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** The browser's adapter, or null where it has none. Never called in CPU mode: even asking can start a GPU process. */
export async function findAdapter(): Promise<GPUAdapter | null> {
  const gpu = (globalThis.navigator as Partial<Navigator> | undefined)?.gpu;
  return (await gpu?.requestAdapter({ powerPreference: 'high-performance' })) ?? null;
}

/**
 * Opens the device with everything that its adapter allows. An adapter gives one device only: after a loss, ask for
 * another adapter.
 *
 * @throws EditorError `no-device` when the adapter gives none
 */
export async function openGpu(adapter: GPUAdapter): Promise<Gpu> {
  const device = await requestDevice(adapter);
  const lost = device.lost.then(({ reason, message }) => message || reason);
  const faults: EditorError[] = [];
  let isLost = false;
  let isDisposed = false;

  // A listener, not `onuncapturederror`: ONNX Runtime has the same device and may want that property for itself.
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    // The first complaint is the cause, the others are its echoes.
    if (faults.length === 0) faults.push(describeFault(event.error));
  });
  void lost.then(() => {
    isLost = true;
  });

  return {
    device,
    adapter: summarize(adapter),
    limits: device.limits,
    features: new Set(device.features),
    pool: new BufferPool(device),
    lost,
    get isLost() {
      return isLost;
    },
    dispatches: new Map(),
    onLost(callback) {
      let listening = true;
      void lost.then((reason) => {
        if (listening && !isDisposed) callback(reason);
      });
      return () => {
        listening = false;
      };
    },
    throwIfFaulty(what) {
      if (isLost) throw lostError(what);
      const fault = faults.pop();
      if (fault) throw new EditorError(fault.code, what, fault.found, fault.advice, fault.values, { cause: fault });
    },
    demand(limit, asked, what) {
      const allowed = device.limits[limit];
      if (asked > allowed) throw limitError(limit, asked, allowed, what);
    },
    dispose() {
      isDisposed = true;
      isLost = true;
      device.destroy();
    },
  };
}

/** The error of work that needs a device that is gone. */
export function lostError(what: string): EditorError {
  return new EditorError('device-lost', what, 'the GPU device is gone', 'open it again, or use CPU mode');
}

// ---

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
  try {
    return await adapter.requestDevice({ label: 'palimpsest', requiredLimits, requiredFeatures });
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new EditorError('no-device', 'open the GPU', found, 'use CPU mode', {}, { cause: error });
  }
}

function summarize(adapter: GPUAdapter): AdapterSummary {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  return { vendor, architecture, device, description, fallback: isFallbackAdapter };
}

function describeFault(error: GPUError): EditorError {
  const text = error.message.trim();
  return error instanceof GPUOutOfMemoryError
    ? new EditorError(
        'out-of-memory',
        'use the GPU',
        `its memory is full (${text || 'no details'})`,
        'close other tabs, use a smaller model or CPU mode',
      )
    : new EditorError('internal', 'use the GPU', text, 'report this with the steps that led here');
}

function limitError(limit: LimitName, asked: number, allowed: number, what: string): EditorError {
  return new EditorError(
    'out-of-memory',
    what,
    `it takes ${asked}, and ${limit} of this GPU is ${allowed}`,
    'use a smaller model or CPU mode',
    { limit, asked, allowed },
  );
}
