import { EditorError } from '../base/errors.ts';
import { LONGEST_TEXT } from '../worker/api.ts';
import type { Draft } from './request.ts';

/** An event that is about to change a text field. */
type BeforeInput = InputEvent & { readonly currentTarget: HTMLInputElement | HTMLTextAreaElement };

/**
 * Keeps a text field from taking in more than any model here reads, pasted, dropped or typed: a browser lays out a pasted
 * megabyte for seconds, and nothing answers meanwhile. What was in the field stays, and can be undone as before.
 *
 * @returns why the change was refused; null when it goes on
 */
export function refuseExcess(event: BeforeInput): EditorError | null {
  const { value, selectionStart, selectionEnd } = event.currentTarget;
  const added = event.data ?? event.dataTransfer?.getData('text/plain') ?? '';
  const replaced = (selectionEnd ?? 0) - (selectionStart ?? 0);
  const characters = value.length - replaced + added.length;
  if (added === '' || characters <= LONGEST_TEXT) return null;
  event.preventDefault();
  return new EditorError(
    'context-overflow',
    'take this text in',
    `the field would have ${characters} characters, and ${LONGEST_TEXT} is the most`,
    'paste a shorter part; what was there is unchanged',
    { characters, most: LONGEST_TEXT },
  );
}

/** A field of the form that an edit is asked for with. */
export type FormField = 'prompt' | 'target';

const FIELDS: readonly FormField[] = ['prompt', 'target'];

/** Why an edit can't be asked for yet: something isn't written. Null when all is. */
export function refuseMissing(draft: Pick<Draft, FormField>): EditorError | null {
  const missing = FIELDS.filter((field) => draft[field].trim() === '');
  if (missing.length === 0) return null;
  const found = missing.map((field) => `the ${field} is empty`).join('; ');
  const values = Object.fromEntries(missing.map((field) => [`${field} empty`, '']));
  return new EditorError('invalid-request', 'read the edit request', found, 'write something there', values);
}

/** The fields that an edit was refused for. */
export function fieldsAtFault(error: EditorError | null): readonly FormField[] {
  if (error?.code === 'context-overflow') return FIELDS;
  if (error?.code !== 'invalid-request') return [];
  const kinds = Object.keys(error.values);
  // A subject that has no place, or more than one: the place is the prompt's.
  return FIELDS.filter((field) =>
    kinds.some((kind) => kind.startsWith(field) || (field === 'prompt' && kind.startsWith('subject'))),
  );
}
