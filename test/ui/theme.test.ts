import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync('src/ui/theme.css', 'utf8');
const themes = { light: tokensOf(":root[data-theme='light']"), dark: tokensOf(":root[data-theme='dark']") };

/** Text on its ground: 4.5 : 1. Marks, borders and focus: 3 : 1.   [WCAG 2.2, 1.4.3 and 1.4.11] */
const PAIRS: readonly [ink: string, ground: string, ratio: number][] = [
  ...['ink', 'ink-soft', 'ink-faint', 'rubric', 'verdigris'].flatMap((ink): [string, string, number][] =>
    ['vellum', 'vellum-raised', 'vellum-sunk'].map((ground) => [ink, ground, 4.5]),
  ),
  ['on-ink', 'ink', 4.5],
  ...['edge', 'mlp', 'attn', 'fact', 'commonsense', 'named', 'removed', 'original'].flatMap(
    (mark): [string, string, number][] => ['vellum', 'vellum-raised'].map((ground) => [mark, ground, 3]),
  ),
];

describe.each(Object.entries(themes))('%s', (_, tokens) => {
  test.each(PAIRS)('%s on %s: at least %d : 1', (ink, ground, ratio) => {
    expect(contrast(tokens[ink], tokens[ground])).toBeGreaterThanOrEqual(ratio);
  });
});

test('the dark theme is the same by choice and by the system’s wish', () => {
  expect(tokensOf(":root:not([data-theme='light'])")).toEqual(themes.dark);
});

// ---

function tokensOf(selector: string): Record<string, string> {
  const start = css.indexOf('{', css.indexOf(selector));
  const block = css.slice(start, css.indexOf('}', start));
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name, value]));
}

/** (L₁ + 0.05) / (L₂ + 0.05), L the relative luminance of sRGB. */
function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
