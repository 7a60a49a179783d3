import { beforeAll, describe } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { gpuOrSkip, webgpuTestDevice } from '../support/gpu.ts';
import { deviceContract } from './contract.ts';

const describeGpu = await gpuOrSkip();

describeGpu('the WebGPU device', (gpu) => {
  let device: Device;
  beforeAll(async () => {
    device = await webgpuTestDevice(gpu);
  });

  describe('as any device', () => deviceContract(() => device));
});
