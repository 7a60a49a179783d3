import { expect, test } from 'vitest';
import { placeAt } from '../../src/ui/route.svelte.ts';
import { shortcutOf, type KeyPress } from '../../src/ui/shortcuts.ts';

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: false,
  metaKey: false,
  shiftKey: false,
  altKey: false,
  isComposing: false,
  ...more,
});

test.each([
  ['Ctrl Enter', press('Enter', { ctrlKey: true }), true, true, 'edit'],
  ['Cmd Enter', press('Enter', { metaKey: true }), true, true, 'edit'],
  ['Enter', press('Enter'), true, true, null],
  ['Ctrl O', press('o', { ctrlKey: true }), false, true, null],
  ['Escape while typing', press('Escape'), true, true, 'cancel'],
  ['Escape with single keys off', press('Escape'), false, false, 'cancel'],
  ['O', press('o'), false, true, 'peek'],
  ['Ctrl Z', press('z', { ctrlKey: true }), false, false, 'undo'],
  ['Cmd Shift Z', press('Z', { metaKey: true, shiftKey: true }), false, true, 'redo'],
  ['Ctrl Y', press('y', { ctrlKey: true }), false, true, 'redo'],
  ['Ctrl Z while typing', press('z', { ctrlKey: true }), true, true, null],
  ['Shift O', press('O', { shiftKey: true }), false, true, 'peek'],
  ['O while typing', press('o'), true, true, null],
  ['O with single keys off', press('o'), false, false, null],
  ['?', press('?'), false, true, 'help'],
  ['Enter of an input method', press('Enter', { ctrlKey: true, isComposing: true }), true, true, null],
  ['Alt O', press('o', { altKey: true }), false, true, null],
] as const)('%s', (_, event, typing, singleKeys, expected) => {
  expect(shortcutOf(event, typing, singleKeys)).toBe(expected);
});

test.each([
  ['', null],
  ['#/', null],
  ['#/edit', { step: 'edit', view: null }],
  ['#/locate', { step: 'locate', view: null }],
  ['#/locate/layers', { step: 'locate', view: 'layers' }],
  ['#/locate/elsewhere', null],
  ['#/edit/layers', null],
  ['#edit', null],
  ['#/elsewhere', null],
])('%j leads to %j', (hash, place) => {
  expect(placeAt(hash)).toEqual(place);
});
