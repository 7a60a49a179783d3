import { expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { english } from '../../src/ui/english.ts';
import { lostOnLeaving, stoppedWithDevice, type Unkept, type Works } from '../../src/ui/losses.ts';

const lost = new EditorError('device-lost', 'run', 'it is gone', 'open it again');
const other = new EditorError('busy', 'run', 'something runs', 'wait');
const works = (making: object, locating: object): Works => ({
  making: { current: null, error: null, ...making },
  locating: { running: null, wasLost: false, ...locating },
});

test.each([
  ['nothing ran', works({}, {}), null],
  ['an edit runs', works({ current: {} }, {}), 'edit'],
  ['an edit has ended with it', works({ error: lost }, {}), 'edit'],
  ['an edit had failed before', works({ error: other }, {}), null],
  ['a map runs', works({}, { running: {} }), 'locate'],
  ['a map has ended with it', works({}, { wasLost: true }), 'locate'],
])('%s', (_, state, stopped) => {
  expect(stoppedWithDevice(state)).toBe(stopped);
});

test('that nothing needs to be done again is said only where it is so', () => {
  const { deviceLost, deviceRebuilt } = english.notice;
  expect(deviceLost(null)).toContain('nothing needs to be done again');
  for (const stopped of ['edit', 'locate'] as const) expect(deviceLost(stopped)).not.toContain('nothing needs');
  expect(deviceLost('locate')).toContain('what has come of it stays');
  expect(deviceRebuilt('locate')).toContain('was not finished');
});

const OK: Unkept['keeping'] = { kept: { ok: true, isSafe: true } };
const MEMORY: Unkept['keeping'] = { kept: { ok: false, refusal: 'QuotaExceededError' } };
const unkept = (making: object, stack: object, keeping: Unkept['keeping'] = OK): Unkept => ({
  making: { current: null, waiting: [], ...making },
  stack: { busy: false, edits: [{}], ...stack },
  keeping,
});

test.each([
  ['everything is kept', unkept({}, {}), null],
  ['an edit is being made', unkept({ current: {} }, {}), 'unmade'],
  ['an edit waits, as it does while the model is opened', unkept({ waiting: [{}] }, {}), 'unmade'],
  ['a change of the stack is on its way', unkept({}, { busy: true }), 'unmade'],
  ['the browser keeps nothing, and there are edits', unkept({}, {}, MEMORY), 'unkept'],
  ['the browser keeps nothing, and there is nothing to keep', unkept({}, { edits: [] }, MEMORY), null],
])('the page may be left when nothing would be lost: %s', (_, state, lost) => {
  expect(lostOnLeaving(state)).toBe(lost);
});
