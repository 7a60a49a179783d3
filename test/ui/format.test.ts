import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeFormat } from '../../src/ui/format.ts';
import { parameterCount } from '../../src/ui/parameters.ts';

const en = makeFormat('en');
const plain = (text: string) => text.replace(/[\u2009\u202f]/g, ' ');

describe('probability', () => {
  test.each([
    [0, '<0.01 %'],
    [0.0000999, '<0.01 %'],
    [0.0001, '0.010 %'],
    [0.00123, '0.12 %'],
    [0.0054, '0.54 %'],
    [0.00994, '0.99 %'],
    [0.01, '1.0 %'],
    [0.0994, '9.9 %'],
    [0.0996, '10 %'],
    [0.184, '18 %'],
    [0.5, '50 %'],
    [0.994, '99 %'],
    [0.9951, '99.5 %'],
    [0.99949, '99.9 %'],
    [0.9996, '99.96 %'],
    [0.99995, '>99.99 %'],
    [1, '100 %'],
    [Number.NaN, '–'],
  ])('%d reads %s', (p, said) => {
    expect(plain(en.probability(p))).toBe(said);
  });

  test('is never below 0.01 % unless it says so, and never certain unless it is', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (p) => {
        const said = plain(en.probability(p));
        expect(said.startsWith('<')).toBe(p < 0.0001);
        expect(said === '100 %').toBe(p === 1);
        const value = Number(said.replace(/[<>% ]/g, '')) / 100;
        if (!/[<>]/.test(said)) expect(Math.abs(value - p)).toBeLessThanOrEqual(0.051 * Math.min(p, 0.1) + 1e-12);
      }),
    );
  });

  test('follows the language', () => {
    expect(plain(makeFormat('de').probability(0.0054))).toBe('0,54 %');
  });
});

test.each([
  ['cosine of −0.004', en.cosine(-0.004), '0.00'],
  ['cosine of −0.44', en.cosine(-0.44), '−0.44'],
  ['cosine of 1', en.cosine(1), '1.00'],
  ['131 000 bytes', en.bytes(131_000), '131 kB'],
  ['1.5 MB', en.bytes(1_536_000), '1.5 MB'],
  ['14.8 MB', en.bytes(14_809_664), '15 MB'],
  ['2.1 GB', en.bytes(2.1e9), '2.1 GB'],
  ['4.25 s', en.seconds(4.25), '4.3 s'],
  ['59.7 s', en.seconds(59.7), '1 min 0 s'],
  ['83 s', en.seconds(83), '1 min 23 s'],
  ['rank 0', en.rank(0), '1'],
  ['rank 1349', en.rank(1349), '1,350'],
  ['no nats', en.nats(0), '0.000'],
  ['few nats', en.nats(0.00004), '<0.001'],
  ['0.0183 nats', en.nats(0.0183), '0.018'],
  ['12.72 nats', en.nats(12.72), '12.7'],
  ['a share above one', en.share(1.237), '120 %'],
  ['a small share', en.share(0.0042), '0.42 %'],
  ['7.4 million parameters', parameterCount(7_402_000, en.number), '7.4 M'],
  ['7.2 billion parameters', parameterCount(7_240_000_000, en.number), '7.2 B'],
  ['12 parameters', parameterCount(12, en.number), '0.012 k'],
])('%s', (_, said, expected) => {
  expect(plain(said)).toBe(expected);
});

test.each([
  [0, '0'],
  [0.1, '0.10'],
  [0.0824, '0.082'],
  [-0.0801, '−0.080'],
  [1, '1.0'],
  [Number.NaN, '–'],
])('an effect of %d reads %s', (value, said) => {
  expect(en.effect(value)).toBe(said);
});

test.each([
  [0, '0'],
  [0.00009, '0'],
  [0.0001, '+0.00010'],
  [-0.004, '−0.0040'],
  [0.46, '+0.46'],
  [-1, '−1.0'],
  [Number.NaN, '–'],
])('a change of %d reads %s', (value, said) => {
  expect(en.change(value)).toBe(said);
});
