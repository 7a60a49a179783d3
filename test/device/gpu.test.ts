import { afterEach, expect, test } from 'vitest';
import { findAdapter } from '../../src/device/gpu.ts';

const original = Object.getOwnPropertyDescriptor(globalThis, 'navigator');

afterEach(() => {
  if (original) Object.defineProperty(globalThis, 'navigator', original);
  else Reflect.deleteProperty(globalThis, 'navigator');
});

test.each<[string, unknown]>([
  ['no navigator (Node)', undefined],
  ['a browser without WebGPU', {}],
  ['a browser whose WebGPU has no adapter', { gpu: { requestAdapter: () => Promise.resolve(null) } }],
])('no adapter: %s', async (_, value) => {
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
  expect(await findAdapter()).toBeNull();
});
