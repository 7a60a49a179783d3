import { EditorError } from '../base/errors.ts';
import type { Encoding } from './tokenizer.ts';

/**
 * The lookup index: the last token that holds a part of the subject's last character that isn't a space. Tokens are
 * those of the whole sentence, because a subject's tokens depend on what stands beside it; so a token that reaches
 * beyond the subject counts as its last.
 *
 * @param start first UTF-16 unit of the subject in `encoding.text`
 * @param end   the unit after its last
 * @returns     position in `encoding.ids`
 * @throws EditorError `invalid-request` when the range holds no text
 */
export function findLookupIndex(encoding: Encoding, start: number, end: number): number {
  const { text, offsets } = encoding;
  const inside = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= text.length;
  const subject = inside ? text.slice(start, end).trimEnd() : '';
  if (subject === '') {
    throw new EditorError(
      'invalid-request',
      'find the subject’s last token',
      `characters ${start} to ${end} of a text of ${text.length} hold no subject`,
      'mark a subject that is part of the prompt',
      { start, end, length: text.length },
    );
  }
  const last = start + subject.length - 1;
  const index = offsets.findLastIndex(([from, to]) => from <= last && last < to);
  if (index < 0) {
    throw new EditorError(
      'invalid-request',
      'find the subject’s last token',
      `no token holds "${subject.slice(-20)}"`,
      'choose another subject',
      { start, end },
    );
  }
  return index;
}
