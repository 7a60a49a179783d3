/** What a key can do. */
export type Shortcut = 'edit' | 'cancel' | 'undo' | 'redo' | 'peek' | 'help';

/** In the order the list shows them. */
export const SHORTCUTS: readonly Shortcut[] = ['edit', 'cancel', 'undo', 'redo', 'peek', 'help'];

/** What of a keyboard event decides. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
}

/**
 * The shortcut that a key press means; null for none. While the person types, undo is the text's own, and single keys are
 * letters; these can be switched off altogether.
 */
export function shortcutOf(press: KeyPress, typing: boolean, singleKeys: boolean): Shortcut | null {
  const { ctrlKey, metaKey, shiftKey, altKey } = press;
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  if (press.isComposing || altKey) return null;
  if (ctrlKey || metaKey) {
    if (key === 'Enter') return 'edit';
    if (typing) return null;
    if (key === 'z') return shiftKey ? 'redo' : 'undo';
    return key === 'y' ? 'redo' : null;
  }
  if (key === 'Escape') return 'cancel';
  if (typing || !singleKeys) return null;
  if (key === 'o') return 'peek';
  return key === '?' ? 'help' : null;
}

/** Whether letters pressed at this element are its text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type);
}
