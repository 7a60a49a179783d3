import { beforeAll, describe, test } from 'vitest';
import type { Watch } from '../../src/base/tasks.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { generate } from '../../src/model/generate.ts';
import { parseSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { secondMoments } from '../../src/model/moment.ts';
import { nextDistributions, scoreContinuations } from '../../src/model/score.ts';
import { startSweep } from '../../src/model/sweep.ts';
import { testDevice } from '../support/device.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { expectNothingLeft, trackDevice, type TrackedDevice } from '../support/tracked.ts';

const ROWS = [
  [3, 5, 7, 9],
  [1, 4],
];

/** Everything that runs a model, and whether it can be stopped in the middle. */
const WORK: Readonly<Record<string, (model: Model, watch: Watch) => Promise<unknown>>> = {
  forwardRows: (model, watch) =>
    forwardRows(model, ROWS, { hooks: ['mlp.hook_post'], logits: [[0, 1]], normalized: true, watch }),
  generate: async (model, watch) => {
    for await (const token of generate(model, ROWS[0], { maxTokens: 3, watch })) void token;
  },
  scoreContinuations: (model, watch) =>
    scoreContinuations(model, [{ prompt: [1, 2], target: [3, 4] }], undefined, watch),
  nextDistributions: (model, watch) => nextDistributions(model, ROWS, undefined, watch),
  secondMoments: (model, watch) =>
    secondMoments(model, ROWS, [parseSite('mlp.1'), parseSite('attn.2')], { skipFirst: false, watch }),
  sweep: async (model, watch) => {
    const sweep = await startSweep(model, ROWS);
    try {
      await sweep.climbTo(1, new Map(), watch);
      await sweep.read('mlp.hook_post', [{ row: 0, position: 2 }], new Map());
      await sweep.climbTo(3, new Map(), watch);
    } finally {
      sweep.dispose();
    }
  },
};

describe('whichever run fails, or is the last before an abort, nothing is left on the device', () => {
  let device: TrackedDevice;
  let model: Model;
  beforeAll(async () => {
    device = trackDevice(await testDevice());
    model = await randomModel(TINY_CONFIGS.llama, device);
  });

  test.each(Object.entries(WORK))('%s', async (_, work) => {
    await expectNothingLeft(device, (watch) => work(model, watch));
  });
});
