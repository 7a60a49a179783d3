import { describe, expect, test } from 'vitest';
import { NO_HISTORY, rebased, recorded, redone, undone, type Act, type History } from '../../src/ui/history.ts';

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

test('what another’s hand has done stays done, whichever way one goes', () => {
  const { history, now } = after(act('edit'), act('switch'));
  const { history: here } = undone(history, now) ?? { history };
  const { past, future } = rebased(here, (state) => state + 10);
  expect([past, future]).toEqual([[{ act: act('edit'), state: 10 }], [{ act: act('switch'), state: 12 }]]);
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
