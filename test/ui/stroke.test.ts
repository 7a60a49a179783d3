import { describe, expect, test } from 'vitest';
import { Stroke } from '../../src/ui/stroke.ts';

const event = (buttons: number, { button = 0, pointerType = 'mouse' } = {}) => ({ buttons, button, pointerType });
const DOWN = event(1);
const UP = event(0);

/** A stroke that has begun at layer 3, with layer 5 taken before. */
function begun(with_ = DOWN): Stroke {
  const stroke = new Stroke();
  stroke.begin(3, [5], with_);
  return stroke;
}

describe('a stroke over layers', () => {
  test('takes what lies between, and back again; it is no click then', () => {
    const stroke = begun();
    expect(stroke.move(3, DOWN)).toBeNull();
    expect(stroke.move(1, DOWN)).toEqual([1, 2, 3, 5]);
    expect(stroke.move(3, DOWN)).toEqual([3, 5]);
    expect(stroke.end(UP)).toBe(false);
  });

  test('without a move is a click', () => {
    expect(begun().end(UP)).toBe(true);
  });

  test('that was cancelled paints nothing more, and is no click', () => {
    const stroke = begun();
    stroke.cancel();
    expect(stroke.move(1, DOWN)).toBeNull();
    expect(stroke.end(UP)).toBe(false);
  });

  test('whose end nobody saw is over once the pointer comes back without its button', () => {
    const stroke = begun();
    expect(stroke.move(1, UP)).toBeNull();
    expect(stroke.move(1, DOWN)).toBeNull();
  });

  test('needs the first button: another neither begins nor ends one', () => {
    const right = event(2, { button: 2 });
    expect(begun(right).end(right)).toBe(false);
    const stroke = begun();
    expect(stroke.end(right)).toBe(false);
    expect(stroke.move(2, DOWN)).toEqual([2, 3, 5]);
  });

  test('that began elsewhere is no click here', () => {
    expect(new Stroke().end(UP)).toBe(false);
  });

  test('of a finger paints nothing, and can be a click', () => {
    const touch = event(1, { pointerType: 'touch' });
    const stroke = new Stroke();
    expect(stroke.begin(3, [], touch)).toBe(false);
    expect(stroke.move(4, touch)).toBeNull();
    expect(stroke.end(event(0, { pointerType: 'touch' }))).toBe(true);
  });
});
