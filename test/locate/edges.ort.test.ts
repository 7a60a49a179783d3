import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import { readCase, readLocateRequests, type LocateCase } from '../../src/locate/case.ts';
import { personVariants } from '../../src/locate/decoupling.ts';
import { locate, LOCATION_KINDS, type CellBlock } from '../../src/locate/location.ts';
import { drawNoise, subjectSigma } from '../../src/locate/noise.ts';
import { completeSettings, measureRelations, type RelationPrompt } from '../../src/locate/relations.ts';
import { measureSet, promptKey, summarizeSet, type PromptFigures } from '../../src/locate/sets.ts';
import type { Strand } from '../../src/locate/strands.ts';
import { baselineScores, climb, startTrace } from '../../src/locate/trace.ts';
import { floats } from '../../src/model/batch.ts';
import type { Model } from '../../src/model/model.ts';
import { placePatches } from '../../src/model/patch.ts';
import { testDevice } from '../support/device.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';
import { expectNothingLeft, trackDevice } from '../support/tracked.ts';

const CONFIG = { ...TINY_CONFIGS.gpt2, vocab_size: 256 };
const REQUEST = { prompt: 'PersonX opens it', subject: 'opens', target: 'so' };

let device: Device;
let model: Model;
beforeAll(async () => {
  device = await testDevice('float64');
  model = await randomModel(CONFIG, device, 1, byteTokenizer());
});

describe('what must hold of any map', () => {
  test('everything restored is clean, nothing restored is low', async () => {
    const one = await readCase(model, { prompt: 'P', subject: 'P', target: 'x' });
    const { high, low, kinds } = await locate(model, { ...one, targetIds: [7] });
    expect(low.probability).not.toBeCloseTo(high.probability, 6);
    for (const score of kinds.hidden?.probability ?? []) expect(score).toBeCloseTo(high.probability, 12);

    const item = await readCase(model, REQUEST);
    const trace = await startTrace(model, item, drawNoise([3, 5, 16], 1, 1));
    const corrupted = baselineScores(trace).low;
    for (const [token, begin] of [
      [9, 0],
      [12, 1],
    ]) {
      const layers = [0, 1, 2].map((layer): Strand[] => {
        return layer < begin ? [] : [{ below: layer === begin ? null : 0, first: 'below', forced: false }];
      });
      const [{ score }] = await climb(trace, token, { layers, cells: [[]] }, {});
      expect(score.probability).toBeCloseTo(corrupted.probability, 12);
    }
    const silent = await locate(model, item, { noise: floats('float64', new Float64Array(80), [1, 5, 16]) });
    for (const kind of LOCATION_KINDS) {
      for (const score of silent.kinds[kind]?.logProbability ?? []) {
        expect(score).toBeCloseTo(silent.high.logProbability, 12);
      }
    }
  });

  test('a prompt that fills the context of 128 tokens', async () => {
    const long = await randomModel({ ...CONFIG, n_positions: 128, n_layer: 2 }, device, 1, byteTokenizer());
    const item = await readCase(long, { prompt: `PersonX ${'opens '.repeat(20)}`, subject: 'PersonX', target: 'x' });
    const whole = { ...item, ids: [...item.ids, 9], tokens: [...item.tokens, '.'], targetIds: [7] };
    expect(whole.ids.length).toBe(128);
    const { kinds, high } = await locate(long, whole, { draws: 1, window: 1 });
    for (const kind of LOCATION_KINDS) expect(kinds[kind]?.probability.findIndex(Number.isNaN)).toBe(-1);
    expect(kinds.hidden?.probability[255]).toBeCloseTo(high.probability, 12);
    await long.dispose();
  });

  test('noise is drawn by its seed alone, at three times the spread of the subject', async () => {
    const item = await readCase(model, REQUEST);
    const sigma = await subjectSigma(model, [REQUEST.subject]);
    const noise = drawNoise([10, 5, 16], 3 * sigma, 4);
    const spread = Math.sqrt(noise.data.reduce((sum, value) => sum + value ** 2, 0) / noise.data.length);
    expect(spread / (3 * sigma)).toBeCloseTo(1, 1);
    const kinds = ['hidden'] as const;
    const drawn = await locate(model, item, { seed: 4, kinds });
    expect(drawn.noiseLevel).toBeCloseTo(3 * sigma, 12);
    expect((await locate(model, item, { sigmas: 0.5, draws: 1, kinds })).noiseLevel).toBeCloseTo(0.5 * sigma, 12);
    expect((await locate(model, item, { noise, kinds })).kinds).toEqual(drawn.kinds);
    expect((await locate(model, item, { seed: 5, kinds })).low).not.toEqual(drawn.low);
    const single = await randomModel(CONFIG, await testDevice('float32'), 1, byteTokenizer());
    const rounded = await locate(single, item, { seed: 4, kinds });
    for (const [i, score] of drawn.kinds.hidden?.probability.entries() ?? []) {
      expect((rounded.kinds.hidden?.probability[i] ?? NaN) / score).toBeCloseTo(1, 4);
    }
  });

  test('what was seen before an abort stays, and is what the whole map has', async () => {
    const item = await readCase(model, REQUEST);
    const whole = await locate(model, item);
    const controller = new AbortController();
    const seen: CellBlock[] = [];
    const cells = (block: CellBlock) => {
      if (seen.push(block) === 5) controller.abort();
    };
    await expect(locate(model, item, {}, { cells }, controller)).rejects.toMatchObject({ code: 'aborted' });
    expect(seen.length).toBe(5);
    for (const { kind, tokens, layers, probability } of seen) {
      const same = tokens.flatMap((token) => layers.map((layer) => whole.kinds[kind]?.probability[token * 3 + layer]));
      expect([...probability]).toEqual(same);
    }
  });

  test('nothing is left behind, whichever run fails or is the last before an abort', async () => {
    const tracked = trackDevice(device);
    const small = await randomModel({ ...CONFIG, n_layer: 2 }, tracked, 1, byteTokenizer());
    const item: LocateCase = await readCase(small, { prompt: 'abc', subject: 'b', target: 'de' });
    await expectNothingLeft(tracked, (watch) => locate(small, item, { draws: 2, window: 1 }, {}, watch));
  });
});

describe('what is refused', () => {
  test.each<[string, Parameters<typeof readCase>[1], string, Record<string, unknown>]>([
    ['no subject', { ...REQUEST, subject: ' ' }, 'invalid-request', { subject: '', offer: 'it' }],
    ['a subject elsewhere', { ...REQUEST, subject: 'shuts' }, 'invalid-request', { subject: 'shuts', offer: 'it' }],
    ['no word to offer', { prompt: '?!', subject: 'x' }, 'invalid-request', { offer: '' }],
    ['a target without tokens', { ...REQUEST, target: '  ' }, 'invalid-request', {}],
    ['too long a prompt', { ...REQUEST, prompt: 'PersonX opens it'.repeat(3) }, 'context-overflow', { limit: 32 }],
    ['too long with its target', { ...REQUEST, target: 'seventeen letters' }, 'context-overflow', { tokens: 33 }],
  ])('%s', async (_, request, code, values) => {
    await expect(readCase(model, request)).rejects.toMatchObject({ code, values });
  });

  test('files that hold no prompts', () => {
    expect(() => readLocateRequests([])).toThrow('the list of prompts is empty');
    expect(() => readLocateRequests([{ prompt: 'a' }, { prompt: 'a', subject: 'a', target: 3 }])).toThrow(
      'prompt 1: the subject is missing or empty; prompt 2: the target is missing or empty',
    );
    expect(readLocateRequests([REQUEST])).toEqual([REQUEST]);
  });

  test('noise of another shape, windows of nothing, numbers that are none', async () => {
    const item = await readCase(model, REQUEST);
    const noise = drawNoise([2, 4, 16], 1, 1);
    await expect(locate(model, item, { noise })).rejects.toMatchObject({ code: 'invalid-input' });
    for (const settings of [{ window: 0 }, { draws: 0.5 }, { sigmas: 0 }, { sigmas: NaN }]) {
      await expect(locate(model, item, settings)).rejects.toMatchObject({ code: 'invalid-input', values: settings });
    }
    const bad = floats('float64', new Float64Array(16).fill(NaN), [16, 1]);
    const patch = { site: { kind: 'attn', layer: 1 }, left: bad, right: { ...bad, shape: [1, 16] } } as const;
    const patches = placePatches(device, model.description, [{ patch, alpha: 1 }]);
    await expect(locate(model, item, {}, {}, {}, patches)).rejects.toMatchObject({ code: 'not-finite' });
    await expect(measureSet(model, [REQUEST], { measures: ['recall'] }, {}, {}, patches)).rejects.toMatchObject({
      code: 'not-finite',
    });
  });
});

describe('sets', () => {
  const requests = ['opens', 'shuts', 'finds'].map((verb) => ({
    ...REQUEST,
    prompt: `PersonX ${verb} it`,
    subject: verb,
  }));
  const settings = { draws: 2, topK: 5 };

  test('what a journal has kept before an abort is not computed again, and means are the same', async () => {
    const whole = await measureSet(model, requests, settings);
    const kept = new Map<string, PromptFigures>();
    const controller = new AbortController();
    const journal = {
      known: (key: string) => kept.get(key),
      keep: (key: string, figures: PromptFigures) => {
        if (kept.set(key, figures).size === 2) controller.abort();
      },
    };
    const stopped = measureSet(model, requests, settings, journal, controller);
    await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
    expect(kept.size).toBe(2);
    const [first] = kept.values();
    const resumed = await measureSet(model, requests, settings, journal);
    expect(resumed[0]).toBe(first);
    expect(summarizeSet(resumed)).toEqual(summarizeSet(whole));
    expect(promptKey(model, requests[0], settings)).not.toBe(promptKey(model, requests[0], settings, 'edited'));
  });

  test('a mean with its band; a line that some prompts lack is averaged over the others', async () => {
    const prompt = (value: number): PromptFigures => ({ lines: { a: Float64Array.of(value) }, figures: { f: value } });
    const { n, lines, figures } = summarizeSet([prompt(1), prompt(2), prompt(6), { lines: {}, figures: {} }]);
    expect([n, lines['a'].n, lines['a'].mean[0], figures['f'].mean]).toEqual([4, 3, 3, 3]);
    expect(lines['a'].band[0]).toBeCloseTo((1.96 * Math.sqrt(7)) / Math.sqrt(3), 12);
    const [{ lines: measured }] = await measureSet(model, requests.slice(0, 1), settings);
    expect(Object.keys(measured)).toEqual(
      expect.arrayContaining(['cosine.mlp', 'overlap.lens.attn', 'normOut.block', 'lens.residual', 'effect.hidden']),
    );
    for (const line of Object.values(measured)) expect(line.length).toBe(3);
  });

  test('relations, sides and persons are parts of one set; a prompt is measured once', async () => {
    const prompts: RelationPrompt[] = requests.map((request, i) => {
      return i < 2
        ? { ...request, relation: 'xNeed', kind: 'commonsense' }
        : { ...request, relation: 'end', kind: 'fact' };
    });
    const settings = await completeSettings(model, prompts, { draws: 2, kinds: ['hidden'], topK: 5 });
    const kept = new Map<string, PromptFigures>();
    const journal = {
      known: (key: string) => kept.get(key),
      keep: (key: string, one: PromptFigures) => kept.set(key, one),
    };
    const { relations, kinds, decoupling } = await measureRelations(model, prompts, settings, journal);
    const figures = await measureSet(model, prompts, settings, journal);
    expect(relations.map(({ relation, kind }) => [relation, kind])).toEqual([
      ['xNeed', 'commonsense'],
      ['end', 'fact'],
    ]);
    expect(relations[0].summary).toEqual(summarizeSet(figures.slice(0, 2)));
    expect(kinds).toEqual({ commonsense: relations[0].summary, fact: relations[1].summary, own: summarizeSet([]) });
    const { lines } = decoupling.personX;
    expect(lines['cosine.mlp']).toEqual(summarizeSet(figures).lines['cosine.mlp']);
    expect(lines['effect.hidden']).toBeUndefined();
    expect(decoupling.named.n).toBe(3);
    expect(kept.size).toBe(4 * 3);
  });

  test('PersonX by name and without', () => {
    const about = [
      { prompt: 'To open it, PersonX needs to', subject: 'open it' },
      { prompt: 'PersonX opens it, PersonX', subject: 'PersonX opens it', target: 'thanks PersonX' },
      { prompt: 'PersonX’s key', subject: 'PersonX' },
      { prompt: 'Paris is in', subject: 'Paris' },
    ];
    const { named, personX, removed } = personVariants(about, ['Anna', 'Tom']);
    expect(personX).toEqual(about.slice(0, 2));
    expect(named).toEqual([
      { prompt: 'To open it, Anna needs to', subject: 'open it' },
      { prompt: 'Tom opens it, Tom', subject: 'Tom opens it', target: 'thanks Tom' },
    ]);
    expect(removed).toEqual([
      { prompt: 'To open it, needs to', subject: 'open it' },
      { prompt: 'opens it,', subject: 'opens it', target: 'thanks' },
    ]);
  });

  test('nobody is spoken of before a comma either, and what one variant could not ask is asked of none', () => {
    const { removed } = personVariants([
      { prompt: 'The key of PersonX, who', subject: 'key of PersonX' },
      { prompt: 'PersonX’s key is', subject: 'PersonX’s key' },
      { prompt: '(PersonX waits)', subject: 'waits' },
    ]);
    expect(removed).toEqual([
      { prompt: 'The key of, who', subject: 'key of' },
      { prompt: 'key is', subject: 'key' },
      { prompt: '(waits)', subject: 'waits' },
    ]);
    const { personX } = personVariants([
      { prompt: 'PersonX gave it to', subject: 'it', target: 'PersonX' },
      { prompt: 'PersonX’s key is', subject: 'X’s key' },
    ]);
    expect(personX).toEqual([]);
  });

  test('the subject stands where its place is, wherever else its letters are', async () => {
    const { ids, subjectRange } = await readCase(model, { prompt: 'The dog and {} went', subject: 'he', target: 'so' });
    expect([ids.length, ...subjectRange]).toEqual([19, 12, 14]);
  });

  test('a target by its tokens is taken as it is', async () => {
    const { target, targetIds } = await readCase(model, { ...REQUEST, targetIds: [44, 32] });
    expect([target, targetIds]).toEqual([', ', [44, 32]]);
    await expect(readCase(model, { ...REQUEST, targetIds: [256] })).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(readCase(model, { ...REQUEST, targetIds: [] })).rejects.toMatchObject({ code: 'invalid-request' });
  });
});
