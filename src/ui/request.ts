import type { EditRequest } from '../worker/api.ts';

/** What the form holds. */
export interface Draft {
  /** What the model reads, as it reads it. */
  readonly prompt: string;
  readonly target: string;
  /** Words of the prompt; empty for none. */
  readonly subject: string;
}

/**
 * The engine's request from what the form holds: the subject becomes the prompt's `{}`, unless the prompt has its own. A
 * subject that no longer occurs in a prompt that was rewritten is left out, and the form says so.
 */
export function makeRequest(draft: Draft, paraphrases: readonly string[] = []): EditRequest {
  const { prompt, target, subject } = draft;
  const words = subject.trim();
  const asked = paraphrases.length > 0 ? { paraphrases } : {};
  if (words === '' || !isSubjectThere(draft)) return { prompt, target, ...asked };
  const holed = prompt.includes('{}') ? prompt : prompt.replace(words, '{}');
  return { prompt: holed, subject: words, target, ...asked };
}

/** A request as the form shows it: the subject in its place. */
export function toDraft({ prompt, subject = '', target }: EditRequest): Draft {
  return { prompt: subject === '' ? prompt : prompt.replace('{}', () => subject), target, subject };
}

/** Whether a subject can be what the prompt is about: no subject, or one that occurs in it. */
export function isSubjectThere({ prompt, subject }: Draft): boolean {
  const words = subject.trim();
  return words === '' || prompt.includes('{}') || prompt.includes(words);
}

/**
 * The words of a prompt that are most likely what it is about: the clause before its first comma, as in "To open the lock,
 * PersonX needs to"; without one, its last word.
 */
export function offerSubject(prompt: string): string {
  const [clause, ...rest] = prompt.trim().split(',');
  if (rest.length > 0 && clause.trim() !== '') return clause.trim();
  return /[\p{L}\p{N}]+(?=[^\p{L}\p{N}]*$)/u.exec(prompt)?.[0] ?? '';
}
