import { EditorError } from '../base/errors.ts';
import { PRESETS, SETTINGS, type Hparams, type MethodName, type PresetName, type Setting } from './hparams.ts';

/**
 * A preset with changes, under our names or the published ones, checked whole.
 *
 * @param changes from a form or a file; `preset` names the preset to start from
 * @param depth   n_layers, to check layer numbers; the published `v_loss_layer` must be its last
 * @returns       the settings, and the published names that have no meaning here
 * @throws EditorError `invalid-hyperparameter` naming every fault at once
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
  if (!preset || !start)
    throw invalid([`preset ${JSON.stringify(asked)} is unknown: ${method} has ${names.join(', ')}`]);
  const faults: string[] = [];
  const unused: string[] = [];
  const values: Record<string, unknown> = { ...start };
  for (const [name, value] of Object.entries(rest)) {
    if (name in SETTINGS) values[name] = value;
    else if (!assignPublished(values, name, value, depth, faults)) {
      if (WITHOUT_MEANING.has(name)) unused.push(name);
      else faults.push(`${name} is unknown`);
    }
  }
  for (const key of Object.keys(SETTINGS) as (keyof Hparams)[]) faults.push(...check(key, values[key], depth));
  if (faults.length === 0) faults.push(...contradictions(values as unknown as Hparams));
  if (faults.length > 0) throw invalid(faults);
  return { hparams: values as unknown as Hparams, preset, unused };
}

// ---

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
  faults: string[],
): boolean {
  if (name === 'layers') {
    values['mlpLayers'] = value;
    values['attnLayers'] = value;
    return true;
  }
  if (name === 'fact_token') {
    const tokens: Record<string, string> = { subject_last: 'subject-last', last: 'query-last' };
    values['lookup'] = tokens[String(value)] ?? value;
    return true;
  }
  if (name === 'rewrite_module_tmps') {
    const modules = Array.isArray(value) ? value.map(String) : [];
    values['editAttn'] = modules.some((module) => /attn|attention/.test(module));
    values['editMlp'] = modules.some((module) => /mlp/.test(module));
    return true;
  }
  if (name === 'v_loss_layer') {
    if (value !== depth - 1)
      faults.push(`v_loss_layer is ${String(value)}, the loss is read at the last layer (${depth - 1})`);
    return true;
  }
  const ours = Object.entries(SETTINGS).find(([, setting]) => setting.published === name);
  if (!ours) return false;
  values[ours[0]] = value;
  return true;
}

function check(key: keyof Hparams, value: unknown, depth: number): string[] {
  const setting: Setting = SETTINGS[key];
  const fallback = EXAMPLE[key];
  const said = JSON.stringify(value);
  if (key === 'mlpLayers' || key === 'attnLayers') {
    if (value === null) return [];
    const layers = Array.isArray(value) ? value : [];
    const fine = layers.length > 0 && layers.every((l) => Number.isInteger(l) && l >= 0 && l < depth);
    const unique = new Set(layers).size === layers.length;
    return fine && unique ? [] : [`${key} is ${said}, it takes different layers from 0 to ${depth - 1}`];
  }
  if (setting.choices) {
    return setting.choices.includes(String(value))
      ? []
      : [`${key} is ${said}, it is one of ${setting.choices.join(', ')}`];
  }
  if (setting.range) {
    if (value === null && fallback === null) return [];
    const [low, high] = setting.range;
    const fine = typeof value === 'number' && value >= low && value <= high;
    const whole = !setting.integer || Number.isInteger(value);
    return fine && whole
      ? []
      : [`${key} is ${said}, it takes ${setting.integer ? 'whole ' : ''}numbers from ${low} to ${high}`];
  }
  return typeof value === typeof fallback ? [] : [`${key} is ${said}, it takes a ${typeof fallback}`];
}

/** Settings that are fine alone and not together. */
function contradictions(h: Hparams): string[] {
  const faults: string[] = [];
  if (!h.editMlp && !h.editAttn) faults.push('editMlp and editAttn are both off, so nothing would be written');
  if (h.lookup === 'every' && h.deltas === 'module') faults.push('lookup every needs deltas site');
  if (h.lookup === 'every' && h.spread !== 'none') faults.push('lookup every needs spread none');
  if (h.deltas === 'site' && h.spread !== 'none') faults.push('deltas site are written whole: spread must be none');
  if (h.klPrompt.split('{}').length !== 2) faults.push(`klPrompt is ${JSON.stringify(h.klPrompt)}, it needs one {}`);
  if (h.mlpFrom >= h.mlpTo) faults.push(`mlpFrom ${h.mlpFrom} is not below mlpTo ${h.mlpTo}`);
  if (h.attnFrom >= h.attnTo) faults.push(`attnFrom ${h.attnFrom} is not below attnTo ${h.attnTo}`);
  return faults;
}

function invalid(faults: readonly string[]): EditorError {
  return new EditorError(
    'invalid-hyperparameter',
    'use these settings',
    faults.join('; '),
    'change the values named, or start from a preset',
    { faults: faults.join('; ') },
  );
}
