import { beforeAll, describe, expect, test } from 'vitest';
import { usualTracing } from '../../src/locate/tracing-settings.ts';
import type { Model } from '../../src/model/model.ts';
import type { LocatePart, MapSettings } from '../../src/worker/api-locate.ts';
import { locateAnswer, recallLayers } from '../../src/worker/locating.ts';
import { testDevice } from '../support/device.ts';
import { faultOf } from '../support/faults.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const REQUEST = { prompt: 'PersonX ran', subject: 'ran', target: 's' };
const UNEDITED = { patches: undefined, stamp: '' };

let model: Model;
let usual: MapSettings;
beforeAll(async () => {
  const config = { ...TINY_CONFIGS.gpt2, vocab_size: 256 };
  model = await randomModel(config, await testDevice('float32'), 1, byteTokenizer());
  usual = { ...usualTracing(model.description), kinds: ['hidden'] };
});

const trace = (settings: MapSettings, onPart: (part: LocatePart) => void = () => undefined) =>
  locateAnswer(model, REQUEST, settings, UNEDITED, onPart, {});

describe('how an answer is traced', () => {
  test('draws, seed and strength decide the map', async () => {
    const { map } = await trace({ ...usual, draws: 2 });
    expect(map.draws).toBe(2);
    const stronger = (await trace({ ...usual, draws: 2, sigmas: 6 })).map;
    expect((stronger.noiseLevel ?? NaN) / (map.noiseLevel ?? NaN)).toBeCloseTo(2, 12);
    const other = (await trace({ ...usual, draws: 2, seed: 2 })).map;
    expect(other.noiseLevel).toBe(map.noiseLevel);
    expect(other.low).not.toEqual(map.low);
  });

  test('recall compares as many words as are asked for', async () => {
    const { topK, recall } = await recallLayers(model, REQUEST, 4, UNEDITED, {});
    expect(topK).toBe(4);
    for (const overlap of recall.mlp.overlap.lens) expect((4 * overlap) % 1).toBe(0);
  });
});

describe('what is refused', () => {
  test('every setting that cannot be, at once, before anything is computed', async () => {
    const bad = { window: 0, draws: 101, seed: 0.5, sigmas: NaN, topK: 257 };
    const parts: LocatePart[] = [];
    const fault = await faultOf(() => trace({ ...usual, ...bad }, (part) => parts.push(part)));
    expect(fault).toMatchObject({ code: 'invalid-hyperparameter' });
    expect(fault.values).toEqual({
      window: 'is 0, it takes whole numbers from 1 to 1000',
      draws: 'is 101, it takes whole numbers from 1 to 100',
      seed: 'is 0.5, it takes whole numbers from 0 to 2147483647',
      sigmas: 'is no number, it takes numbers from 0.01 to 20',
      topK: 'is 257, it takes whole numbers from 1 to 256',
    });
    for (const name of Object.keys(bad)) expect(fault.message).toContain(`${name} is `);
    expect(parts).toEqual([]);
  });

  test('more words than the model has, asked of recall alone', async () => {
    const fault = await faultOf(() => recallLayers(model, REQUEST, 257, UNEDITED, {}));
    expect(fault).toMatchObject({ code: 'invalid-hyperparameter', what: 'trace with these settings' });
    expect(Object.keys(fault.values)).toEqual(['topK']);
  });
});
