import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { measureEdit, measureSmall } from './edit.ts';
import { measureGeneration } from './generation.ts';
import { measureLocate } from './locate.ts';
import { measureRatio } from './ratio.ts';

/** Parts of the benchmark, by name. */
const PARTS: Readonly<Record<string, (device: Device, say: (line: string) => void) => Promise<void>>> = {
  ratio: measureRatio,
  generation: measureGeneration,
  edit: measureEdit,
  small: measureSmall,
  locate: measureLocate,
};

self.onmessage = async ({ data }: MessageEvent<string[]>) => {
  const say = (line: string) => self.postMessage({ line });
  try {
    const threads = self.crossOriginIsolated ? 2 : 1;
    const choice = data.includes('webgpu') ? 'webgpu' : 'wasm';
    const parts = data.filter((part) => part !== 'webgpu');
    const { device, detail } = await openDevice(choice, { threads, largestWeight: 0 });
    say(
      `${[choice, detail].filter(Boolean).join(', ')}, ${threads} threads, cross-origin isolated: ${self.crossOriginIsolated}`,
    );
    for (const [name, measure] of Object.entries(PARTS)) {
      if (parts.length > 0 && !parts.includes(name)) continue;
      say(`\n── ${name}`);
      await measure(device, say);
    }
    self.postMessage({ done: true });
  } catch (error) {
    say(error instanceof Error ? `${error.message}\n${error.stack}` : String(error));
    self.postMessage({ failed: true });
  }
};
