import { beforeAll, expect, test } from 'vitest';
import { f32, type Tensor } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import type { ParameterName } from '../../src/model/description.ts';
import { assembleModel, type Model } from '../../src/model/model.ts';
import { indicesOfLargest } from '../../src/model/score.ts';
import { checkDevice, type StoredCheck } from '../../src/model/selfcheck.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { fixtureModel } from '../support/models.ts';
import { readFixtureJson, readFixtureTensors, sharedOrSkip } from '../support/shared.ts';

sharedOrSkip()('before a device is trusted', () => {
  let device: Device;
  let model: Model;
  let stored: StoredCheck;
  beforeAll(async () => {
    device = await testDevice();
    model = await fixtureModel('gpt2');
    const { prompts } = readFixtureJson<{ prompts: { ids: number[] }[] }>('golden/gpt2/forward.json');
    const { ids } = prompts[0];
    const logits = readFixtureTensors('golden/gpt2/forward.safetensors').get('p0/logits')?.data.slice(-1000) ?? [];
    stored = { ids, top: indicesOfLargest(logits, 5).map((id) => [id, logits[id]]), tolerance: 1e-3 };
  });

  test('right numbers pass, against stored logits and against the CPU', async () => {
    const against = await checkDevice(model, stored, null);
    expect(against).toMatchObject({ against: 'stored', tolerance: 1e-3 });
    expect(against?.difference).toBeLessThan(1e-5);
    expect(await checkDevice(model, undefined, device)).toMatchObject({ against: 'cpu', difference: 0 });
    expect(await checkDevice(model, undefined, null)).toBeNull();
  });

  // A device that scrambles, zeroes or loses what it reads: no error comes, only other numbers.
  test.each<[string, ParameterName, (data: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>]>([
    ['turned around', 'mlp.W_out', (data) => data.slice().reverse()],
    ['all zero', 'attn.W_O', (data) => new Float32Array(data.length)],
    ['one element wrong', 'ln_final.w', (data) => data.with(0, -10 * data[0])],
    ['not a number', 'ln1.w', (data) => data.with(3, NaN)],
  ])('weights %s are found out', async (_, parameter, change) => {
    const scrambled = await withWeights(parameter, change);
    const advice = 'use CPU mode';
    await expectFault(() => checkDevice(scrambled, stored, null), 'untrusted-device', 'known sentence', advice);
    await expectFault(() => checkDevice(scrambled, undefined, device), 'untrusted-device', 'known sentence', advice);
    await scrambled.dispose();
  });

  test.each<[string, unknown]>([
    ['no object', 'ids'],
    ['an empty list of logits, which any device would match', { ids: [1], top: [] }],
    ['an id beyond the vocabulary', { ids: [5000], top: [[1, 2]] }],
    ['a logit that is no number', { ids: [1], top: [[1, null]] }],
    ['a tolerance that is no number', { ids: [1], top: [[1, 2]], tolerance: 'small' }],
  ])('a check with %s is refused', async (_, damaged) => {
    await expectFault(() => checkDevice(model, damaged, device), 'invalid-checkpoint', 'check.json', 'ids below 1000');
  });

  function withWeights(
    parameter: ParameterName,
    change: (data: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>,
  ): Promise<Model> {
    const { name, description, tokenizer, checkpoint } = model;
    const read = async (wanted: ParameterName, layer?: number): Promise<Tensor<'float32'>> => {
      const { data, shape } = await checkpoint.read(wanted, layer);
      return f32(wanted === parameter && (layer ?? 0) === 0 ? change(data) : data, shape);
    };
    // What is compared with on the CPU reads the weights as they are.
    const right = (scrambled: Model): Model => ({ ...scrambled, checkpoint });
    return assembleModel({ name, description, tokenizer, checkpoint: { ...checkpoint, read } }, device).then(right);
  }
});
