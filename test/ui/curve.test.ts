import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layoutCurve, type LossPoint } from '../../src/ui/curve.ts';

const FRAME = { width: 100, height: 60, steps: 10, stop: 0.1 };
const point = (step: number, loss: number, nll = loss): LossPoint => ({ step, loss, nll });

test('without points there is a scale and no line', () => {
  expect(layoutCurve([], FRAME)).toMatchObject({
    loss: '',
    nll: '',
    ticks: [{ value: 10 }, { value: 1 }, { value: 0.1 }],
  });
});

test('equal factors are equal heights, steps go left to right', () => {
  const { nll, ticks } = layoutCurve([point(0, 10), point(5, 1), point(10, 0.1)], { ...FRAME, stop: null });
  const [ten, one, tenth] = ticks.map(({ y }) => y);
  expect(nll).toBe(`M0 ${ten}L50 ${one}L100 ${tenth}`);
  expect(Math.abs(one - ten - (tenth - one))).toBeLessThan(0.11);
});

test('the line of the NLL ends at the stop that it reached', () => {
  const layout = layoutCurve([point(0, 5), point(4, 0.3, 0.1)], FRAME);
  expect(layout.end.nll).toBe(layout.stop);
  expect(layout.end.loss).toBeLessThan(layout.end.nll);
});

test('the scale only grows while points arrive', () => {
  const all = [point(0, 12), point(1, 3), point(2, 0.4), point(3, 0.004)];
  const heights = all.map((_, i) => layoutCurve(all.slice(0, i + 1), FRAME).ticks.length);
  expect(heights).toEqual(heights.toSorted((a, b) => a - b));
});

test('whatever the losses, everything stays inside the frame', () => {
  const loss = fc.oneof(fc.double({ min: 0, max: 1e6 }), fc.constant(Number.POSITIVE_INFINITY), fc.constant(0));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(loss, loss), { maxLength: 12 }),
      fc.double({ min: 0, max: 5, noNaN: true }),
      (pairs, stop) => {
        const points = pairs.map(([a, b], step) => point(step, a, b));
        const layout = layoutCurve(points, { ...FRAME, steps: 12, stop });
        const numbers = `${layout.loss}${layout.nll}`.match(/-?[\d.]+(e-?\d+)?|NaN|Infinity/g) ?? [];
        const heights = [...layout.ticks.map(({ y }) => y), layout.end.nll, layout.end.loss, layout.stop ?? 0];
        for (const y of heights) expect(y).toSatisfy((value: number) => value >= 0 && value <= 60);
        for (const each of numbers) expect(Number(each)).toSatisfy((value: number) => value >= 0 && value <= 100);
      },
    ),
  );
});
