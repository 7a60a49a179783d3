import { EditorError } from '../base/errors.ts';
import { LONGEST_TEXT } from '../worker/api.ts';

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
