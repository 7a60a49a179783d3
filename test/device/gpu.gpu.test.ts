import { expect, test } from 'vitest';
import { f32 } from '../../src/base/tensor.ts';
import { createKernel } from '../../src/device/kernel.ts';
import { uploadTensor } from '../../src/device/memory.ts';
import { captureSpec } from '../../src/kernels/capture.ts';
import { choleskyGpu } from '../../src/kernels/cholesky.ts';
import { expectFault } from '../support/faults.ts';
import { findTestAdapter, gpuOrSkip, openTestGpu } from '../support/gpu.ts';

const describeGpu = await gpuOrSkip();

describeGpu('the device', (gpu) => {
  test('has the limits of its adapter, not the defaults', async () => {
    const adapter = await findTestAdapter();
    for (const limit of ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'] as const)
      expect(gpu.limits[limit]).toBe(adapter?.limits[limit]);
    for (const feature of ['shader-f16', 'subgroups', 'timestamp-query'])
      expect(gpu.features.has(feature)).toBe(adapter?.features.has(feature));
    expect(gpu.adapter.description + gpu.adapter.device + gpu.adapter.vendor).not.toBe('');
  });

  test('a limit that is too small is named, with what was asked, what is allowed, and what to do', () =>
    expectFault(
      () => gpu.demand('maxStorageBufferBindingSize', 2 ** 50, 'put wte [50257, 768] on the GPU'),
      'out-of-memory',
      `cannot put wte [50257, 768] on the GPU: it takes ${2 ** 50}, and maxStorageBufferBindingSize of this GPU is ${gpu.limits.maxStorageBufferBindingSize}; use a smaller model or CPU mode`,
    ));

  test('a complaint of the device is told by the next read, once', async () => {
    const tensor = uploadTensor(gpu, f32([1, 2], [2]));
    gpu.device.queue.writeBuffer(gpu.device.createBuffer({ size: 16, usage: 0x08 }), 0, new Float32Array(99));
    await expectFault(() => tensor.read(), 'internal', 'cannot read [2] from the GPU', 'does not fit');
    expect(await tensor.read()).toEqual(f32([1, 2], [2]));
  });
});

describeGpu('a lost device', () => {
  test('is noticed: callbacks, reads, uploads, kernels', async () => {
    const gpu = await openTestGpu();
    const told: string[] = [];
    gpu.onLost((reason) => told.push(reason));
    gpu.onLost((reason) => told.push(`never ${reason}`))();
    const tensor = uploadTensor(gpu, f32([1], [1, 1]));
    const reading = tensor.read();
    gpu.device.destroy();
    await expectFault(() => reading, 'device-lost', 'cannot read [1, 1] from the GPU', 'use CPU mode');
    expect(await gpu.lost).toContain('destroyed');
    expect(gpu.isLost).toBe(true);
    expect(told).toEqual([await gpu.lost]);
    await expectFault(() => tensor.read(), 'device-lost');
    await expectFault(() => uploadTensor(gpu, f32([1], [1])), 'device-lost', 'put tensor [1] on the GPU');
    await expectFault(() => createKernel(gpu, captureSpec), 'device-lost', 'compile capture.wgsl');
    await expectFault(() => choleskyGpu(gpu, tensor), 'device-lost');
  });

  test('that we closed ourselves is no surprise', async () => {
    const gpu = await openTestGpu();
    const told: string[] = [];
    gpu.onLost((reason) => told.push(reason));
    gpu.dispose();
    await gpu.lost;
    await Promise.resolve();
    expect(told).toEqual([]);
    expect(gpu.isLost).toBe(true);
  });
});
