import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { Graph } from '../../src/graph/graph.ts';
import { gemm } from '../../src/graph/ops.ts';
import { extract } from '../../src/graph/subgraph.ts';
import { readOrtBinary } from '../../src/headless/runtime.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { noWeights } from '../support/programs.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { deviceContract } from './contract.ts';

let device: Device;
beforeAll(async () => {
  device = await testDevice();
});

describe('the CPU device', () => {
  deviceContract(() => device);

  test('weights that no memory holds are refused as such', async () => {
    const graph = new Graph('float32');
    const weight = graph.weight('huge', [2 ** 24, 2 ** 24]);
    const y = gemm(graph.input('x', ['n', 2 ** 24]), weight);
    const program = { name: 'huge', graphs: [extract(graph, 'run', { y })] };
    await expectFault(() => device.load(program, noWeights), 'out-of-memory', 'cannot load huge', 'smaller model');
  });

  // Even asking for an adapter can start a GPU process, or crash where the driver is broken.
  test('never looks at WebGPU when it was chosen', async () => {
    const navigator: object | undefined = globalThis.navigator;
    let looked = 0;
    const watched = new Proxy(navigator ?? {}, {
      get: (target, name) => {
        if (name === 'gpu') looked += 1;
        return Reflect.get(target, name) as unknown;
      },
      has: (target, name) => {
        if (name === 'gpu') looked += 1;
        return Reflect.has(target, name);
      },
    });
    Object.defineProperty(globalThis, 'navigator', { value: watched, configurable: true });
    try {
      const opened = await openDevice('wasm', { threads: 1, largestWeight: 0, readBinary: readOrtBinary });
      expect(opened).toMatchObject({ device: { kind: 'wasm' }, reason: 'chosen' });
      await randomModel(TINY_CONFIGS.gpt2, opened.device);
      expect(looked).toBe(0);
      await openDevice('auto', { threads: 1, largestWeight: 0, readBinary: readOrtBinary });
      expect(looked).toBeGreaterThan(0);
    } finally {
      Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
    }
  });
});
