import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EditorError, type ErrorCode } from '../../src/base/errors.ts';
import type { Progress, Watch } from '../../src/base/tasks.ts';
import { f64, type Tensor } from '../../src/base/tensor.ts';
import { makeCovariances, type Covariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import type { Edit, StackedEdit } from '../../src/edit/record.ts';
import { LONGEST_TEXT, validateRequests, type EditRequest } from '../../src/edit/request.ts';
import { encodePrompt } from '../../src/edit/rows.ts';
import { keyWidth } from '../../src/model/description.ts';
import { allSites, formatSite } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { testDevice } from '../support/device.ts';
import { expectFault } from '../support/faults.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { trackDevice, type TrackedDevice } from '../support/tracked.ts';

/** One token a byte, three layers, a context of 96. */
const CONFIG = { ...TINY_CONFIGS.llama, vocab_size: 256, max_position_embeddings: 96 };
const REQUEST: EditRequest = {
  prompt: 'When it rains, {}',
  subject: 'she',
  target: 'runs',
  paraphrases: ['Rain, so she'],
};
const LINES = Array.from({ length: 40 }, (_, i) => `${i} birds sat on ${i * i} wires, and ${i % 7} flew away.`);
const CHANGES = { steps: 3, prefixes: 1, prefixTokens: 4, covarianceTokens: 20 };

let device: TrackedDevice;
let model: Model;

const left = () => [...device.live.values()];
const covariancesOf = (documents: readonly string[]) => makeCovariances(model, { documents, name: 'the text' }, null);

function edit(
  request: EditRequest,
  watch: Watch = {},
  covariances: Covariances = covariancesOf(LINES),
  changes: Readonly<Record<string, unknown>> = CHANGES,
): Promise<Edit> {
  const method = 'dem+';
  const { hparams, preset } = readHparams(method, changes, model.description.n_layers);
  const input = {
    requests: validateRequests(request),
    method,
    preset,
    hparams,
    covariances,
    stack,
    heldOut: LINES.slice(0, 2),
  };
  return computeEdit(model, { ...input, method: 'dem+' }, watch);
}

/** What must not depend on what went before. */
const outcome = ({ requests, layers, losses, patches, proof }: Edit) => ({ requests, layers, losses, patches, proof });

/** An earlier edit, on top of which all others are made: its patches must not be lost either. */
let stack: readonly StackedEdit[] = [];
let whole: ReturnType<typeof outcome>;
let before: readonly string[];
let runs = 0;
const reports: Progress[] = [];
beforeAll(async () => {
  device = trackDevice(await testDevice());
  model = await randomModel(CONFIG, device, 1, byteTokenizer());
  before = left();
  stack = [{ edit: await edit({ prompt: 'At night', target: 'she sleeps' }), alpha: 1 }];
  runs = device.runs;
  whole = outcome(await edit(REQUEST, { progress: (report) => reports.push(report) }));
  runs = device.runs - runs;
});
afterEach(() => expect(left()).toEqual(before));

describe('an edit that is stopped leaves nothing behind, and succeeds when made again', () => {
  async function expectStopped(watch: Watch, covariances = covariancesOf(LINES)): Promise<void> {
    await expectFault(() => edit(REQUEST, watch, covariances), 'aborted');
    expect(left()).toEqual(before);
  }

  const STAGES = ['templates', 'rank', 'covariance', 'factor', 'optimize', 'write', 'verify'];

  test.each(STAGES)('in the stage "%s": at its first report, one between, its last', async (stage) => {
    const places = reports.flatMap((report, i) => (report.stage === stage ? [i] : []));
    let covariances = covariancesOf(LINES);
    for (const at of new Set([places[0], places[places.length >> 1], places[places.length - 1]])) {
      const controller = new AbortController();
      let count = 0;
      const progress = () => void (count++ === at && controller.abort());
      covariances = covariancesOf(LINES);
      await expectStopped({ progress, signal: controller.signal }, covariances);
    }
    expect(outcome(await edit(REQUEST, {}, covariances))).toEqual(whole);
  });

  test('there are no other stages', () => {
    expect([...new Set(reports.map(({ stage }) => stage))]).toEqual(STAGES);
  });

  test.each([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1])('in the middle of a run, %d of the way', async (share) => {
    const controller = new AbortController();
    device.interrupt(Math.floor(share * (runs - 1)), () => controller.abort());
    await expectStopped({ signal: controller.signal });
  });

  test('before it has begun', () => expectStopped({ signal: AbortSignal.abort() }));

  test.each([0, 0.2, 0.4, 0.6, 0.8, 1])('by a run that fails, %d of the way', async (share) => {
    const failure = new EditorError('device-lost', 'run', 'it fails on request', 'nothing');
    device.interrupt(Math.floor(share * (runs - 1)), () => {
      throw failure;
    });
    await expect(edit(REQUEST)).rejects.toBe(failure);
  });
});

describe('refused', () => {
  const of = (length: number, target = 'b'): EditRequest => ({ prompt: 'a'.repeat(length), target });

  test.each<[string, EditRequest, Readonly<Record<string, unknown>>, ...string[]]>([
    ['a prompt longer than the context', of(97), {}, '98 tokens', 'at most 96'],
    ['a prompt and a target longer than it', of(90, 'b'.repeat(20)), {}, 'a prompt with its target', '110 tokens'],
    ['a subject too long for the KL prompt', { prompt: '{}', subject: 'a'.repeat(95), target: 'b' }, {}, '100 tokens'],
  ])('%s, before anything is computed', async (_, request, changes, ...texts) => {
    const start = device.runs;
    await expectFault(() => edit(request, {}, undefined, { ...CHANGES, ...changes }), 'context-overflow', ...texts);
    expect(device.runs).toBe(start);
  });

  test('a prompt that fits alone, but not behind a sampled text', async () => {
    await expectFault(() => edit(of(93)), 'context-overflow', 'tokens, and the model reads at most 96');
    expect((await edit(of(93), {}, undefined, { ...CHANGES, prefixes: 0 })).proof.requests).toHaveLength(1);
  });

  test('a text too long to be tokenized, at once', async () => {
    const text = 'a'.repeat(LONGEST_TEXT + 1);
    await expectFault(() => encodePrompt(model, text), 'context-overflow', '20001 characters', 'at most 96 tokens');
  });

  test('settings that need a subject, where there is none', () =>
    expectFault(
      () => edit(of(5), {}, undefined, { ...CHANGES, lookup: 'subject-last' }),
      'invalid-request',
      'has no subject',
    ));

  test('more keys than attention can hold', () =>
    expectFault(
      () => edit(REQUEST, {}, undefined, { ...CHANGES, editMlp: false, keyBudget: 0.1 }),
      'invalid-hyperparameter',
      'would have to hold',
    ));

  test.each<[string, readonly string[], string]>([
    ['no text at all', [], 'its 0 lines, each cut to 96 tokens, have 0, and keys are 24 wide'],
    ['fewer tokens than a key is wide', ['It rains.', 'It snows.'], 'its 2 lines, each cut to 96 tokens, have 18'],
    ['as many', ['123456789012', '123456789012'], 'have 24, and keys are 24 wide'],
  ])('statistics from %s', (_, documents, text) =>
    expectFault(
      () => edit(REQUEST, {}, covariancesOf(documents)),
      'invalid-input',
      text,
      'give a text of at least 240',
    ),
  );

  test('statistics from nowhere', () =>
    expectFault(() => edit(REQUEST, {}, makeCovariances(model, null, null)), 'missing-file', 'there is no text'));

  test.each<[string, (width: number) => Tensor<'float64'>, ErrorCode, string]>([
    [
      'of zeros',
      (n) => f64(new Float64Array(n * n), [n, n]),
      'ill-conditioned',
      'cannot factor the covariance of mlp.0',
    ],
    [
      'of a NaN',
      (n) => f64(new Float64Array(n * n).fill(NaN), [n, n]),
      'not-finite',
      'the covariance of mlp.0 [24, 24] holds NaN',
    ],
    ['of another width', (n) => f64(new Float64Array(n), [1, n]), 'invalid-input', 'it has the shape [1, 24]'],
  ])('a covariance %s', async (_, make, code, text) => {
    const sites = allSites(model.description.n_layers);
    const given = new Map(sites.map((site) => [formatSite(site), make(keyWidth(model.description, site.kind))]));
    await expectFault(() => edit(REQUEST, {}, makeCovariances(model, null, null, given)), code, text);
  });

  test('a text of few directions is not: a ridge helps, and the proof says how much', async () => {
    const { proof } = await edit(REQUEST, {}, covariancesOf(Array<string>(40).fill('It rains.')));
    expect(proof.sites.every(({ ridge }) => ridge > 0)).toBe(true);
  });
});

test('after all of this the same edit is the same', async () => {
  expect(outcome(await edit(REQUEST))).toEqual(whole);
});
