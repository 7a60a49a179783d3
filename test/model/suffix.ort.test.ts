import { beforeAll, describe, expect, test } from 'vitest';
import { makeRandom, normal } from '../../src/base/random.ts';
import type { Device } from '../../src/device/device.ts';
import { floats } from '../../src/model/batch.ts';
import type { Model } from '../../src/model/model.ts';
import { prepareSuffix, type SuffixPlan } from '../../src/model/suffix.ts';
import { testDevice } from '../support/device.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

let device: Device;
beforeAll(async () => {
  device = await testDevice('float64');
});

const rows = [
  [3, 5, 7, 9, 11, 2],
  [1, 4, 8, 8, 2, 6, 12, 13, 20],
  [9, 8],
];
const plan: SuffixPlan = {
  rows,
  sites: [
    { kind: 'attn', layer: 1 },
    { kind: 'mlp', layer: 1 },
    { kind: 'mlp', layer: 2 },
  ],
  slots: 2,
  injections: [
    { row: 0, position: 3, slot: 0 },
    { row: 0, position: 4, slot: 1 },
    { row: 1, position: 5, slot: 0 },
    { row: 1, position: 6, slot: 1 },
    { row: 2, position: 1, slot: 0 },
  ],
  readings: [
    { row: 0, position: 3, label: 4 },
    { row: 0, position: 5, label: 9 },
    { row: 1, position: 8, label: 2 },
    { row: 2, position: 1, label: 0 },
  ],
};
const wNll = [0.5, 0.25, 0.25, 0];
const wKl = [0, 0, 0, 0.3];

describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
  let model: Model;
  beforeAll(async () => {
    model = await randomModel(TINY_CONFIGS[family], device);
  });

  test('gradients equal finite differences, suffix equals naive', async () => {
    const random = makeRandom(3);
    const deltas = new Map(
      ['attn.1', 'mlp.1', 'mlp.2'].map((key) => [
        key,
        floats(
          'float64',
          Float64Array.from({ length: 32 }, () => normal(random)),
          [2, 16],
        ),
      ]),
    );
    const results = [];
    for (const naive of [false, true]) {
      const suffix = await prepareSuffix(model, { ...plan, naive });
      const { logQ } = await suffix.observe(new Map(), []);
      suffix.setReference(logQ);
      const result = await suffix.step(deltas, wNll, wKl);
      results.push(result);
      const loss = async () => {
        const r = await suffix.step(deltas, wNll, wKl);
        return r.nll.reduce((s, v, i) => s + wNll[i] * v, 0) + r.kl.reduce((s, v, i) => s + wKl[i] * v, 0);
      };
      for (const [key, g] of result.gradients) {
        const data = deltas.get(key)?.data as Float64Array;
        for (const i of [0, 7, 17, 31]) {
          const h = 1e-5,
            old = data[i];
          data[i] = old + h;
          const up = await loss();
          data[i] = old - h;
          const down = await loss();
          data[i] = old;
          expect(Math.abs((up - down) / (2 * h) - g.data[i])).toBeLessThan(
            1e-8 * Math.max(1, Math.abs(g.data[i])) + 1e-9,
          );
        }
      }
      suffix.dispose();
    }
    const [a, b] = results;
    for (const [key, g] of a.gradients) {
      const other = b.gradients.get(key)?.data as Float64Array;
      g.data.forEach((v, i) => expect(Math.abs(v - other[i])).toBeLessThan(1e-12));
    }
    a.nll.forEach((v, i) => expect(Math.abs(v - b.nll[i])).toBeLessThan(1e-12));
  });
});
