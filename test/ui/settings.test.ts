import { describe, expect, test } from 'vitest';
import { PRESETS, SETTINGS } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { english } from '../../src/ui/english.ts';
import { remediesFor } from '../../src/ui/remedies.ts';
import {
  byRuleAgain,
  chosenLayers,
  cosineScale,
  isByHand,
  OFFERED,
  presetIdOf,
  presetOf,
  PRESET_IDS,
  settingsOf,
  toggleLayer,
  withSetting,
} from '../../src/ui/settings.ts';

const RULE = { mlp: [0, 2], attn: [1] };

describe('presets', () => {
  test.each(PRESET_IDS)('%s is one that the engine has', (id) => {
    const { method, preset } = settingsOf(id, {});
    expect(presetOf(PRESETS, id)).toBe(PRESETS[method][preset]);
    expect(presetIdOf({ method, preset })).toBe(id);
    expect(english.edit.preset[id].name).not.toBe('');
  });

  test('the first is the engine’s default', () => {
    expect(readHparams('dem+', {}, 8).preset).toBe(settingsOf(PRESET_IDS[0], {}).preset);
  });

  test.each(OFFERED)('%s has a name, and every choice of it', (name) => {
    expect(english.edit.setting(name).name).not.toBe(name);
    for (const choice of ('choices' in SETTINGS[name] && SETTINGS[name].choices) || []) {
      expect(english.edit.choice(name, choice)).not.toBe(choice);
    }
  });
});

describe('layers by hand', () => {
  test.each([
    ['one more', {}, 'mlp', 1, { mlp: [0, 1, 2], attn: [1] }],
    ['one fewer', {}, 'mlp', 0, { mlp: [2], attn: [1] }],
    ['none left of a module', {}, 'attn', 1, { mlp: [0, 2], attn: [] }],
    ['the first of a module that was off', { editAttn: false }, 'attn', 3, { mlp: [0, 2], attn: [3] }],
  ] as const)('%s', (_, before, module, layer, after) => {
    const changes = toggleLayer(before, chosenLayers(before, RULE), module, layer);
    expect(chosenLayers(changes, RULE)).toEqual(after);
    expect(isByHand(changes)).toBe(true);
    expect(() => readHparams('dem+', { ...changes }, 8)).not.toThrow();
  });

  test('switching a layer twice leaves the same layers', () => {
    const once = toggleLayer({}, RULE, 'mlp', 5);
    expect(chosenLayers(toggleLayer(once, chosenLayers(once, RULE), 'mlp', 5), RULE)).toEqual(RULE);
  });

  test('back to the rule keeps the other settings', () => {
    expect(byRuleAgain({ ...toggleLayer({}, RULE, 'mlp', 5), steps: 50 })).toEqual({ steps: 50 });
    expect(isByHand({ steps: 50 })).toBe(false);
  });
});

test('a setting that the preset has anyway is no change', () => {
  const preset = presetOf(PRESETS, PRESET_IDS[0]);
  expect(withSetting({}, preset, 'steps', 50)).toEqual({ steps: 50 });
  expect(withSetting({ steps: 50 }, preset, 'steps', preset.steps)).toEqual({});
});

test.each([
  [{ mlp: [0.1], attn: [-0.2] }, 0.25],
  [{ mlp: [0.1], attn: [-0.3] }, 0.5],
  [{ mlp: [], attn: [] }, 0.25],
  [{ mlp: [0.99], attn: [0] }, 1],
])('cosines %j are drawn to %d', (scores, scale) => {
  expect(cosineScale(scores)).toBe(scale);
});

test.each([
  ['optimization', 'dem+/default', ['steps', 'layers']],
  ['share', 'dem+/default', ['memory']],
  ['cross-talk', 'dem+/default', ['preset']],
  ['cross-talk', 'dem+/mlp-only', []],
  ['optimization', 'dem/recommended', ['preset', 'steps', 'layers']],
] as const)('after too little %s with %s one can try %j', (cause, id, kinds) => {
  const remedies = remediesFor([cause], id, {}, presetOf(PRESETS, id));
  expect(remedies.map(({ kind }) => kind)).toEqual(kinds);
  for (const { preset, changes } of remedies) {
    const settings = settingsOf(preset, changes);
    expect(() => readHparams(settings.method, { preset: settings.preset, ...changes }, 8)).not.toThrow();
  }
});
