/** What a key can do. */
export type Shortcut = 'edit' | 'cancel' | 'peek' | 'help';

/** In the order the list shows them. */
export const SHORTCUTS: readonly Shortcut[] = ['edit', 'cancel', 'peek', 'help'];

/** What of a keyboard event decides. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly isComposing: boolean;
}

/**
 * The shortcut that a key press means; null for none. Single keys do nothing while the person types, nor when they are
 * switched off.
 */
export function shortcutOf(press: KeyPress, typing: boolean, singleKeys: boolean): Shortcut | null {
  const { key, ctrlKey, metaKey, altKey } = press;
  if (press.isComposing || altKey) return null;
  if (ctrlKey || metaKey) return key === 'Enter' ? 'edit' : null;
  if (key === 'Escape') return 'cancel';
  if (typing || !singleKeys) return null;
  if (key === 'o' || key === 'O') return 'peek';
  return key === '?' ? 'help' : null;
}

/** Whether letters pressed at this element are its text. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type);
}
