import { EditorError } from '../../base/errors.ts';
import { isRecord, showJson } from '../../store/json.ts';
import {
  type Activation,
  type ModelDescription,
  type Rotary,
  rotaryFrequencies,
  type RotaryScaling,
} from '../description.ts';

/** How a family of models is added: one data file of this shape, registered in `index.ts`. */
export interface FamilyFile {
  /** `model_type` words that it serves. */
  readonly modelTypes: readonly string[];
  /** Reads a `config.json`; faults gather in the reader and are thrown together afterwards. */
  describe(config: ConfigReader): ModelDescription;
}

/** Words for an activation, over all families. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  silu: 'silu',
  swish: 'silu',
};

/** Larger than any model that exists; anything above is a damaged file. */
const LARGEST = { width: 2 ** 17, layers: 2 ** 10, context: 2 ** 24, vocabulary: 2 ** 22 } as const;

/**
 * Reads a `config.json` and notes every fault instead of stopping at the first. A faulty number reads as NaN, and
 * checks on NaN note nothing, so that one fault isn't reported twice.
 */
export class ConfigReader {
  readonly modelType: string;
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #impossible: string[] = [];
  readonly #unsupported: string[] = [];

  constructor(config: Readonly<Record<string, unknown>>, modelType: string) {
    this.#config = config;
    this.modelType = modelType;
  }

  /** A positive integer of at most the largest of its kind. A missing or null key takes the fallback, if there is one. */
  size(key: string, kind: keyof typeof LARGEST, fallback?: number): number {
    const value = this.#config[key] ?? fallback;
    if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LARGEST[kind]) return Number(value);
    // A fallback is made of other keys: when they're faulty, they have been noted.
    if (Number.isNaN(value)) return NaN;
    const origin =
      (this.#config[key] ?? null) === null && fallback !== undefined ? ' (computed, as it is missing)' : '';
    return this.#note(key + origin, value, `an integer from 1 to ${LARGEST[kind]}`);
  }

  /** A finite number above 0. */
  positive(key: string, fallback?: number, from = this.#config, path = key): number {
    const value = from[key] ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    return this.#note(path, value, 'a number above 0');
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#config[key] ?? fallback;
    if (typeof value === 'boolean') return value;
    this.#note(key, value, 'true or false');
    return fallback;
  }

  activation(key: string, fallback?: string): Activation {
    const word = this.#config[key] ?? fallback;
    if (typeof word === 'string' && Object.hasOwn(ACTIVATIONS, word)) return ACTIVATIONS[word];
    if (typeof word === 'string') {
      this.unsupported(`${key} is "${word}", not one of ${Object.keys(ACTIVATIONS).join(', ')}`);
    } else {
      this.#note(key, word, 'the name of an activation');
    }
    return 'gelu';
  }

  /** Notes that `whole` isn't a multiple of `part`. */
  divides(part: number, whole: number, names: string): void {
    if (Number.isFinite(part) && Number.isFinite(whole) && whole % part !== 0) {
      this.#impossible.push(`${names}: ${whole} isn't a multiple of ${part}`);
    }
  }

  /**
   * Rotary settings of both layouts in use: `rope_theta` and `rope_scaling` at the top, or both in `rope_parameters`.
   */
  rotary(dim: number, style: Rotary['style'], n_ctx: number): Rotary {
    const nested = this.#record('rope_parameters');
    const from = nested ?? this.#config;
    const base = this.positive('rope_theta', 10000, from, nested ? 'rope_parameters.rope_theta' : 'rope_theta');
    const scaling = this.#scaling(nested ?? this.#record('rope_scaling'), n_ctx);
    this.divides(2, dim, 'the rotary width must be even');
    const frequencies = dim % 2 === 0 ? rotaryFrequencies(dim, base, scaling) : [];
    return { dim, style, frequencies };
  }

  /** A window of local attention: inside it, attention is full attention, so it bounds the context and nothing else. */
  window(n_ctx: number, on = true): number {
    if (!on || (this.#config['sliding_window'] ?? null) === null) return n_ctx;
    return Math.min(n_ctx, this.size('sliding_window', 'context'));
  }

  /** Notes something that is possible but that we don't run. */
  unsupported(fault: string): void {
    this.#unsupported.push(fault);
  }

  /** @throws EditorError `invalid-checkpoint` for impossible settings, `unsupported-model` for foreign ones; all at once */
  finish(): void {
    const faults = [...this.#impossible, ...this.#unsupported];
    if (faults.length === 0) return;
    throw new EditorError(
      this.#impossible.length > 0 ? 'invalid-checkpoint' : 'unsupported-model',
      `read config.json of a ${this.modelType} model`,
      faults.join('; '),
      this.#impossible.length > 0 ? 'get the file again from where the model comes from' : 'choose another model',
      { modelType: this.modelType, faults: faults.length },
    );
  }

  // ---

  #scaling(scaling: Readonly<Record<string, unknown>> | null, n_ctx: number): RotaryScaling | null {
    const kind = scaling ? (scaling['rope_type'] ?? scaling['type'] ?? 'default') : 'default';
    if (scaling === null || kind === 'default') return null;
    const read = (key: string, fallback?: number) => this.positive(key, fallback, scaling, `rope scaling's ${key}`);
    if (kind === 'linear') return { kind, factor: read('factor') };
    if (kind === 'llama3') {
      const [low_freq_factor, high_freq_factor] = [read('low_freq_factor'), read('high_freq_factor')];
      if (low_freq_factor >= high_freq_factor) {
        this.#impossible.push(`rope scaling's low_freq_factor ${low_freq_factor} isn't below ${high_freq_factor}`);
      }
      const original_n_ctx = read('original_max_position_embeddings', n_ctx);
      return { kind, factor: read('factor'), low_freq_factor, high_freq_factor, original_n_ctx };
    }
    this.unsupported(`rope scaling ${showJson(kind)} isn't one of default, linear, llama3`);
    return null;
  }

  #record(key: string): Readonly<Record<string, unknown>> | null {
    const value = this.#config[key] ?? null;
    if (value === null) return null;
    if (isRecord(value)) return value;
    this.#note(key, value, 'an object');
    return null;
  }

  #note(key: string, value: unknown, due: string): number {
    const found = value === undefined ? 'is missing' : `is ${showJson(value)}`;
    this.#impossible.push(`${key} ${found}, not ${due}`);
    return NaN;
  }
}
