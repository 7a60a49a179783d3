import { afterAll, describe, test } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { openGpu, type Gpu } from '../../src/device/gpu.ts';
import { loadOrt } from '../../src/device/ort.ts';
import { webgpuDevice } from '../../src/device/webgpu.ts';
import { provideGpu, readOrtBinary } from '../../src/headless/runtime.ts';

/**
 * A real adapter for tests in Node: Dawn (npm `webgpu`) on whatever Vulkan driver the machine has, Mesa's lavapipe as
 * a rule. `PALIMPSEST_GPU_ICD` names another driver's file, such as the SwiftShader that comes with Chromium.
 */
export async function findTestAdapter(): Promise<GPUAdapter | null> {
  const icd = process.env.PALIMPSEST_GPU_ICD;
  if (icd) Object.assign(process.env, { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd });
  const gpu = await provideGpu();
  return gpu.requestAdapter();
}

/** `describe` with the GPU; without an adapter a group of one test, skipped with the reason (failed under CI=true). */
export async function gpuOrSkip(): Promise<(name: string, define: (gpu: Gpu) => void) => void> {
  const adapter = await findTestAdapter();
  if (!adapter) {
    const reason = 'no WebGPU adapter for Node: install Mesa 24 or later (lavapipe), or set PALIMPSEST_GPU_ICD';
    return (name) =>
      describe(name, () =>
        test('needs an adapter', ({ skip }) => {
          if (process.env.CI === 'true') throw new Error(reason);
          skip(reason);
        }),
      );
  }
  const gpu = await openGpu(adapter);
  afterAll(() => gpu.dispose());
  return (name, define) => describe(name, () => define(gpu));
}

/** A device of its own, for a test that loses it. */
export async function openTestGpu(): Promise<Gpu> {
  const adapter = await findTestAdapter();
  if (!adapter) throw new Error('the adapter is gone');
  return openGpu(adapter);
}

/** ONNX Runtime's WebGPU provider on a GPU, in this process: the device a page would have. */
export async function webgpuTestDevice(gpu: Gpu): Promise<Device> {
  return webgpuDevice(await loadOrt('webgpu', { threads: 1, readBinary: readOrtBinary }), gpu);
}
