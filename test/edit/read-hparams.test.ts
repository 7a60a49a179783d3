import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { PRESETS, SETTINGS, type MethodName } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { expectFault, faultOf } from '../support/faults.ts';

const DEPTH = 8;
const METHODS = Object.keys(PRESETS) as MethodName[];
const read = (changes: Readonly<Record<string, unknown>>, method: MethodName = 'dem+') =>
  readHparams(method, changes, DEPTH);

describe('taken', () => {
  test('every preset as it is, the first by default', () => {
    for (const method of METHODS) {
      for (const [preset, hparams] of Object.entries(PRESETS[method])) {
        expect(read({ preset }, method)).toEqual({ hparams, preset, unused: [] });
      }
      expect(read({}, method).preset).toBe(Object.keys(PRESETS[method])[0]);
    }
  });

  test('a model of one layer', () => {
    for (const method of METHODS) expect(readHparams(method, {}, 1).preset).toBeDefined();
  });

  test('the published names', () => {
    const published = { layers: [1, 2], fact_token: 'last', v_lr: 0.5, v_loss_layer: 7, mom2_dataset: 'wikipedia' };
    const { hparams, unused } = read({ ...published, rewrite_module_tmps: ['h.{}.mlp.c_proj'] }, 'dem');
    expect(hparams).toMatchObject({ mlpLayers: [1, 2], attnLayers: [1, 2], lookup: 'query-last', learningRate: 0.5 });
    expect(hparams).toMatchObject({ editMlp: true, editAttn: false });
    expect(unused).toEqual(['mom2_dataset']);
  });

  test.each(Object.entries(SETTINGS).flatMap(([name, { range }]) => (range ?? []).map((end) => [name, end] as const)))(
    '%s at the end of its range, %d',
    (name, end) => {
      const own = /^(mlp|attn)(From|To)$/.test(name) ? {} : { [name]: end };
      expect(read(own).hparams).toMatchObject(own);
    },
  );
});

describe('refused', () => {
  test.each<[string, Record<string, unknown>, ...string[]]>([
    ['too few', { steps: 0 }, 'steps is 0, it takes whole numbers from 1 to 1000'],
    ['too many', { steps: 1001 }, 'steps is 1001'],
    ['a part of a step', { steps: 1.5 }, 'steps is 1.5, it takes whole numbers'],
    ['a field left empty', { steps: NaN }, 'steps is no number'],
    ['infinitely much', { klFactor: Infinity }, 'klFactor is Infinity', 'numbers from 0 to 1000'],
    ['text for a number', { klFactor: '1' }, 'klFactor is "1", it takes numbers from 0 to 1000'],
    ['nothing for a number', { stop: null }, 'stop is null, it takes numbers from 0 to 100'],
    ['a choice that there is not', { layerRule: 'best' }, 'layerRule is "best", it is one of zero, largest'],
    ['a choice in a list', { layerRule: ['zero'] }, 'layerRule is ["zero"]'],
    ['text for a switch', { context: 'yes' }, 'context is "yes", it takes true or false'],
    ['a number for text', { klPrompt: 3 }, 'klPrompt is 3, it takes text'],
    ['a layer too high', { mlpLayers: [8] }, 'mlpLayers is [8], it takes different layers from 0 to 7'],
    ['a layer twice', { attnLayers: [1, 1] }, 'attnLayers is [1,1]'],
    ['no layers', { mlpLayers: [] }, 'mlpLayers is []'],
    ['an unknown name', { stepz: 3 }, 'stepz is unknown'],
    ['the name of an inherited property', { toString: 3 }, 'toString is unknown'],
    ['an unknown preset', { preset: 'best' }, 'preset is "best", it is one of default, mlp-only, article-layers'],
    ['a loss at another layer', { v_loss_layer: 3 }, 'v_loss_layer is 3, the loss is read at the last layer (7)'],
    ['a token that there is not', { fact_token: 'first' }, 'lookup is "first"'],
    [
      'nothing to write',
      { editMlp: false, editAttn: false },
      'editMlp is off, and so is attention: nothing would be written',
    ],
    ['a delta per module for every token', { deltas: 'module' }, 'deltas is "module", and lookup "every" needs "site"'],
    ['a spread over sites', { spread: 'sqrt' }, 'spread is "sqrt", and deltas "site" needs "none"'],
    ['no place in the KL prompt', { klPrompt: 'a dog' }, 'klPrompt is "a dog", it needs one {}'],
    ['candidates backwards', { mlpFrom: 0.6, mlpTo: 0.5 }, 'mlpFrom is 0.6, which is not below mlpTo, 0.5'],
    ['no candidates', { mlpFrom: 0.99, attnFrom: 0.99 }, 'mlpFrom and attnFrom leave none of 8 layers to write'],
    ['no candidates of the one', { editMlp: false, attnFrom: 0.99 }, 'leave none of 8 layers'],
  ])('%s', (_, changes, ...texts) => expectFault(() => read(changes), 'invalid-hyperparameter', ...texts));

  test('all at once, by setting, those that only clash with others included', async () => {
    const fault = await faultOf(() =>
      read({ steps: 0, seed: -1, layerRule: 'best', deltas: 'module', klPrompt: '', more: 1 }),
    );
    expect(fault.values).toMatchInlineSnapshot(`
      {
        "deltas": "is "module", and lookup "every" needs "site"",
        "klPrompt": "is "", it needs one {}",
        "layerRule": "is "best", it is one of zero, largest, negative, random, fixed",
        "more": "is unknown",
        "seed": "is -1, it takes whole numbers from 0 to 4294967295",
        "steps": "is 0, it takes whole numbers from 1 to 1000",
      }
    `);
    expect(fault.found.split('; ')).toHaveLength(Object.keys(fault.values).length);
  });

  test('each setting when it is anything but what it takes', async () => {
    for (const name of Object.keys(SETTINGS)) {
      for (const value of [undefined, {}, { toString: 1 }, [[]], Symbol.iterator.description, -1e30, NaN]) {
        const isText = name === 'klPrompt' && typeof value === 'string';
        await expectFault(
          () => read({ [name]: value }),
          'invalid-hyperparameter',
          isText ? 'needs one {}' : `${name} is `,
        );
      }
    }
  });
});

test('whatever comes is taken or refused, and nothing else happens', () => {
  const names = [
    ...Object.keys(SETTINGS),
    'layers',
    'fact_token',
    'v_lr',
    'rewrite_module_tmps',
    'v_loss_layer',
    '__proto__',
  ];
  const value = fc.oneof(fc.anything(), fc.double(), fc.constantFrom('zero', 'every', '{} is', null, true, [0]));
  fc.assert(
    fc.property(
      fc.constantFrom(...METHODS),
      fc.dictionary(fc.constantFrom(...names), value),
      fc.integer({ min: 1, max: 40 }),
      (method, changes, depth) => {
        try {
          readHparams(method, changes, depth);
        } catch (error) {
          if (!(error instanceof EditorError)) throw error;
          expect(error.code).toBe('invalid-hyperparameter');
        }
      },
    ),
    { numRuns: 300 },
  );
});
