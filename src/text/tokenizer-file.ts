import { EditorError } from '../base/errors.ts';
import { isRecord } from '../store/json.ts';

/** Text that a tokenizer treats as one token, whatever its merges say. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** Looked for after the normalizer ran, not before. */
  readonly normalized: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** One step of a normalizer, of the kinds through which offsets can be followed. */
export type NormalizerStep =
  | { readonly type: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' }
  | { readonly type: 'Prepend'; readonly prepend: string }
  | { readonly type: 'Replace'; readonly pattern: string; readonly content: string };

/** What of a checked `tokenizer.json` the code needs beside the library that runs it. */
export interface TokenizerFile {
  /** The file, with what old files leave out filled in. */
  readonly json: object;
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Ids go from 0 to below this. */
  readonly vocabSize: number;
  readonly added: readonly AddedToken[];
  readonly normalizer: readonly NormalizerStep[];
  /** Tokens spell bytes in the GPT-2 alphabet; otherwise they are text with `▁` for a space and `<0x41>` for a byte. */
  readonly byteLevel: boolean;
  /** Whether decoding reads `<0x41>` as a byte. */
  readonly byteFallback: boolean;
}

/**
 * Checks a `tokenizer.json`: BPE whose tokens can spell every text, consistent ids and merges, only steps that keep the
 * text.
 *
 * @param d_vocab rows of the model's embedding, when known: no id may reach beyond
 * @throws EditorError `invalid-tokenizer` saying what
 */
export function checkTokenizerFile(json: unknown, d_vocab?: number): TokenizerFile {
  if (!isRecord(json)) throw invalid('it is not a JSON object');
  const model = json['model'];
  const vocab = isRecord(model) ? model['vocab'] : undefined;
  const merges = isRecord(model) ? model['merges'] : undefined;
  if (!isRecord(model) || (model['type'] ?? 'BPE') !== 'BPE' || !isRecord(vocab) || !Array.isArray(merges)) {
    throw invalid(`its model is ${isRecord(model) ? describe(model['type'] ?? 'no BPE') : 'missing'}, not BPE`);
  }
  for (const part of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model[part]) throw invalid(`its BPE has a ${part}, "${describe(model[part])}"`);
  }
  const added = readAdded(json['added_tokens'] ?? []);
  const vocabulary = readVocabulary(vocab, added);
  checkMerges(merges, vocabulary);
  // Not Math.max(...ids): there are vocabularies with more ids than a call takes arguments.
  const vocabSize = [...vocabulary.values()].reduce((most, id) => Math.max(most, id + 1), 0);
  if (d_vocab !== undefined && vocabSize > d_vocab) {
    const found = `its largest id is ${vocabSize - 1}, and the model has ${d_vocab} tokens`;
    throw invalid(found, { largest: vocabSize - 1, d_vocab });
  }
  const preTokenizers = steps(json['pre_tokenizer'], 'pretokenizers');
  const foreign = preTokenizers.find((step) => !KEEPING.has(step.type) || step.behavior === 'Removed');
  if (foreign) throw invalid(`its pre-tokenizer ${foreign.type} drops text`);
  const byteLevel = preTokenizers.some((step) => step.type === 'ByteLevel');
  checkAlphabet(vocabulary, byteLevel, model['byte_fallback'] === true);
  const normalizer = steps(json['normalizer'], 'normalizers').map(readNormalizer);
  const greedy = added.find((token) => token.normalized && normalizer.length > 0 && (token.lstrip || token.rstrip));
  if (greedy) throw invalid(`its added token "${greedy.content}" swallows spaces after normalizing`);
  const byteFallback = JSON.stringify(json['decoder'] ?? null).includes('"ByteFallback"');
  const defaults = {
    decoder: null,
    post_processor: null,
    pre_tokenizer: null as object | null,
    normalizer: null,
    added_tokens: [],
  };
  const filled = { ...defaults, ...json, model: { ...model, type: 'BPE' } };
  if (preTokenizers.length === 0 && wordsAreApart(vocabulary)) filled.pre_tokenizer = WORDS;
  return { json: filled, vocabulary, vocabSize, added, normalizer, byteLevel, byteFallback };
}

/** The error of a tokenizer that can't be used. */
export function invalid(found: string, values: Record<string, string | number> = {}, cause?: unknown): EditorError {
  const advice = 'use the tokenizer.json that comes with the model';
  return new EditorError('invalid-tokenizer', 'use tokenizer.json', found, advice, values, { cause });
}

/** The GPT-2 alphabet: the character that stands for each byte. Printable bytes stand for themselves. */
export const BYTE_ALPHABET: readonly string[] = makeAlphabet();

/** The token of one byte in tokenizers with byte fallback. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

// ---

/** Pre-tokenizers that cut the text and lose nothing of it. */
const KEEPING = new Set(['ByteLevel', 'Split', 'Digits', 'Punctuation', 'Metaspace']);

interface Step {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A step, or the steps of a sequence, sequences inside sequences included. */
function steps(value: unknown, key: 'normalizers' | 'pretokenizers'): Step[] {
  if (value === null || value === undefined) return [];
  if (!isRecord(value) || typeof value['type'] !== 'string') throw invalid(`one of its ${key} is ${describe(value)}`);
  if (value['type'] !== 'Sequence') return [value as Step];
  const inner = value[key];
  if (!Array.isArray(inner)) throw invalid(`its sequence of ${key} is ${describe(inner)}`);
  return inner.flatMap((each) => steps(each, key));
}

function readNormalizer(step: Step): NormalizerStep {
  const { type, prepend, pattern, content } = step;
  if (type === 'NFC' || type === 'NFD' || type === 'NFKC' || type === 'NFKD') return { type };
  if (type === 'Prepend' && typeof prepend === 'string') return { type, prepend };
  const text = isRecord(pattern) ? pattern['String'] : undefined;
  if (type === 'Replace' && typeof text === 'string' && text !== '' && typeof content === 'string') {
    return { type, pattern: text, content };
  }
  throw invalid(`its normalizer ${describe(step)} is unsupported`);
}

function readAdded(value: unknown): AddedToken[] {
  if (!Array.isArray(value)) throw invalid(`its added_tokens are ${describe(value)}`);
  return value.map((each: unknown) => {
    const { id, content, special, normalized, lstrip, rstrip } = isRecord(each) ? each : {};
    if (!Number.isSafeInteger(id) || (id as number) < 0 || typeof content !== 'string' || content === '') {
      throw invalid(`one of its added tokens is ${describe(each)}`);
    }
    return {
      id: id as number,
      content,
      special: special === true,
      normalized: typeof normalized === 'boolean' ? normalized : special !== true,
      lstrip: lstrip === true,
      rstrip: rstrip === true,
    };
  });
}

function readVocabulary(vocab: Record<string, unknown>, added: readonly AddedToken[]): Map<string, number> {
  const vocabulary = new Map<string, number>();
  const tokens = new Map<number, string>();
  const enter = (token: string, id: unknown) => {
    if (!Number.isSafeInteger(id) || (id as number) < 0) throw invalid(`the id of "${token}" is ${describe(id)}`);
    const other = tokens.get(id as number) ?? token;
    if (other !== token)
      throw invalid(`"${other}" and "${token}" both have the id ${describe(id)}`, { id: id as number });
    tokens.set(id as number, token);
    vocabulary.set(token, id as number);
  };
  for (const [token, id] of Object.entries(vocab)) enter(token, id);
  for (const { content, id } of added) enter(content, id);
  if (vocabulary.size === 0) throw invalid('its vocabulary is empty');
  return vocabulary;
}

function checkMerges(merges: readonly unknown[], vocabulary: ReadonlyMap<string, number>): void {
  for (const [i, merge] of merges.entries()) {
    const pair: unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
    if (pair.length !== 2 || !pair.every((part) => typeof part === 'string')) {
      throw invalid(`merge ${i} is ${describe(merge)}`, { merge: i });
    }
    const unknown = [...pair, pair.join('')].find((part) => !vocabulary.has(part as string));
    if (unknown !== undefined) throw invalid(`merge ${i} needs ${describe(unknown)}, which has no id`, { merge: i });
  }
}

/** Without a token for every byte some texts would lose characters, silently. */
function checkAlphabet(vocabulary: ReadonlyMap<string, number>, byteLevel: boolean, byteFallback: boolean): void {
  if (!byteLevel && !byteFallback) throw invalid('it has neither byte-level tokens nor byte fallback');
  const alphabet = byteLevel ? BYTE_ALPHABET : Array.from({ length: 256 }, (_, byte) => byteToken(byte));
  const lacking = alphabet.filter((token) => !vocabulary.has(token));
  if (lacking.length > 0) throw invalid(`${lacking.length} of 256 bytes have no token`, { lacking: lacking.length });
}

/**
 * Old Llama files have no pre-tokenizer, and merge a whole document as one word. Where no token reaches across the
 * beginning of a word, words can be merged one by one: the same tokens, in a hundredth of the time for long texts.
 */
function wordsAreApart(vocabulary: ReadonlyMap<string, number>): boolean {
  return [...vocabulary.keys()].every((token) => !/[^▁]▁/.test(token));
}

const WORDS = { type: 'Split', pattern: { Regex: '▁+[^▁]*|[^▁]+' }, behavior: 'Isolated', invert: false };

function makeAlphabet(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

function describe(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'missing').slice(0, 80);
}
