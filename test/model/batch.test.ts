import { describe, expect, test } from 'vitest';
import type { FloatTensor } from '../../src/base/tensor.ts';
import { describeModel } from '../../src/model/architectures/index.ts';
import { continued, flatIndex, leftPadded, rightPadded, type Batch } from '../../src/model/batch.ts';
import { expectFault } from '../support/faults.ts';
import { TINY_CONFIGS } from '../support/tiny.ts';

const gpt2 = describeModel(TINY_CONFIGS.gpt2);
const llama = describeModel(TINY_CONFIGS.llama);

describe('masks', () => {
  // One line per token: x where it may look, . where it may not; kept keys stand left of the bar.
  test.each<[string, Batch, string[]]>([
    ['one token', rightPadded(gpt2, 'float32', [[7]]), ['|x']],
    [
      'one row: each token sees itself and those before it',
      rightPadded(gpt2, 'float32', [[7, 8, 9]]),
      ['|x..', '|xx.', '|xxx'],
    ],
    [
      'padded on the right: no real token sees a pad',
      rightPadded(gpt2, 'float32', [[7], [7, 8]]),
      ['|x.', '|xx', '|x.', '|xx'],
    ],
    [
      'padded on the left: no real token sees a pad',
      leftPadded(gpt2, 'float32', [[7], [7, 8]]),
      ['|..', '|.x', '|x.', '|xx'],
    ],
    ['an empty row among others', leftPadded(gpt2, 'float32', [[], [7]]), ['|.', '|x']],
    [
      'continuing kept keys: only the row’s own of them, which stand at their end',
      continued(gpt2, 'float32', [[7, 8], [9]], [3, 1], 3),
      ['xxx|x.', 'xxx|xx', '..x|x.', '..x|xx'],
    ],
    ['continuing nothing kept', continued(gpt2, 'float32', [[7, 8]], [0], 0), ['|x.', '|xx']],
    ['wider than its rows', continued(gpt2, 'float32', [[7]], [1], 1, 2), ['x|x.', 'x|xx']],
  ])('%s', (_, batch, expected) => {
    expect(draw(batch)).toEqual(expected);
  });
});

describe('positions', () => {
  test.each<[string, Batch, number[], number[]]>([
    ['padded on the right', rightPadded(gpt2, 'float32', [[7], [7, 8]]), [0, 0, 0, 1], [1, 2]],
    ['padded on the left', leftPadded(gpt2, 'float32', [[7], [7, 8]]), [0, 0, 0, 1], [1, 2]],
    ['continuing', continued(gpt2, 'float32', [[7, 8], [9]], [3, 1], 3), [3, 4, 1, 0], [2, 1]],
  ])('%s', (_, batch, positions, lengths) => {
    expect([...batch.positions.data]).toEqual(positions);
    expect(batch.lengths).toEqual(lengths);
  });

  test('ids lie row by row, pads are 0', () => {
    expect([...rightPadded(gpt2, 'float32', [[7], [7, 8]]).ids.data]).toEqual([7, 0, 7, 8]);
    expect([...leftPadded(gpt2, 'float32', [[7], [7, 8]]).ids.data]).toEqual([0, 7, 7, 8]);
  });
});

describe('rotary tables', () => {
  test('learned positions have none', () => {
    expect(rightPadded(gpt2, 'float32', [[7]]).rotary).toBeNull();
  });

  test('hold the angle position · frequency, each for both members of its pair', () => {
    const { rotary } = continued(llama, 'float64', [[7, 8]], [3], 3);
    const [first, second] = [1, 10000 ** -0.5];
    const angles = [3, 4].flatMap((position) => [first, second, first, second].map((f) => position * f));
    expect(rotary?.cos.shape).toEqual([1, 1, 2, 4]);
    expectAll(rotary?.cos, angles.map(Math.cos));
    expectAll(rotary?.sin, angles.map(Math.sin));
  });
});

describe('context', () => {
  const tokens = (count: number) => Array.from({ length: count }, () => 1);

  test('rows may fill it', () => {
    expect(rightPadded(gpt2, 'float32', [tokens(32)]).width).toBe(32);
    expect(continued(gpt2, 'float32', [tokens(2)], [30], 30).width).toBe(2);
  });

  test.each<[string, () => Batch, string]>([
    ['a row', () => rightPadded(gpt2, 'float32', [tokens(3), tokens(33)]), 'there are 33 tokens'],
    ['a prefix', () => leftPadded(gpt2, 'float32', [tokens(34)]), 'there are 34 tokens'],
    ['kept keys and what follows', () => continued(gpt2, 'float32', [tokens(3)], [30], 30), 'there are 33 tokens'],
  ])('%s beyond it is refused with both numbers and a way out', async (_, make, found) => {
    await expectFault(make, 'context-overflow', found, 'reads at most 32', 'shorten the prompt');
  });
});

describe('tokens', () => {
  const batch = rightPadded(gpt2, 'float32', [[7], [7, 8]]);

  test('are numbered row by row', () => {
    expect(flatIndex(batch, 1, 1)).toBe(3);
  });

  test.each([
    [-1, 0],
    [2, 0],
    [0, -1],
    [0, 2],
  ])('row %i, column %i is not one of them', async (row, column) => {
    await expectFault(() => flatIndex(batch, row, column), 'internal', `row ${row}, column ${column}`);
  });
});

// ---

function draw({ mask, past, width, rows }: Batch): string[] {
  const span = past + width;
  return Array.from({ length: rows * width }, (_, i) => {
    const line = Array.from(mask.data.subarray(i * span, (i + 1) * span), (value) => (value === 0 ? 'x' : '.'));
    return `${line.slice(0, past).join('')}|${line.slice(past).join('')}`;
  });
}

function expectAll(tensor: FloatTensor | undefined, values: readonly number[]): void {
  values.forEach((value, i) => expect(tensor?.data[i]).toBeCloseTo(value, 14));
}
