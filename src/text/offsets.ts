import { invariant } from '../base/errors.ts';
import type { AddedToken, NormalizerStep } from './tokenizer-file.ts';

/** Where a token lies in its text: UTF-16 units from start to end (not included). */
export type Span = readonly [start: number, end: number];

/** What alignment must know of a tokenizer. */
export interface Alphabet {
  readonly added: readonly AddedToken[];
  readonly normalizer: readonly NormalizerStep[];
  /** Whether `▁` and a space are the same, in tokens and in text. */
  readonly metaspace: boolean;
  /** The bytes that a token stands for, a space for `▁`. */
  bytesOf(token: string): Uint8Array;
}

/**
 * Finds every token's place by spelling the text, as the normalizer leaves it, out of the tokens' bytes. A token that
 * holds a part of a character spans all of it; a space that the tokenizer puts in front spans nothing.
 *
 * @param tokens those of `text`, without the special ones that frame it
 * @throws EditorError `internal` when the tokens don't spell the text
 */
export function alignTokens(text: string, tokens: readonly string[], alphabet: Alphabet): Span[] {
  const spans: Span[] = [];
  for (const section of splitAtAdded(text, alphabet)) {
    if (section.added) {
      invariant(tokens[spans.length] === section.text, 'align tokens', `${tokens[spans.length]} isn't ${section.text}`);
      spans.push([section.start, section.start + section.text.length]);
      continue;
    }
    const { bytes, start, end } = spell(alphabet.normalizer.reduce(applyStep, identity(section)), alphabet.metaspace);
    let at = 0;
    while (at < bytes.length) {
      invariant(spans.length < tokens.length, 'align tokens', `${bytes.length - at} bytes have no token`);
      const token = tokens[spans.length];
      const first = at;
      for (const byte of alphabet.bytesOf(token)) {
        if (byte === bytes[at]) at++;
        else invariant(byte === SPACE && at === first, 'align tokens', `${token} isn't what stands at byte ${at}`);
      }
      spans.push([start[first], at > first ? end[at - 1] : start[first]]);
    }
  }
  invariant(spans.length === tokens.length, 'align tokens', `${tokens.length - spans.length} stand for no text`);
  return spans;
}

// ---

const SPACE = 0x20;

/** A piece of the text: an added token, or what lies between two. */
interface Section {
  readonly text: string;
  /** Where it begins in the whole text. */
  readonly start: number;
  readonly added: boolean;
}

/** Text with the place in the original that each of its UTF-16 units comes from. */
interface MappedText {
  readonly text: string;
  readonly start: readonly number[];
  readonly end: readonly number[];
}

/** The earliest added tokens, the longest of those that begin together; whitespace that they swallow is gone. */
function splitAtAdded(text: string, { added, normalizer }: Alphabet): Section[] {
  const sought = new Map(
    added.filter((token) => !(token.normalized && normalizer.length > 0)).map((token) => [token.content, token]),
  );
  const words = [...sought.keys()].sort((a, b) => b.length - a.length);
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|');
  const sections: Section[] = [];
  let rest = 0;
  let swallows = false;
  const between = (end: number, trimsEnd: boolean) => {
    const piece = text.slice(rest, end);
    const begin = swallows ? piece.length - piece.trimStart().length : 0;
    const kept = trimsEnd ? piece.slice(begin).trimEnd() : piece.slice(begin);
    if (kept !== '') sections.push({ text: kept, start: rest + begin, added: false });
  };
  for (const match of pattern === '' ? [] : text.matchAll(new RegExp(pattern, 'g'))) {
    const [content] = match;
    const token = sought.get(content);
    between(match.index, token?.lstrip === true);
    sections.push({ text: content, start: match.index, added: true });
    rest = match.index + content.length;
    swallows = token?.rstrip === true;
  }
  between(text.length, false);
  return sections;
}

function identity({ text, start: from }: Section): MappedText {
  const start: number[] = [];
  const end: number[] = [];
  for (const character of text) {
    const at = from + start.length;
    for (let unit = 0; unit < character.length; unit++) {
      start.push(at);
      end.push(at + character.length);
    }
  }
  return { text, start, end };
}

function applyStep(mapped: MappedText, step: NormalizerStep): MappedText {
  const { text } = mapped;
  if (step.type === 'Prepend') {
    const at = step.prepend.length > 0 ? Array<number>(step.prepend.length).fill(mapped.start[0]) : [];
    return { text: step.prepend + text, start: [...at, ...mapped.start], end: [...at, ...mapped.end] };
  }
  if (step.type === 'Replace') return rewrite(mapped, text.split(step.pattern), step.pattern, step.content);
  const whole = text.normalize(step.type);
  if (whole === text) return mapped;
  // Normal forms work within a character and the marks that follow it.
  const clusters = text.match(CLUSTERS) ?? [];
  const out = clusters.reduce(
    (sum, cluster) => {
      append(sum, mapped, sum.from, cluster, cluster.normalize(step.type));
      sum.from += cluster.length;
      return sum;
    },
    { ...emptyText(), from: 0 },
  );
  invariant(out.text === whole, 'align tokens', `${step.type} reaches beyond a cluster`);
  return out;
}

/** Whatever may combine with a character before it: marks, the later jamo of Hangul, halfwidth kana marks and jamo. */
const CLUSTERS = /[^]([\p{M}\u1160-\u11ff\uff9e\uff9f\uffa0-\uffdc]|\u200d)*/gu;

/** Puts `content` between the parts, in place of the pattern that stood there. */
function rewrite(mapped: MappedText, parts: readonly string[], pattern: string, content: string): MappedText {
  const out = emptyText();
  let from = 0;
  for (const [i, part] of parts.entries()) {
    if (i > 0) {
      append(out, mapped, from, pattern, content);
      from += pattern.length;
    }
    append(out, mapped, from, part, part);
    from += part.length;
  }
  return out;
}

interface GrowingText {
  text: string;
  readonly start: number[];
  readonly end: number[];
}

function emptyText(): GrowingText {
  return { text: '', start: [], end: [] };
}

/** Writes into `out` what became of `old`, which stood at unit `from`: itself unit by unit, anything else as a whole. */
function append(out: GrowingText, mapped: MappedText, from: number, old: string, content: string): void {
  const last = from + old.length - 1;
  for (let i = 0; i < content.length; i++) {
    out.start.push(mapped.start[content === old ? from + i : from]);
    out.end.push(mapped.end[content === old ? from + i : last]);
  }
  out.text += content;
}

/** UTF-8 bytes with the place in the original that each comes from. */
function spell(mapped: MappedText, metaspace: boolean): { bytes: Uint8Array; start: Int32Array; end: Int32Array } {
  const text = metaspace ? mapped.text.replaceAll('▁', ' ') : mapped.text;
  const bytes = new TextEncoder().encode(text);
  const start = new Int32Array(bytes.length);
  const end = new Int32Array(bytes.length);
  let at = 0;
  let unit = 0;
  for (const character of text) {
    const length = utf8Length(character.codePointAt(0) ?? 0);
    start.fill(mapped.start[unit], at, at + length);
    end.fill(mapped.end[unit + character.length - 1], at, at + length);
    at += length;
    unit += character.length;
  }
  return { bytes, start, end };
}

function utf8Length(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}
