import { Tokenizer as Library } from '@huggingface/tokenizers';
import { EditorError } from '../base/errors.ts';
import { isRecord } from '../store/json.ts';
import { type Alphabet, alignTokens, type Span } from './offsets.ts';
import { BYTE_ALPHABET, byteToken, checkTokenizerFile, invalid, type TokenizerFile } from './tokenizer-file.ts';

/** A text with its tokens. */
export interface Encoding {
  /** The text, with U+FFFD in place of lone surrogates. */
  readonly text: string;
  readonly ids: number[];
  /** Where each token lies in the text; the special ones that frame it span nothing. */
  readonly offsets: readonly Span[];
}

/** Text ⇄ tokens of one model. */
export interface Tokenizer {
  /** Ids go from 0 to below this; the model's embedding may have more rows. */
  readonly vocabSize: number;
  /** The token that `encode` puts first when asked for special tokens; null where it puts none. */
  readonly bosId: number | null;
  /** The token that ends a text, as `tokenizer_config.json` names it. */
  readonly eosId: number | null;
  /** @param options.specialTokens whether to frame the text as the model expects it (BOS) */
  encode(text: string, options: { readonly specialTokens: boolean }): Encoding;
  /**
   * Ids beyond the vocabulary stand for nothing. Bytes that aren't UTF-8 read as U+FFFD.
   *
   * @param options.skipSpecial whether to leave special tokens out
   */
  decode(ids: readonly number[], options: { readonly skipSpecial: boolean }): string;
  /** A token for the eye: its text, or its bytes as `<0xE2>` where they are no text by themselves. */
  tokenText(id: number): string;
}

/**
 * A tokenizer from the parsed `tokenizer.json`.
 *
 * The Hugging Face library does the work. Around it: checks of the file; offsets, which it doesn't have; decoding of
 * nothing, of unknown ids, of a byte order mark and of broken bytes, where it differs from the original in Rust.
 *
 * @param config the parsed `tokenizer_config.json`, which names the end of text
 * @param d_vocab rows of the model's embedding; ids must stay below
 * @throws EditorError `invalid-tokenizer` saying what
 */
export function loadTokenizer(json: unknown, config?: unknown, d_vocab?: number): Tokenizer {
  const file = checkTokenizerFile(json, d_vocab);
  const library = makeLibrary(file);
  const tokens = new Map(Array.from(file.vocabulary, ([token, id]) => [id, token]));
  const special = new Set(file.added.filter((token) => token.special).map((token) => token.id));
  const alphabet = makeAlphabet(file);
  const frame = orInvalid(() => findFrame(library));
  const nothing = frame.before.map((): Span => [0, 0]);
  const tokenizer: Tokenizer = {
    vocabSize: file.vocabSize,
    bosId: frame.before[0] ?? null,
    eosId: namedToken(config, 'eos_token', file),
    encode(given, { specialTokens }) {
      const text = given.replace(/\p{Surrogate}/gu, '\ufffd');
      const encoded = library.encode(text, { add_special_tokens: false });
      const offsets = alignTokens(text, encoded.tokens, alphabet);
      if (!specialTokens) return { text, ids: encoded.ids, offsets };
      const after = frame.after.map((): Span => [text.length, text.length]);
      return {
        text,
        ids: [...frame.before, ...encoded.ids, ...frame.after],
        offsets: [...nothing, ...offsets, ...after],
      };
    },
    decode(ids, { skipSpecial }) {
      const wanted = ids.filter((id) => tokens.has(id) && !(skipSpecial && special.has(id)));
      const words = wanted.map((id) => tokens.get(id) ?? '');
      if (words.length === 0) return '';
      const spelt = file.byteFallback ? joinBytes(words) : words;
      return library.decoder ? library.decoder(spelt) : spelt.join('');
    },
    tokenText(id) {
      const token = tokens.get(id);
      if (token === undefined) return '';
      const bytes = alphabet.bytesOf(token);
      return readUtf8(bytes) ?? Array.from(bytes, byteToken).join('');
    },
  };
  tryOut(tokenizer);
  return tokenizer;
}

// ---

/** Only what shapes tokens is handed on: no cleaning up of spaces, no lower case. */
function makeLibrary(file: TokenizerFile): Library {
  return orInvalid(() => new Library(file.json, { clean_up_tokenization_spaces: false }));
}

/** Reads and writes a text, so that a file whose parts don't work together is refused now and not in use. */
function tryOut(tokenizer: Tokenizer): void {
  orInvalid(() => {
    const { ids } = tokenizer.encode(TRIAL, { specialTokens: true });
    tokenizer.decode(ids, { skipSpecial: true });
  });
}

/** Words, digits, marks, a line break, letters of two bytes and of three, a character of two units. */
const TRIAL = 'To open 7 doors,\n“Zoë”  said: 你好 \u{1f511}';

/** What `work` gives; whatever the library throws at a file that it wasn't written for is the file's fault. */
function orInvalid<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof EditorError && cause.code === 'invalid-tokenizer') throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause), {}, cause);
  }
}

/** The special tokens that stand before and after a text. */
function findFrame(library: Library): { readonly before: number[]; readonly after: number[] } {
  const plain = library.encode('a', { add_special_tokens: false }).ids;
  const framed = library.encode('a').ids;
  const extra = framed.length - plain.length;
  for (let before = 0; before <= extra; before++) {
    const inner = framed.slice(before, before + plain.length);
    if (inner.every((id, i) => id === plain[i])) {
      return { before: framed.slice(0, before), after: framed.slice(before + plain.length) };
    }
  }
  throw invalid('its post-processor changes the text’s tokens');
}

function namedToken(config: unknown, key: string, file: TokenizerFile): number | null {
  const named = isRecord(config) ? config[key] : undefined;
  const content = isRecord(named) ? named['content'] : named;
  return typeof content === 'string' ? (file.vocabulary.get(content) ?? null) : null;
}

const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/;

function makeAlphabet({ added, normalizer, byteLevel }: TokenizerFile): Alphabet {
  const literal = new Set(added.map((token) => token.content));
  const byteOf = new Map(BYTE_ALPHABET.map((character, byte) => [character, byte]));
  const encoder = new TextEncoder();
  const spellOut = (token: string): Uint8Array => {
    if (literal.has(token)) return encoder.encode(token);
    if (byteLevel) {
      const bytes = Array.from(token, (character) => byteOf.get(character));
      return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : encoder.encode(token);
    }
    const [, digits] = BYTE_TOKEN.exec(token) ?? [];
    return digits === undefined ? encoder.encode(token.replaceAll('▁', ' ')) : Uint8Array.of(parseInt(digits, 16));
  };
  const known = new Map<string, Uint8Array>();
  const bytesOf = (token: string): Uint8Array => {
    const bytes = known.get(token) ?? spellOut(token);
    known.set(token, bytes);
    return bytes;
  };
  return { added, normalizer, metaspace: !byteLevel, bytesOf };
}

/** Runs of byte tokens as the text they spell; a run that isn't UTF-8 gives one U+FFFD for each byte. */
function joinBytes(tokens: readonly string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  const close = () => {
    if (run.length > 0) out.push(readUtf8(Uint8Array.from(run)) ?? '\ufffd'.repeat(run.length));
    run = [];
  };
  for (const token of tokens) {
    const [, digits] = BYTE_TOKEN.exec(token) ?? [];
    if (digits !== undefined) {
      run.push(parseInt(digits, 16));
    } else {
      close();
      out.push(token);
    }
  }
  close();
  return out;
}

/** Text, a byte order mark included, or undefined for bytes that aren't UTF-8. */
function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
