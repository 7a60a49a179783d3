import { EditorError } from '../base/errors.ts';
import { showJson } from '../store/json.ts';
import { PRESETS, SETTINGS, type Hparams, type MethodName, type PresetName, type Setting } from './hparams.ts';
import { candidateLayers } from './rank.ts';

/**
 * A preset with changes, under our names or the published ones, checked whole.
 *
 * @param changes from a form or a file; `preset` names the preset to start from
 * @param depth   n_layers, to check layer numbers; the published `v_loss_layer` must be its last
 * @returns       the settings, and the published names that have no meaning here
 * @throws EditorError `invalid-hyperparameter` naming every fault at once; its values are the faults by setting
 */
export function readHparams(
  method: MethodName,
  changes: Readonly<Record<string, unknown>>,
  depth: number,
): { hparams: Hparams; preset: PresetName; unused: string[] } {
  const { preset: asked, ...rest } = changes;
  const presets = PRESETS[method];
  const names = Object.keys(presets) as PresetName[];
  const preset = names.find((name) => name === (asked ?? names[0]));
  const start = preset && presets[preset];
  if (!preset || !start) throw invalid([['preset', `is ${showJson(asked)}, it is one of ${names.join(', ')}`]]);
  const faults: Fault[] = [];
  const unused: string[] = [];
  const values: Record<string, unknown> = { ...start };
  for (const [name, value] of Object.entries(rest)) {
    if (Object.hasOwn(SETTINGS, name)) values[name] = value;
    else if (!assignPublished(values, name, value, depth, faults)) {
      if (WITHOUT_MEANING.has(name)) unused.push(name);
      else faults.push([name, 'is unknown']);
    }
  }
  for (const key of Object.keys(SETTINGS) as (keyof Hparams)[]) faults.push(...check(key, values[key], depth));
  faults.push(...contradictions(values as unknown as Hparams, depth, new Set(faults.map(([name]) => name))));
  if (faults.length > 0) throw invalid(faults);
  return { hparams: values as unknown as Hparams, preset, unused };
}

// ---

/** A setting, and what is wrong with it. */
type Fault = readonly [setting: string, fault: string];

/** Any preset: it shows the type of each setting, and which ones may be null. */
const EXAMPLE = PRESETS['dem+'].default as Hparams;

/** Names of the published files that say where the weights are: our architectures know. */
const WITHOUT_MEANING = new Set([
  'alg_name',
  'attn_module_tmp',
  'context_template_length_params',
  'device',
  'layer_module_tmp',
  'layer_selection',
  'lm_head_module',
  'ln_f_module',
  'mlp_module_tmp',
  'model_name',
  'model_parallel',
  'mom2_adjustment',
  'mom2_dataset',
  'mom2_dtype',
  'mom2_n_samples',
  'rewrite_module_tmp',
  'stats_dir',
]);

/** Translates one published name; returns false when it isn't one that decides an edit. */
function assignPublished(
  values: Record<string, unknown>,
  name: string,
  value: unknown,
  depth: number,
  faults: Fault[],
): boolean {
  if (name === 'layers') {
    values['mlpLayers'] = value;
    values['attnLayers'] = value;
    return true;
  }
  if (name === 'fact_token') {
    values['lookup'] = value === 'subject_last' ? 'subject-last' : value === 'last' ? 'query-last' : value;
    return true;
  }
  if (name === 'rewrite_module_tmps') {
    const modules = Array.isArray(value) ? value.filter((module) => typeof module === 'string') : [];
    values['editAttn'] = modules.some((module) => /attn|attention/.test(module));
    values['editMlp'] = modules.some((module) => module.includes('mlp'));
    return true;
  }
  if (name === 'v_loss_layer') {
    if (value !== depth - 1)
      faults.push(['v_loss_layer', `is ${showJson(value)}, the loss is read at the last layer (${depth - 1})`]);
    return true;
  }
  const ours = Object.entries(SETTINGS).find(([, setting]) => setting.published === name);
  if (!ours) return false;
  values[ours[0]] = value;
  return true;
}

function check(key: keyof Hparams, value: unknown, depth: number): Fault[] {
  const due = dueOf(key, value, depth);
  return due === null ? [] : [[key, `is ${Number.isNaN(value) ? 'no number' : showJson(value)}, it ${due}`]];
}

/** What a setting takes, when this value isn't it. */
function dueOf(key: keyof Hparams, value: unknown, depth: number): string | null {
  const { choices, range, integer }: Setting = SETTINGS[key];
  const example = EXAMPLE[key];
  if (value === null && example === null) return null;
  if (key === 'mlpLayers' || key === 'attnLayers') {
    const layers = Array.isArray(value) ? value : [];
    const fine = layers.length > 0 && layers.every((l) => Number.isInteger(l) && l >= 0 && l < depth);
    const unique = new Set(layers).size === layers.length;
    return fine && unique ? null : `takes different layers from 0 to ${depth - 1}`;
  }
  if (choices) return choices.some((choice) => choice === value) ? null : `is one of ${choices.join(', ')}`;
  if (range) {
    const [low, high] = range;
    const fine = typeof value === 'number' && value >= low && value <= high && (!integer || Number.isInteger(value));
    return fine ? null : `takes ${integer ? 'whole ' : ''}numbers from ${low} to ${high}`;
  }
  if (typeof value === typeof example) return null;
  return `takes ${typeof example === 'boolean' ? 'true or false' : 'text'}`;
}

/** Settings that are fine alone and not together; those with a fault of their own are left out. */
function contradictions(h: Hparams, depth: number, faulty: ReadonlySet<string>): Fault[] {
  const faults: Fault[] = [];
  const refuse = (settings: readonly (keyof Hparams)[], isWrong: () => boolean, fault: () => string) => {
    if (!settings.some((name) => faulty.has(name)) && isWrong()) faults.push([settings[0], fault()]);
  };
  refuse(
    ['editMlp', 'editAttn'],
    () => !h.editMlp && !h.editAttn,
    () => 'is off, and so is attention: nothing would be written',
  );
  refuse(
    ['deltas', 'lookup'],
    () => h.lookup === 'every' && h.deltas === 'module',
    () => 'is "module", and lookup "every" needs "site"',
  );
  refuse(
    ['spread', 'lookup', 'deltas'],
    () => h.spread !== 'none' && (h.lookup === 'every' || h.deltas === 'site'),
    () => `is "${h.spread}", and ${h.deltas === 'site' ? 'deltas "site"' : 'lookup "every"'} needs "none"`,
  );
  refuse(
    ['klPrompt'],
    () => h.klPrompt.split('{}').length !== 2,
    () => `is ${showJson(h.klPrompt)}, it needs one {}`,
  );
  for (const { from, to } of MODULES) {
    refuse(
      [from, to],
      () => h[from] >= h[to],
      () => `is ${h[from]}, which is not below ${to}, ${h[to]}`,
    );
  }
  refuse(
    MODULES.flatMap(({ from, to, on, layers }) => [from, to, on, layers]),
    () =>
      (h.editMlp || h.editAttn) &&
      MODULES.every(({ kind, on, layers }) => !h[on] || (!h[layers] && candidateLayers(h, kind, depth).length === 0)),
    () => `and attnFrom leave none of ${depth} layers to write`,
  );
  return faults;
}

/** The settings that say which layers of a module are written. */
const MODULES = [
  { kind: 'mlp', from: 'mlpFrom', to: 'mlpTo', on: 'editMlp', layers: 'mlpLayers' },
  { kind: 'attn', from: 'attnFrom', to: 'attnTo', on: 'editAttn', layers: 'attnLayers' },
] as const;

function invalid(faults: readonly Fault[]): EditorError {
  return new EditorError(
    'invalid-hyperparameter',
    'use these settings',
    faults.map(([setting, fault]) => `${setting} ${fault}`).join('; '),
    'change the settings named, or start from a preset',
    Object.fromEntries(faults),
  );
}
