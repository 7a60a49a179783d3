import { EditorError } from '../base/errors.ts';
import { NOISE_DRAWS, NOISE_SEED, NOISE_SIGMAS } from './noise.ts';
import { TOP_K } from './recall.ts';
import { usualWindow } from './windows.ts';

/** What decides a measurement besides model and case: of the map all but `topK`, of recall that alone. Plain data. */
export interface TracingSettings {
  /** Layers of modules that are restored together. */
  readonly window: number;
  /** Draws of noise that scores are averaged over. */
  readonly draws: number;
  readonly seed: number;
  /** Standard deviation of the noise, in σ of the embeddings. */
  readonly sigmas: number;
  /** Size of the sets of words that recall compares. */
  readonly topK: number;
}

/** The numbers that a setting takes, both ends included. */
export interface TracingRange {
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
}

/** A setting with a value that it doesn't take. */
export interface TracingFault {
  readonly name: keyof TracingSettings;
  readonly value: number;
  readonly takes: TracingRange;
}

/** What of a model bounds the settings. */
export interface TracingBounds {
  readonly n_layers: number;
  readonly d_vocab: number;
}

/** How one measures where nobody says otherwise.   [methods.md 8.1, 8.2] */
export function usualTracing({ n_layers, d_vocab }: TracingBounds): TracingSettings {
  const topK = Math.min(TOP_K, d_vocab);
  return { window: usualWindow(n_layers), draws: NOISE_DRAWS, seed: NOISE_SEED, sigmas: NOISE_SIGMAS, topK };
}

/** What each setting takes, for a model with so many words. */
export function tracingRanges(d_vocab: number): Readonly<Record<keyof TracingSettings, TracingRange>> {
  return {
    window: { low: 1, high: 1000, whole: true },
    draws: { low: 1, high: 100, whole: true },
    seed: { low: 0, high: 2 ** 31 - 1, whole: true },
    sigmas: { low: 0.01, high: 20, whole: false },
    topK: { low: 1, high: d_vocab, whole: true },
  };
}

/** The settings that can't be as they are; those left out aren't looked at. */
export function tracingFaults(settings: Partial<TracingSettings>, d_vocab: number): TracingFault[] {
  return Object.entries(tracingRanges(d_vocab)).flatMap(([key, takes]) => {
    const name = key as keyof TracingSettings;
    const value = settings[name];
    return value === undefined || isWithin(value, takes) ? [] : [{ name, value, takes }];
  });
}

/**
 * Refuses settings that can't be.
 *
 * @throws EditorError `invalid-hyperparameter` naming every fault at once; its values are the faults by setting
 */
export function checkTracing(settings: Partial<TracingSettings>, d_vocab: number): void {
  const faults = tracingFaults(settings, d_vocab).map(({ name, value, takes: { low, high, whole } }) => {
    const is = Number.isNaN(value) ? 'no number' : String(value);
    return [name, `is ${is}, it takes ${whole ? 'whole ' : ''}numbers from ${low} to ${high}`] as const;
  });
  if (faults.length === 0) return;
  const found = faults.map(([name, fault]) => `${name} ${fault}`).join('; ');
  const advice = 'change the settings named';
  throw new EditorError(
    'invalid-hyperparameter',
    'trace with these settings',
    found,
    advice,
    Object.fromEntries(faults),
  );
}

/** Whether what was measured with either can stand beside the other. */
export function isMeasuredAlike(one: TracingSettings, other: TracingSettings): boolean {
  return NAMES.every((name) => one[name] === other[name]);
}

// ---

const NAMES = Object.keys(tracingRanges(1)) as (keyof TracingSettings)[];

function isWithin(value: number, { low, high, whole }: TracingRange): boolean {
  return value >= low && value <= high && (!whole || Number.isInteger(value));
}
