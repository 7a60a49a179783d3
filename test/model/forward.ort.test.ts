import { beforeAll, describe, expect, test } from 'vitest';
import type { FloatTensor } from '../../src/base/tensor.ts';
import { floats } from '../../src/model/batch.ts';
import { forwardRows, type TokenAt } from '../../src/model/forward.ts';
import { BLOCK_HOOKS, parseSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { placePatches } from '../../src/model/patch.ts';
import { startSweep } from '../../src/model/sweep.ts';
import { largestDifference } from '../support/close.ts';
import { testDevice } from '../support/device.ts';
import { randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { trackDevice, type TrackedDevice } from '../support/tracked.ts';

const ROWS = [
  [3, 5, 7, 9, 11, 2],
  [1, 4],
  [9, 8, 7],
];
const AT: readonly TokenAt[] = [
  [0, 5],
  [2, 0],
  [1, 1],
  [0, 0],
];

describe.each(['gpt2', 'llama'] as const)('%s', (family) => {
  let device: TrackedDevice;
  let model: Model;
  beforeAll(async () => {
    device = trackDevice(await testDevice('float64'));
    model = await randomModel(TINY_CONFIGS[family], device);
  });

  describe('forwardRows', () => {
    test('a row computes the same alone and beside longer ones', async () => {
      for (const [row, ids] of ROWS.entries()) {
        const at = ids.map((_, t): TokenAt => [row, t]);
        const alone = ids.map((_, t): TokenAt => [0, t]);
        const a = await forwardRows(model, ROWS, { hooks: BLOCK_HOOKS, at, logits: at, normalized: true });
        const b = await forwardRows(model, [ids], { hooks: BLOCK_HOOKS, at: alone, logits: alone, normalized: true });
        for (const layer of [0, 1, 2]) {
          for (const hook of BLOCK_HOOKS) {
            expect(difference(a.hooks[layer][hook], b.hooks[layer][hook]), `${hook} of ${layer}`).toBeLessThan(1e-12);
          }
        }
        expect(difference(a.logits, b.logits)).toBeLessThan(1e-12);
        expect(difference(a.normalized, b.normalized)).toBeLessThan(1e-12);
      }
    });

    test('tokens come in the order asked, and no others', async () => {
      const { hooks } = await forwardRows(model, ROWS, { hooks: ['hook_resid_post'], layers: [1], at: AT });
      expect(hooks[1].hook_resid_post.shape).toEqual([4, 16]);
      expect(hooks.map((each) => Object.keys(each))).toEqual([[], ['hook_resid_post'], []]);
      const [first] = AT;
      const { hooks: one } = await forwardRows(model, ROWS, { hooks: ['hook_resid_post'], layers: [1], at: [first] });
      expect([...hooks[1].hook_resid_post.data.subarray(0, 16)]).toEqual([...one[1].hook_resid_post.data]);
    });

    test('all tokens, pads included, where none are named', async () => {
      const { hooks, logits } = await forwardRows(model, ROWS, { hooks: ['mlp.hook_post'] });
      expect(hooks[2]['mlp.hook_post'].shape).toEqual([18, 24]);
      expect(logits).toBeNull();
    });

    test('layers above the last one asked don’t run', async () => {
      const start = device.runs;
      await forwardRows(model, ROWS, { hooks: ['hook_attn_in'], layers: [0], at: AT });
      expect(device.runs - start).toBe(2);
    });
  });

  describe('a sweep', () => {
    test('reads what a whole pass would, with patches written on the way up', async () => {
      const sweep = await startSweep(model, ROWS);
      const places = AT.map(([row, position]) => ({ row, position }));
      const patch = (text: string, width: number) => ({
        patch: { site: parseSite(text), left: ramp([16, 2]), right: ramp([2, width]) },
        alpha: 1,
      });
      const written = [patch('attn.0', 16), patch('mlp.0', 24), patch('mlp.2', 24)];
      for (const layer of [0, 1, 2]) {
        for (const count of [0, 1, 2, 3]) {
          // Below the layer all patches are written; at it they come one by one.
          const dosed = written.filter(({ patch: { site } }, i) => site.layer < layer || i < count);
          const patches = placePatches(device, model.description, dosed);
          await sweep.climbTo(layer, patches);
          for (const hook of ['attn.hook_z_flat', 'mlp.hook_post', 'hook_mlp_out'] as const) {
            const read = await sweep.read(hook, places, patches);
            const { hooks } = await forwardRows(model, ROWS, { patches, hooks: [hook], layers: [layer], at: AT });
            expect(difference(read, hooks[layer][hook]), `${hook} of ${layer}, ${count} written`).toBeLessThan(1e-12);
          }
        }
      }
      sweep.dispose();
    });

    test('runs every layer below once', async () => {
      const none = placePatches(device, model.description, []);
      const sweep = await startSweep(model, ROWS);
      const start = device.runs;
      for (const layer of [0, 0, 1, 2, 2]) await sweep.climbTo(layer, none);
      expect(device.runs - start).toBe(2);
      sweep.dispose();
    });
  });
});

// ---

function ramp(shape: readonly [number, number]): FloatTensor {
  return floats(
    'float64',
    Float64Array.from({ length: shape[0] * shape[1] }, (_, i) => 0.3 * Math.sin(i + 1)),
    shape,
  );
}

function difference(a: FloatTensor | null, b: FloatTensor | null): number {
  expect(a?.shape).toEqual(b?.shape);
  return largestDifference(a?.data ?? [], b?.data ?? []);
}
