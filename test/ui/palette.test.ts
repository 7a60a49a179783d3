import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  domainOfAmounts,
  domainOfDifferences,
  PALETTES,
  sampleScale,
  shareOf,
  strokeOn,
} from '../../src/ui/palette.ts';

const luminance = (color: string) => {
  const [r, g, b] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

describe('a color scale', () => {
  test.each(PALETTES)('%s goes one way from little to much: it can be read without hue', (palette) => {
    const steps = Array.from({ length: 21 }, (_, i) => luminance(sampleScale(palette, i / 20)));
    const sorted = steps.toSorted((a, b) => a - b);
    expect(steps).toEqual(steps[0] < steps[20] ? sorted : sorted.reverse());
    expect(Math.abs(steps[20] - steps[0])).toBeGreaterThan(0.5);
  });

  test('of differences is palest at zero, and as dark on either side', () => {
    const [low, middle, high] = [0, 0.5, 1].map((share) => luminance(sampleScale('difference', share)));
    expect(middle).toBeGreaterThan(5 * Math.max(low, high));
    expect(Math.abs(low - high)).toBeLessThan(0.06);
  });

  test('ends where it ends', () => {
    expect([-1, 0, 1, 9].map((share) => sampleScale('cividis', share))).toEqual([
      ...['#00224e', '#00224e'],
      ...['#fee838', '#fee838'],
    ]);
  });

  test('what is hatched over a color differs from it', () => {
    expect(['#00224e', '#fee838', '#f2f2f2', '#111111'].map(strokeOn)).toEqual([
      ...['#ffffff', '#000000'],
      ...['#000000', '#ffffff'],
    ]);
  });
});

describe('a domain', () => {
  test.each([
    ['nothing', [], null],
    ['no number', [[NaN, Infinity]], null],
    ['amounts of several panels', [[0.1, NaN], [0.6]], { low: 0, high: 0.6 }],
  ])('of %s', (_, series, expected) => {
    expect(domainOfAmounts(series)).toEqual(expected);
  });

  test('of differences has zero in its middle', () => {
    const domain = domainOfDifferences([[0.1, -0.4, NaN]]);
    expect(domain).toEqual({ low: -0.4, high: 0.4 });
    expect(domain && shareOf(domain, 0)).toBe(0.5);
    expect(domainOfDifferences([[1e-9, -1e-8]])).toEqual({ low: -1e-4, high: 1e-4 });
  });

  test('whatever the values, shares stay between its ends', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: 0 }), { minLength: 1 }), (values) => {
        const domain = domainOfAmounts([values]);
        const shares = values.map((value) => (domain ? shareOf(domain, value) : 0));
        expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
      }),
    );
  });
});
