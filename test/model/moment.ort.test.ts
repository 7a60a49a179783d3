import { beforeAll, describe, expect, test } from 'vitest';
import type { Progress } from '../../src/base/tasks.ts';
import { keyWidth } from '../../src/model/description.ts';
import { forwardRows } from '../../src/model/forward.ts';
import { formatSite, parseSite, SITES } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { secondMoments } from '../../src/model/moment.ts';
import { relative } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';

/** Enough for several batches; among them documents of one token. */
const DOCUMENTS = Array.from({ length: 90 }, (_, i) =>
  Array.from({ length: 1 + ((i * 5) % 29) }, (__, t) => (7 * i + 3 * t) % 29),
);
const SITES_ASKED = ['attn.0', 'mlp.0', 'mlp.2'].map((text) => parseSite(text));

describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
  const models = new Map<string, Model>();
  beforeAll(async () => {
    for (const float of ['float64', 'float32'] as const) {
      models.set(float, await randomModel(TINY_CONFIGS[family], await testDevice(float)));
    }
  });

  test.each([
    ['float64', false, 1e-12],
    ['float64', true, 1e-12],
    ['float32', false, 1e-6],
  ] as const)('in %s, first tokens left out: %s; equal to a plain sum to %d', async (float, skipFirst, tolerance) => {
    const model = models.get(float) as Model;
    const { moments, tokens } = await secondMoments(model, DOCUMENTS, SITES_ASKED, { skipFirst });
    const first = skipFirst ? 1 : 0;
    expect(tokens).toBe(DOCUMENTS.reduce((sum, ids) => sum + ids.length - first, 0));
    for (const site of SITES_ASKED) {
      const expected = await plainMoment(models.get('float64') as Model, formatSite(site), first);
      const moment = moments.get(formatSite(site));
      const width = keyWidth(model.description, site.kind);
      expect(moment?.shape).toEqual([width, width]);
      expect(relative(moment?.data ?? [], expected), formatSite(site)).toBeLessThan(tolerance);
    }
  });

  test('progress counts the tokens up to all of them', async () => {
    const reports: Progress[] = [];
    const model = models.get('float32') as Model;
    const watch = { progress: (report: Progress) => void reports.push(report) };
    const { tokens } = await secondMoments(model, DOCUMENTS, SITES_ASKED, { skipFirst: true, watch });
    expect(reports[0]).toMatchObject({ stage: 'covariance', done: 0, total: tokens, unit: 'tokens' });
    expect(reports.at(-1)).toMatchObject({ done: tokens, total: tokens });
    expect(reports.length).toBeGreaterThan(2);
  });

  test('can be stopped, and needs a token', async () => {
    const model = models.get('float32') as Model;
    const stop = { skipFirst: false, watch: { signal: AbortSignal.abort() } };
    await expectFault(() => secondMoments(model, DOCUMENTS, SITES_ASKED, stop), 'aborted', 'gather statistics');
    const alone = [[1], [2]];
    await expectFault(() => secondMoments(model, alone, SITES_ASKED, { skipFirst: true }), 'invalid-input', 'no token');
  });
});

// ---

/** Σ k kᵀ / M, key by key in double precision. */
async function plainMoment(model: Model, name: string, first: number): Promise<Float64Array> {
  const site = parseSite(name);
  const hook = SITES[site.kind].key;
  const width = keyWidth(model.description, site.kind);
  const sum = new Float64Array(width * width);
  let count = 0;
  for (const ids of DOCUMENTS) {
    const { hooks } = await forwardRows(model, [ids], { hooks: [hook], layers: [site.layer] });
    const { data } = hooks[site.layer][hook];
    for (let t = first; t < ids.length; t++, count++) {
      for (let i = 0; i < width; i++) {
        for (let j = 0; j < width; j++) sum[i * width + j] += data[t * width + i] * data[t * width + j];
      }
    }
  }
  return sum.map((value) => value / count);
}
