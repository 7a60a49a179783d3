import { expect, test } from 'vitest';
import type { LocateCase } from '../../src/locate/case.ts';
import { locate, LOCATION_KINDS, type CellBlock } from '../../src/locate/location.ts';
import { measureRecall, RECALL_PARTS } from '../../src/locate/recall.ts';
import { relative } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { gpuOrSkip, openTestGpu, webgpuTestDevice } from '../support/gpu.ts';
import { randomPatches } from '../support/suffix-cases.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const ITEM: LocateCase = {
  prompt: '',
  subject: 'ab',
  target: '',
  targetFrom: 'request',
  ids: [3, 5, 7, 9],
  tokens: [],
  subjectRange: [1, 3],
  targetIds: [4, 8],
};

const describeGpu = await gpuOrSkip();

describeGpu('locating on WebGPU', (gpu) => {
  test.each(['gpt2', 'llama'] as const)(
    '%s: the same noise gives the map and the recall of float64',
    async (family) => {
      const config = { ...TINY_CONFIGS[family], vocab_size: 256 };
      const [found, exact] = await Promise.all(
        [await webgpuTestDevice(gpu), await testDevice('float64')].map(async (device) => {
          const model = await randomModel(config, device, 1, byteTokenizer());
          const patches = randomPatches(model);
          const map = await locate(model, ITEM, { draws: 2, window: 2 }, {}, {}, patches);
          const [recall] = await measureRecall(model, [ITEM.ids], 10, patches);
          return { map, recall };
        }),
      );
      for (const kind of LOCATION_KINDS) {
        const [a, b] = [found, exact].map(({ map }) => map.kinds[kind]?.probability ?? []);
        expect(relative(a, b), kind).toBeLessThan(1e-5);
      }
      for (const part of RECALL_PARTS) {
        expect(relative(found.recall[part].cosine, exact.recall[part].cosine), part).toBeLessThan(1e-4);
      }
    },
  );

  test('a device that goes away in the middle: what has come is right, the error says what to do, another one does it', async () => {
    const doomed = await openTestGpu();
    const models = await Promise.all(
      [await webgpuTestDevice(doomed), await webgpuTestDevice(gpu)].map((device) =>
        randomModel({ ...TINY_CONFIGS.gpt2, vocab_size: 256 }, device, 1, byteTokenizer()),
      ),
    );
    const settings = { draws: 2, window: 2 };
    const seen: CellBlock[] = [];
    const cells = (block: CellBlock) => {
      if (seen.push(block) === 3) doomed.device.destroy();
    };
    await expectFault(
      () => locate(models[0], ITEM, settings, { cells }),
      'device-lost',
      'open it again, or use CPU mode',
    );
    expect(seen.length).toBeGreaterThanOrEqual(3);
    await expectFault(() => locate(models[0], ITEM, settings), 'device-lost');
    const { kinds, layers: depth } = await locate(models[1], ITEM, settings);
    for (const { kind, tokens, layers, probability } of seen) {
      const same = tokens.flatMap((token) =>
        layers.map((layer) => kinds[kind]?.probability[token * depth + layer] ?? NaN),
      );
      expect(relative(probability, same)).toBeLessThan(1e-6);
    }
  });
});
