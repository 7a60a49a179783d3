import { describe, expect, test } from 'vitest';
import { caughtUp, NO_HISTORY, recorded, redone, undone, type Act, type History } from '../../src/edit/history.ts';

/** Does acts one after another on a number, each adding one. */
function after(...acts: Act[]): { history: History<number>; now: number } {
  return acts.reduce<{ history: History<number>; now: number }>(
    ({ history, now }, act) => ({ history: recorded(history, act, now), now: now + 1 }),
    { history: NO_HISTORY, now: 0 },
  );
}

const act = (kind: Act['kind'], id = 'a', at = 0): Act => ({ kind, id, target: `target of ${id}`, at });

describe('undo and redo', () => {
  test('nothing done, nothing to undo or redo', () => {
    expect(undone(NO_HISTORY, 0)).toBeNull();
    expect(redone(NO_HISTORY, 0)).toBeNull();
  });

  test('go back act by act and forward again to where one was', () => {
    const { history, now } = after(act('edit'), act('switch'), act('remove'));
    const back = undone(history, now);
    expect(back?.turn).toEqual({ act: act('remove'), state: 2 });
    const further = undone(back?.history ?? NO_HISTORY, 2);
    expect(further?.turn).toEqual({ act: act('switch'), state: 1 });
    const forth = redone(further?.history ?? NO_HISTORY, 1);
    expect(forth?.turn).toEqual({ act: act('switch'), state: 2 });
    expect(redone(forth?.history ?? NO_HISTORY, 2)?.turn.state).toBe(3);
  });

  test('a new act ends what could be redone', () => {
    const { history, now } = after(act('edit'), act('switch'));
    const back = undone(history, now);
    const { future } = recorded(back?.history ?? NO_HISTORY, act('order'), 1);
    expect(future).toEqual([]);
  });
});

describe('what another’s hand has done stays done, whichever way one goes', () => {
  const entry = (id: string, alpha = 1) => ({ id, on: true, alpha });
  const [a, b, c] = ['a', 'b', 'c'].map((id) => entry(id));
  test.each([
    ['nothing', [a, b], [b, a]],
    ['a dose', [a, entry('b', 0.5)], [entry('b', 0.5), a]],
    ['an edit that was made', [a, b, c], [b, a, c]],
    ['an edit that was taken off', [a], [a]],
    ['another order', [b, a], [b, a]],
  ])('%s', (_, now, state) => {
    const past = [{ act: act('order'), state: [b, a] }];
    const future = [{ act: act('remove'), state: [a] }];
    const history = caughtUp({ past, future }, [a, b], now);
    expect(history.past).toEqual([{ act: act('order'), state }]);
    // What it has taken off there is taken off there still.
    expect(history.future[0].state).toEqual(now === state || !now.includes(c) ? [a] : [a, c]);
  });
});

describe('what is one act', () => {
  test.each([
    ['a drag of one dose', [act('dose', 'a', 0), act('dose', 'a', 500), act('dose', 'a', 1200)], [0]],
    ['a dose, a rest, a dose', [act('dose', 'a', 0), act('dose', 'a', 900)], [0, 1]],
    ['doses of two edits', [act('dose', 'a', 0), act('dose', 'b', 10)], [0, 1]],
    ['two switches in a row', [act('switch', 'a', 0), act('switch', 'a', 10)], [0, 1]],
  ])('%s', (_, acts, states) => {
    expect(after(...acts).history.past.map(({ state }) => state)).toEqual(states);
  });

  test('no more than fifty are remembered, the latest ones', () => {
    const { past } = after(...Array.from({ length: 60 }, () => act('order'))).history;
    expect(past.length).toBe(50);
    expect(past.at(-1)?.state).toBe(59);
  });
});
