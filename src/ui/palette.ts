import { LEAST_CHANGE } from './format.ts';

/** Color scales for amounts, from little to much. */
export const PALETTES = ['cividis', 'viridis', 'greys', 'projector'] as const;

/** One of them. */
export type Palette = (typeof PALETTES)[number];

/** Any scale: one for amounts, or the one for differences. */
export type Scale = Palette | 'difference';

/** Values that a scale spans. */
export interface Domain {
  readonly low: number;
  readonly high: number;
}

/**
 * The color of a share of a scale, 0 to 1; linear in sRGB between its stops.
 *
 * @returns `#rrggbb`; what lies beyond an end has that end's color
 */
export function sampleScale(scale: Scale, share: number): string {
  const stops = STOPS[scale];
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const left = Math.min(Math.floor(at), stops.length - 2);
  const mix = (channel: number) => {
    const [a, b] = [stops[left], stops[left + 1]].map((color) => channelOf(color, channel));
    return Math.round(a + (b - a) * (at - left))
      .toString(16)
      .padStart(2, '0');
  };
  return `#${mix(0)}${mix(1)}${mix(2)}`;
}

/** Where a value lies in a domain, 0 to 1; NaN for what is no number. A domain of one value has it in the middle. */
export function shareOf({ low, high }: Domain, value: number): number {
  if (!(high > low)) return Number.isFinite(value) ? 0.5 : NaN;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** From zero to the largest of some amounts; what is no number doesn't count. Null without any. */
export function domainOfAmounts(series: readonly ArrayLike<number>[]): Domain | null {
  const most = largest(series, (value) => value);
  return most === null ? null : { low: 0, high: Math.max(most, Number.MIN_VALUE) };
}

/**
 * As far below zero as above it, so that zero is the middle, and at least as far as can be written: rounding isn't painted as
 * if it were a change. Null without any number.
 */
export function domainOfDifferences(series: readonly ArrayLike<number>[]): Domain | null {
  const most = largest(series, Math.abs);
  return most === null ? null : { low: -Math.max(most, LEAST_CHANGE), high: Math.max(most, LEAST_CHANGE) };
}

/** What can be read on a color: dark strokes or light ones.   [WCAG 2.2, relative luminance] */
export function strokeOn(color: string): '#000000' | '#ffffff' {
  const [r, g, b] = [0, 1, 2].map((channel) => {
    const c = channelOf(color, channel) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#000000' : '#ffffff';
}

// ---

/**
 * Cividis (Nuñez, Anderton and Renslow 2018) and viridis (van der Walt and Smith 2015) at ten even steps; greys; light to
 * dark for a washed-out projection; blue to red over grey for differences (after ColorBrewer's RdBu).
 */
const STOPS: Readonly<Record<Scale, readonly string[]>> = {
  cividis: [
    ...['#00224e', '#123570', '#3b496c', '#575d6d', '#707173'],
    ...['#8a8678', '#a59c74', '#c3b369', '#e1cc55', '#fee838'],
  ],
  viridis: [
    ...['#440154', '#482878', '#3e4989', '#31688e', '#26828e'],
    ...['#1f9e89', '#35b779', '#6ece58', '#b5de2b', '#fde725'],
  ],
  greys: ['#f2f2f2', '#111111'],
  projector: ['#ffffff', '#ffd27a', '#e8590c', '#6d0f2b', '#000000'],
  difference: ['#1d4e97', '#5b9bd0', '#d9dcdf', '#e58267', '#a11224'],
};

function channelOf(color: string, channel: number): number {
  return Number.parseInt(color.slice(1 + 2 * channel, 3 + 2 * channel), 16);
}

function largest(series: readonly ArrayLike<number>[], of: (value: number) => number): number | null {
  let most: number | null = null;
  for (const values of series) {
    for (let i = 0; i < values.length; i++) {
      if (Number.isFinite(values[i]) && (most === null || of(values[i]) > most)) most = of(values[i]);
    }
  }
  return most;
}
