import { beforeAll, describe, test } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { Graph } from '../../src/graph/graph.ts';
import { gemm } from '../../src/graph/ops.ts';
import { extract } from '../../src/graph/subgraph.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { noWeights } from '../support/programs.ts';
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
});
