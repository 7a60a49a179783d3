import type { DeviceChoice } from '../worker/api.ts';
import { PALETTES, type Palette } from './palette.ts';
import type { Draft } from './request.ts';

/** Light, dark, or as the system has it. */
export type Theme = (typeof THEMES)[number];

/** In the order the button goes through them. */
export const THEMES = ['system', 'light', 'dark'] as const;

/** Where it is kept; null where that is forbidden. */
export interface Storages {
  /** Shared by all tabs. */
  readonly local: Storage | null;
  /** The tab's own, for as long as it is there. */
  readonly session: Storage | null;
}

/**
 * What a person set once and expects to find again, and the words being written. Kept in the page's own local storage, as
 * far as the browser lets it; the engine's store is not needed to paint the first frame right. Words being written are this
 * tab's: they are kept beside it, and a new tab begins with those that were written last in any.
 */
export class Preferences {
  readonly #storages: Storages;
  theme = $state<Theme>('system');
  device = $state<DeviceChoice>('auto');
  /** Whether keys without Ctrl do something. */
  singleKeys = $state(true);
  /** Of every draw that an edit makes. */
  seed = $state(0);
  draft = $state.raw<Draft | null>(null);
  /** Colors of pictures. */
  palette = $state<Palette>('cividis');

  constructor(storages: Storages) {
    this.#storages = storages;
    const { theme, device, singleKeys, seed, draft: latest, palette } = read(storages.local);
    const { draft = latest } = read(storages.session);
    if (isOneOf(PALETTES, palette)) this.palette = palette;
    if (isOneOf(THEMES, theme)) this.theme = theme;
    if (isOneOf(DEVICES, device)) this.device = device;
    if (typeof singleKeys === 'boolean') this.singleKeys = singleKeys;
    if (isSeed(seed)) this.seed = seed;
    if (!isDraft(draft)) return;
    this.draft = draft;
    // From here on it is this tab's, whatever is written in others.
    keep(storages.session, { draft });
  }

  /** Changes some and keeps those: what another tab has set since stays. */
  set(changes: Partial<Pick<Preferences, 'theme' | 'device' | 'singleKeys' | 'seed' | 'draft' | 'palette'>>): void {
    Object.assign(this, changes);
    keep(this.#storages.local, changes);
    const { draft } = changes;
    if (draft) keep(this.#storages.session, { draft });
  }
}

/** Whether a value can seed a draw: a whole number that fits in 32 bits. */
export function isSeed(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32;
}

/** The browser's storages, as far as they aren't forbidden. */
export function findStorages(): Storages {
  return { local: find('localStorage'), session: find('sessionStorage') };
}

// ---

const KEY = 'palimpsest';
const DEVICES = ['auto', 'webgpu', 'wasm'] as const;

function find(name: 'localStorage' | 'sessionStorage'): Storage | null {
  try {
    return globalThis[name];
  } catch {
    return null;
  }
}

function keep(storage: Storage | null, changes: Record<string, unknown>): void {
  try {
    storage?.setItem(KEY, JSON.stringify({ ...read(storage), ...changes }));
  } catch {
    // A full or forbidden storage costs the memory, never the work.
  }
}

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
