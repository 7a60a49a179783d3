import { EditorError } from '../base/errors.ts';
import type { Device } from './device.ts';
import { findAdapter, openGpu, type Gpu } from './gpu.ts';
import { loadOrt, type OrtModule, type OrtOptions } from './ort.ts';
import { wasmDevice } from './wasm.ts';
import { webgpuDevice } from './webgpu.ts';

/** What the person wants; `auto` leaves it to the probe. */
export type DeviceChoice = 'auto' | 'webgpu' | 'wasm';

/** Why a device was taken: a code for the screen's words. */
export type DeviceReason =
  | 'chosen' // the person asked for it
  | 'gpu-works' // an adapter was found and its numbers are right
  | 'no-webgpu' // the browser has none
  | 'no-adapter' // it has, without an adapter
  | 'software-adapter' // the adapter is software: right, and slower than WASM
  | 'limit' // a buffer is too large for the adapter
  | 'untrusted' // the self-check computed other numbers than it must
  | 'lost' // the GPU went away more than once
  | 'failed'; // it couldn't be opened

/** A device with the reason for it. */
export interface OpenDevice {
  readonly device: Device;
  readonly ort: OrtModule;
  readonly reason: DeviceReason;
  readonly detail: string;
}

/** What decides besides the choice. */
export interface OpenOptions extends OrtOptions {
  /** Bytes of the largest weight, which must fit one storage binding. */
  readonly largestWeight: number;
  /** A software adapter is refused under `auto` unless this is set: tests have no other. */
  readonly allowSoftware?: boolean;
}

/**
 * Probes and decides: WebGPU where it works, WASM elsewhere. With `wasm` nothing touches WebGPU; with `webgpu` a missing
 * one is an error instead of a quiet fall back.   [design.md D3]
 *
 * @throws EditorError `no-device` when WebGPU was asked for and can't be had
 */
export async function openDevice(choice: DeviceChoice, options: OpenOptions): Promise<OpenDevice> {
  if (choice === 'wasm') return openWasm(options, 'chosen', '');
  const refusal = await tryWebgpu(choice, options);
  if ('device' in refusal) return refusal;
  if (choice === 'auto') return openWasm(options, refusal.reason, refusal.detail);
  throw new EditorError(
    'no-device',
    'use WebGPU',
    refusal.detail,
    'choose CPU, or a browser and graphics driver with WebGPU',
    { reason: refusal.reason },
  );
}

/** The CPU back end, for the reason given. */
export async function openWasm(options: OrtOptions, reason: DeviceReason, detail: string): Promise<OpenDevice> {
  const ort = await loadOrt('wasm', options);
  return { device: wasmDevice(ort), ort, reason, detail };
}

// ---

interface Refusal {
  readonly reason: DeviceReason;
  readonly detail: string;
}

async function tryWebgpu(choice: DeviceChoice, options: OpenOptions): Promise<OpenDevice | Refusal> {
  if (!('gpu' in (globalThis.navigator ?? {}))) return { reason: 'no-webgpu', detail: 'this browser has no WebGPU' };
  const adapter = await findAdapter();
  if (!adapter) return { reason: 'no-adapter', detail: 'WebGPU found no graphics adapter' };
  let gpu: Gpu | null = null;
  try {
    gpu = await openGpu(adapter);
    const { description, device, vendor, fallback } = gpu.adapter;
    const name = description || device || vendor || 'an unnamed adapter';
    const isSoftware = fallback || /swiftshader|llvmpipe|lavapipe/i.test(`${name} ${gpu.adapter.architecture}`);
    const allowed = gpu.limits.maxStorageBufferBindingSize;
    if (choice === 'auto' && isSoftware && !options.allowSoftware) {
      gpu.dispose();
      return { reason: 'software-adapter', detail: `${name} computes on the CPU` };
    }
    if (options.largestWeight > allowed) {
      gpu.dispose();
      const sizes = `one weight takes ${options.largestWeight} bytes and ${name} binds at most ${allowed}`;
      return { reason: 'limit', detail: sizes };
    }
    const ort = await loadOrt('webgpu', options);
    return { device: webgpuDevice(ort, gpu), ort, reason: choice === 'auto' ? 'gpu-works' : 'chosen', detail: name };
  } catch (error) {
    gpu?.dispose();
    return { reason: 'failed', detail: error instanceof Error ? error.message : String(error) };
  }
}
