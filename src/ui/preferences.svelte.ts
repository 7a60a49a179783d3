import type { DeviceChoice } from '../worker/api.ts';
import { PALETTES, type Palette } from './palette.ts';
import type { Draft } from './request.ts';

/** Light, dark, or as the system has it. */
export type Theme = (typeof THEMES)[number];

/** In the order the button goes through them. */
export const THEMES = ['system', 'light', 'dark'] as const;

/**
 * What a person set once and expects to find again, and the words being written. Kept in the page's own local storage, as
 * far as the browser lets it; the engine's store is not needed to paint the first frame right.
 */
export class Preferences {
  readonly #storage: Storage | null;
  theme = $state<Theme>('system');
  device = $state<DeviceChoice>('auto');
  /** Whether keys without Ctrl do something. */
  singleKeys = $state(true);
  /** Of every draw that an edit makes. */
  seed = $state(0);
  draft = $state.raw<Draft | null>(null);
  /** Colors of pictures. */
  palette = $state<Palette>('cividis');

  constructor(storage: Storage | null) {
    this.#storage = storage;
    const { theme, device, singleKeys, seed, draft, palette } = read(storage);
    if (isOneOf(PALETTES, palette)) this.palette = palette;
    if (isOneOf(THEMES, theme)) this.theme = theme;
    if (isOneOf(DEVICES, device)) this.device = device;
    if (typeof singleKeys === 'boolean') this.singleKeys = singleKeys;
    if (isSeed(seed)) this.seed = seed;
    if (isDraft(draft)) this.draft = draft;
  }

  /** Changes some and keeps all. */
  set(changes: Partial<Pick<Preferences, 'theme' | 'device' | 'singleKeys' | 'seed' | 'draft' | 'palette'>>): void {
    Object.assign(this, changes);
    const { theme, device, singleKeys, seed, draft, palette } = this;
    try {
      this.#storage?.setItem(KEY, JSON.stringify({ theme, device, singleKeys, seed, draft, palette }));
    } catch {
      // A full or forbidden storage costs the memory, never the work.
    }
  }
}

/** Whether a value can seed a draw: a whole number that fits in 32 bits. */
export function isSeed(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** The browser's local storage, or null where it is forbidden. */
export function findStorage(): Storage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

// ---

const KEY = 'palimpsest';
const DEVICES = ['auto', 'webgpu', 'wasm'] as const;

function read(storage: Storage | null): Record<string, unknown> {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(KEY) ?? '{}');
    return typeof kept === 'object' && kept !== null ? { ...kept } : {};
  } catch {
    return {};
  }
}

function isOneOf<T extends string>(names: readonly T[], value: unknown): value is T {
  return names.some((name) => name === value);
}

function isDraft(value: unknown): value is Draft {
  if (typeof value !== 'object' || value === null) return false;
  const { prompt, target, subject } = value as Record<string, unknown>;
  return [prompt, target, subject].every((text) => typeof text === 'string');
}
