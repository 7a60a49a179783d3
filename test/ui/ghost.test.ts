import { expect, test } from 'vitest';
import { ghostAct } from '../../src/ui/ghost.ts';
import { gentler } from '../../src/ui/loop.ts';

const plain = { shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, isComposing: false };

test.each<[string, Partial<KeyboardEvent>, boolean, boolean, 'take' | 'leave' | null]>([
  ['Tab, behind what was just written', { key: 'Tab' }, true, true, 'take'],
  ['Tab, in the middle of the text', { key: 'Tab' }, false, true, null],
  ['Tab, of one who only passes by', { key: 'Tab' }, true, false, null],
  ['Shift Tab, which goes back', { key: 'Tab', shiftKey: true }, true, true, null],
  ['Tab within a character that is being composed', { key: 'Tab', isComposing: true }, true, true, null],
  ['Ctrl Tab, the browser’s', { key: 'Tab', ctrlKey: true }, true, true, null],
  ['Escape', { key: 'Escape' }, false, false, 'leave'],
  ['a letter', { key: 'a' }, true, true, null],
])('%s', (_, press, isAtEnd, isAtWork, act) => {
  expect(ghostAct({ ...plain, key: '', ...press }, isAtEnd, isAtWork)).toBe(act);
});

test.each<[string, number[], { id: string; alpha: number } | null]>([
  ['nothing on', [], null],
  ['one above 1', [1.5], { id: '0', alpha: 1 }],
  ['the latest of equals', [1, 1, 0.5], { id: '1', alpha: 0.75 }],
  ['not below a quarter', [0.4], { id: '0', alpha: 0.25 }],
  ['low enough', [0.25, 0.1], null],
])('the dose to lower when a text loops: %s', (_, doses, lower) => {
  expect(gentler(doses.map((alpha, i) => ({ id: String(i), alpha })))).toEqual(lower);
});
