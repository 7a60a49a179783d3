/** What a key does to the words that the model adds: they become the person's own, or they go. */
export type GhostAct = 'take' | 'leave';

/** What of a keyboard event decides. */
type Press = Pick<KeyboardEvent, 'key' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey' | 'isComposing'>;

/**
 * Tab takes the model's words over where they would be written on, at the end of a text that the person is at work on; else
 * it goes on to the next control, as everywhere. Escape leaves them.
 *
 * @param isAtWork whether something was done in the field since it got the focus, or since words were last taken or left:
 *   so nobody who only passes by is held, and two presses of Tab always lead on
 */
export function ghostAct(press: Press, isAtEnd: boolean, isAtWork: boolean): GhostAct | null {
  const { key, shiftKey, ctrlKey, altKey, metaKey, isComposing } = press;
  if (isComposing || shiftKey || ctrlKey || altKey || metaKey) return null;
  if (key === 'Escape') return 'leave';
  return key === 'Tab' && isAtEnd && isAtWork ? 'take' : null;
}
