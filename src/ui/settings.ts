import { invariant, type EditorError } from '../base/errors.ts';
import type { EditSettings, Hparams, LayerScores, LayerSets, Opened, Setting } from '../worker/api.ts';

/** A method with one of its presets, as one choice. */
export type PresetId = (typeof PRESET_IDS)[number];

/** The choices, default first. */
export const PRESET_IDS = ['dem+/default', 'dem+/mlp-only', 'dem+/article-layers', 'dem/recommended'] as const;

/** A module whose layers can be chosen. */
export type Module = keyof LayerSets;

/** The modules in the order they are shown. */
export const MODULES: readonly Module[] = ['mlp', 'attn'];

/** What a person changed of a preset, under the engine's names. */
export type Changes = Readonly<Partial<Hparams>>;

/** The settings that the form offers besides the layers; all others stay as the preset has them. */
export const OFFERED = [
  'layerRule',
  'cosine',
  'mlpCount',
  'attnCount',
  'steps',
  'stepSize',
  'stop',
  'klFactor',
  'covarianceShare',
  'prefixes',
  'remember',
] as const satisfies readonly (keyof Hparams)[];

/** The choice that a method and a preset are; the default where the form has none for them. */
export function presetIdOf({ method, preset }: Pick<EditSettings, 'method' | 'preset'>): PresetId {
  return PRESET_IDS.find((id) => id === `${method}/${preset}`) ?? PRESET_IDS[0];
}

/** What the engine takes for a choice and its changes. */
export function settingsOf(id: PresetId, changes: Changes): EditSettings {
  const [method, preset] = id.split('/') as [EditSettings['method'], EditSettings['preset']];
  return { method, preset, changes };
}

/** What a choice sets, as the engine has it. */
export function presetOf(presets: Opened['presets'], id: PresetId): Hparams {
  const { method, preset } = settingsOf(id, {});
  const found = presets[method][preset];
  invariant(found, 'show the settings', `the engine has no preset ${id}`);
  return found;
}

/** The changes that make a choice's settings those of an edit that was made. */
export function changesOf(presets: Opened['presets'], id: PresetId, made: Hparams): Changes {
  const preset = presetOf(presets, id);
  const differs = (name: keyof Hparams) => JSON.stringify(made[name]) !== JSON.stringify(preset[name]);
  return Object.fromEntries(Object.entries(made).filter(([name]) => differs(name as keyof Hparams)));
}

/** A setting that the engine has refused, with its value and what it takes. */
export interface SettingFault {
  readonly name: keyof Hparams;
  readonly value: unknown;
  readonly takes: Setting;
}

/**
 * The settings that an error is about.
 *
 * @param changes the settings that were sent
 */
export function settingFaults(
  error: EditorError | null,
  changes: Changes,
  settings: Opened['settings'] | undefined,
): SettingFault[] {
  if (error?.code !== 'invalid-hyperparameter' || !settings) return [];
  const names = Object.keys(settings).filter((name) => name in error.values) as (keyof Hparams)[];
  return names.map((name) => ({ name, value: changes[name], takes: settings[name] }));
}

/** The layers that will be written: those chosen by hand where there are any, else the rule's. */
export function chosenLayers(changes: Changes, byRule: LayerSets): LayerSets {
  return { mlp: layersOf(changes, 'mlp', byRule.mlp), attn: layersOf(changes, 'attn', byRule.attn) };
}

/** The changes after a layer was switched: from now on this module's layers are chosen by hand, and none means off. */
export function toggleLayer(changes: Changes, chosen: LayerSets, module: Module, layer: number): Changes {
  const layers = chosen[module].includes(layer)
    ? chosen[module].filter((each) => each !== layer)
    : [...chosen[module], layer].sort((a, b) => a - b);
  return withLayers(changes, module, layers);
}

/** The changes with a module's layers chosen by hand; none means off. */
export function withLayers(changes: Changes, module: Module, layers: readonly number[]): Changes {
  const { list, on } = NAMES[module];
  const some = layers.length > 0;
  return { ...without(changes, list), ...(some ? { [list]: layers } : {}), [on]: some };
}

/** Where the scale of the strip ends: at the largest cosine of either module, rounded up to a quarter. */
export function cosineScale(scores: LayerScores): number {
  const most = Math.max(...MODULES.flatMap((module) => scores[module].map(Math.abs)), 0);
  return Math.min(1, Math.max(0.25, Math.ceil(4 * most) / 4));
}

/** Whether any layers are chosen by hand. */
export function isByHand(changes: Changes): boolean {
  return MODULES.some((module) => NAMES[module].list in changes || NAMES[module].on in changes);
}

/** The changes with the layers left to the rule again. */
export function byRuleAgain(changes: Changes): Changes {
  return MODULES.reduce((rest, module) => without(rest, NAMES[module].list, NAMES[module].on), changes);
}

/** The changes with one setting more, or one fewer where the preset has that value anyway. */
export function withSetting<K extends keyof Hparams>(
  changes: Changes,
  preset: Hparams,
  name: K,
  value: Hparams[K],
): Changes {
  const rest = without(changes, name);
  return preset[name] === value ? rest : { ...rest, [name]: value };
}

// ---

const NAMES = {
  mlp: { list: 'mlpLayers', on: 'editMlp' },
  attn: { list: 'attnLayers', on: 'editAttn' },
} as const;

function layersOf(changes: Changes, module: Module, byRule: readonly number[]): readonly number[] {
  const { list, on } = NAMES[module];
  if (changes[on] === false) return [];
  return changes[list] ?? byRule;
}

function without(changes: Changes, ...names: (keyof Hparams)[]): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => !names.some((each) => each === name)));
}
