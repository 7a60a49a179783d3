import { describe, expect, test } from 'vitest';
import type { LocateCase } from '../../src/locate/case.ts';
import { locate, LOCATION_KINDS } from '../../src/locate/location.ts';
import { drawNoise } from '../../src/locate/noise.ts';
import { windowAt } from '../../src/locate/windows.ts';
import { testDevice } from '../support/device.ts';
import { naivePass } from '../support/naive-location.ts';
import { randomPatches } from '../support/suffix-cases.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const SIX_TOKENS = {
  prompt: '',
  subject: '',
  target: '',
  targetFrom: 'request',
  ids: [3, 5, 7, 9, 11, 2],
  tokens: [],
  subjectRange: [1, 3],
  targetIds: [4, 8, 6],
} as const satisfies LocateCase;

/** Ends of the model, of the prompt and of the subject. */
const CASES: readonly [string, LocateCase, number][] = [
  ['windows that cover all layers', SIX_TOKENS, 10],
  ['windows that end on the way', SIX_TOKENS, 2],
  ['windows of one layer', { ...SIX_TOKENS, targetIds: [4] }, 1],
  ['the whole prompt its subject', { ...SIX_TOKENS, subjectRange: [0, 6] }, 3],
  ['one token', { ...SIX_TOKENS, ids: [5], subjectRange: [0, 1] }, 2],
];

describe.each([
  ['gpt2', CASES],
  ['llama', CASES.slice(1, 3)],
] as const)('%s', (family, cases) => {
  test.each(cases)('what is gone on from kept states is the whole computation: %s', async (_, item, window) => {
    const model = await randomModel({ ...TINY_CONFIGS[family], ...FOUR_LAYERS[family] }, await testDevice('float64'));
    const patches = randomPatches(model);
    const noise = drawNoise([2, item.subjectRange[1] - item.subjectRange[0], 16], 1, 5);
    const map = await locate(model, item, { noise, window }, {}, {}, patches);
    const plain = (kind: 'hidden' | 'mlp' | 'attn', token: number, layer: number) =>
      naivePass(
        model,
        item,
        noise,
        { kind, token, window: kind === 'hidden' ? { start: layer, end: layer + 1 } : windowAt(layer, window, 4) },
        patches,
      );
    const { low } = map;
    expect(low.probability).toBeCloseTo((await naivePass(model, item, noise, null, patches)).probability, 9);
    for (const kind of LOCATION_KINDS) {
      for (let cell = 0; cell < item.ids.length * 4; cell++) {
        const { probability, logProbability } = await plain(kind, Math.floor(cell / 4), cell % 4);
        const found = map.kinds[kind];
        expect(found?.probability[cell], `${kind}, cell ${cell}`).toBeCloseTo(probability, 9);
        expect(found?.logProbability[cell], `${kind}, cell ${cell}`).toBeCloseTo(logProbability, 9);
      }
    }
    await model.dispose();
  });
});

// ---

const FOUR_LAYERS = { gpt2: { n_layer: 4 }, llama: { num_hidden_layers: 4 } };
