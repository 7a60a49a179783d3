import type { ErrorCode } from '../base/errors.ts';
import type { Hparams, Shortfall } from '../worker/api.ts';
import type { Changes, PresetId } from './settings.ts';

/** One thing to try after an edit that didn't take. */
export interface Remedy {
  readonly kind: 'steps' | 'layers' | 'memory' | 'preset';
  /** What it sets, for the button's words. */
  readonly value: number;
  readonly preset: PresetId;
  readonly changes: Changes;
}

/** What to try, from the causes that the proof names; each is one button that edits again. */
export function remediesFor(
  shortfall: readonly Shortfall[],
  preset: PresetId,
  changes: Changes,
  hparams: Hparams,
): Remedy[] {
  const remedies: Remedy[] = [];
  const add = (kind: Remedy['kind'], value: number, change: Changes) =>
    remedies.push({ kind, value, preset, changes: { ...changes, ...change } });
  if (preset.startsWith('dem/')) remedies.push({ kind: 'preset', value: 0, preset: 'dem+/default', changes: {} });
  if (shortfall.includes('optimization')) {
    add('steps', 2 * hparams.steps, { steps: 2 * hparams.steps });
    if (hparams.layerRule !== 'fixed') add('layers', 0, { layerRule: 'fixed', mlpLayers: null, attnLayers: null });
  }
  const covarianceShare = hparams.covarianceShare / 3;
  if (shortfall.includes('share')) add('memory', covarianceShare, { covarianceShare });
  if (shortfall.includes('cross-talk') && preset === 'dem+/default') {
    remedies.push({ kind: 'preset', value: 0, preset: 'dem+/mlp-only', changes: {} });
  }
  return remedies;
}

/**
 * Whether the same call may succeed when it is simply made again. Where it can't, the way out is another input, and the
 * error's advice names it.
 */
export function isWorthAnotherTry(code: ErrorCode): boolean {
  return AGAIN[code];
}

// ---

const AGAIN: Readonly<Record<ErrorCode, boolean>> = {
  aborted: true,
  busy: true,
  'context-overflow': false,
  'crashed-last': true,
  'device-lost': true,
  'hash-mismatch': true,
  'ill-conditioned': false,
  internal: true,
  'invalid-checkpoint': false,
  'invalid-hyperparameter': false,
  'invalid-input': false,
  'invalid-request': false,
  'invalid-tokenizer': false,
  'missing-file': true,
  network: true,
  'no-device': true,
  'not-finite': false,
  'out-of-memory': true,
  quota: true,
  shader: true,
  'unsupported-model': false,
  'untrusted-device': true,
  'worker-died': true,
};
