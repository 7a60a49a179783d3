import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadTokenizer, type Tokenizer } from '../../src/text/tokenizer.ts';
import { BYTE_ALPHABET, byteToken } from '../../src/text/tokenizer-file.ts';
import { damaged, orRefused } from '../support/damage.ts';
import { expectFault } from '../support/faults.ts';
import { readFixtureJson, sharedOrSkip } from '../support/shared.ts';

interface Case {
  readonly text: string;
  readonly ids: number[];
  readonly plain: number[];
  readonly decoded: string;
}

const FIXTURES = ['gpt2', 'gpt-j', 'gpt-neox', 'llama', 'qwen2', 'qwen3', 'tokenizer-llama2-style'];

function fixtureTokenizer(model: string): Tokenizer {
  const [json, config] = ['tokenizer', 'tokenizer_config'].map((name) =>
    readFixtureJson(`models/${model}/${name}.json`),
  );
  return loadTokenizer(json, config);
}

sharedOrSkip()('as the original', () => {
  describe.each(FIXTURES)('%s', (model) => {
    const tokenizer = fixtureTokenizer(model);
    const { cases } = readFixtureJson<{ cases: Case[] }>(`golden/${model}/tokenizer.json`);

    test('ids with special tokens', () => {
      const wrong = cases.filter(
        ({ text, ids }) => tokenizer.encode(text, { specialTokens: true }).ids.join() !== ids.join(),
      );
      expect({ cases: cases.length, wrong }).toEqual({ cases: 262, wrong: [] });
    });

    test('plain ids', () => {
      const wrong = cases.filter(
        ({ text, plain }) => tokenizer.encode(text, { specialTokens: false }).ids.join() !== plain.join(),
      );
      expect(wrong).toEqual([]);
    });

    test('decoding', () => {
      const wrong = cases.filter(({ plain, decoded }) => tokenizer.decode(plain, { skipSpecial: false }) !== decoded);
      expect(wrong).toEqual([]);
    });

    test('offsets cover every text, token by token', () => {
      for (const { text } of cases) expectTiled(tokenizer, text);
    });

    test('offsets cover any text', () => {
      const string = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), mixed);
      fc.assert(
        fc.property(string, (text) => expectTiled(tokenizer, text)),
        { numRuns: 200 },
      );
    });
  });

  test('BOS is where the model wants one', () => {
    const bos = FIXTURES.map((model) => [model, fixtureTokenizer(model).bosId]);
    expect(Object.fromEntries(bos)).toEqual({
      gpt2: null,
      'gpt-j': null,
      'gpt-neox': null,
      llama: 0,
      qwen2: null,
      qwen3: null,
      'tokenizer-llama2-style': 1,
    });
    expect(fixtureTokenizer('llama')).toMatchObject({ eosId: 1, vocabSize: 1000 });
    expect(fixtureTokenizer('gpt-neox')).toMatchObject({ eosId: 0, vocabSize: 1003 });
  });

  test('BOS spans nothing, a prepended space neither', () => {
    expect(fixtureTokenizer('llama').encode('Hi', { specialTokens: true }).offsets[0]).toEqual([0, 0]);
    const style = fixtureTokenizer('tokenizer-llama2-style');
    const { ids, offsets } = style.encode('\u{1f600}', { specialTokens: true });
    expect(ids.map((id) => style.tokenText(id))).toEqual(['<s>', ' ', '<0xF0>', '<0x9F>', '<0x98>', '<0x80>']);
    expect(offsets).toEqual([
      [0, 0],
      [0, 0],
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 2],
    ]);
  });

  test('composing keeps the places of the original', () => {
    // e + acute becomes one character, and both units are its place.
    const { text, ids, offsets } = fixtureTokenizer('gpt-neox').encode('xe\u0301y  z', { specialTokens: false });
    const tokenizer = fixtureTokenizer('gpt-neox');
    const pieces = ids.map((id, i) => [tokenizer.tokenText(id), text.slice(...offsets[i])]);
    expect(pieces.filter(([, piece]) => piece.includes('e')).every(([, piece]) => piece === 'e\u0301')).toBe(true);
    expect(pieces.at(-1)?.[1]).toBe('z');
  });

  test('broken bytes and unknown ids decode to something', () => {
    const style = fixtureTokenizer('tokenizer-llama2-style');
    const bytes = style.encode('\u{1f600}', { specialTokens: false }).ids.slice(1);
    expect(style.decode(bytes.slice(0, 2), { skipSpecial: true })).toBe('\ufffd\ufffd');
    expect(style.decode(bytes, { skipSpecial: true })).toBe('\u{1f600}');
    const gpt2 = fixtureTokenizer('gpt2');
    expect(gpt2.decode([65, 999_999, 66], { skipSpecial: true })).toBe('ab');
    expect(gpt2.decode([0, 65], { skipSpecial: true })).toBe('a');
    expect(gpt2.decode([0, 65], { skipSpecial: false })).toBe('<|endoftext|>a');
    expect(gpt2.decode([], { skipSpecial: false })).toBe('');
    expect(gpt2.tokenText(999_999)).toBe('');
  });

  test('lone surrogates become one character each, where they stand', () => {
    const { text, offsets } = fixtureTokenizer('gpt2').encode('a\ud800b', { specialTokens: false });
    expect(text).toBe('a\ufffdb');
    expect(offsets.at(-1)).toEqual([2, 3]);
  });

  test.each([
    ['gpt2', 'the dog barks. '],
    ['gpt2', 'dogs'],
    ['tokenizer-llama2-style', 'the dog barks. '],
    ['tokenizer-llama2-style', '\u00e9'],
  ])('%s reads a long text of "%s"', { timeout: 60_000 }, (model, piece) => {
    const text = piece.repeat(100_000 / piece.length);
    const { offsets } = fixtureTokenizer(model).encode(text, { specialTokens: false });
    expect(offsets.at(-1)?.[1]).toBe(text.length);
  });

  test('ids beyond the model’s embedding are refused', async () => {
    const json = readFixtureJson('models/gpt-neox/tokenizer.json');
    expect(loadTokenizer(json, undefined, 1003).vocabSize).toBe(1003);
    await expectFault(() => loadTokenizer(json, undefined, 1002), 'invalid-tokenizer', 'largest id is 1002');
  });
});

// A tokenizer small enough to read: every byte, "ab", "abc", and one added token.
const TINY = {
  added_tokens: [
    { id: 258, content: '<end>', special: true },
    { id: 259, content: '[x]', special: false, normalized: false, lstrip: true, rstrip: true },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    vocab: { ...Object.fromEntries(BYTE_ALPHABET.map((token, byte) => [token, byte])), ab: 256, abc: 257 },
    merges: ['a b', 'ab c'],
  },
};

const STYLE_VOCABULARY = Object.fromEntries(
  ['<s>', '</s>', ...Array.from({ length: 256 }, (_, byte) => byteToken(byte)), '▁', 'a', '▁a', 'b'].map(
    (token, id) => [token, id],
  ),
);

/** In the style of Llama 2: bytes as tokens of their own, a frame around the text. */
const STYLE = {
  added_tokens: [
    { id: 0, content: '<s>', special: true },
    { id: 1, content: '</s>', special: true },
  ],
  normalizer: null,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
  post_processor: {
    type: 'TemplateProcessing',
    single: [
      { SpecialToken: { id: '<s>', type_id: 0 } },
      { Sequence: { id: 'A', type_id: 0 } },
      { SpecialToken: { id: '</s>', type_id: 0 } },
    ],
    pair: [],
    special_tokens: {
      '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] },
      '</s>': { id: '</s>', ids: [1], tokens: ['</s>'] },
    },
  },
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: { type: 'BPE', vocab: STYLE_VOCABULARY, merges: ['▁ a'], byte_fallback: true, unk_token: '<s>' },
};

describe('a small tokenizer', () => {
  test('merges, and finds added tokens, which swallow spaces', () => {
    const tokenizer = loadTokenizer(TINY, { eos_token: { content: '<end>' } });
    expect(tokenizer.eosId).toBe(258);
    const { ids, offsets } = tokenizer.encode('abcab  [x] a<end>', { specialTokens: true });
    expect(ids).toEqual([257, 256, 259, 97, 258]);
    expect(offsets).toEqual([
      [0, 3],
      [3, 5],
      [7, 10],
      [11, 12],
      [12, 17],
    ]);
  });

  test('may come in the old layout, without a type', () => {
    const { vocab, merges } = TINY.model;
    expect(loadTokenizer({ ...TINY, model: { vocab, merges } }).encode('abc', { specialTokens: false }).ids).toEqual([
      257,
    ]);
  });

  test('in the style of Llama 2 frames the text', () => {
    const tokenizer = loadTokenizer(STYLE, { eos_token: '</s>' });
    const { ids, offsets } = tokenizer.encode('a ab\u00e9', { specialTokens: true });
    const a = STYLE_VOCABULARY['▁a'];
    expect(ids).toEqual([0, a, a, STYLE_VOCABULARY['b'], 2 + 0xc3, 2 + 0xa9, 1]);
    expect(offsets).toEqual([
      [0, 0],
      [0, 1],
      [1, 3],
      [3, 4],
      [4, 5],
      [4, 5],
      [5, 5],
    ]);
    expect(tokenizer).toMatchObject({ bosId: 0, eosId: 1 });
    expect(tokenizer.decode(ids, { skipSpecial: true })).toBe('a ab\u00e9');
  });
});

describe('refused', () => {
  const model = TINY.model;
  const vocab: Record<string, unknown> = model.vocab;
  const without = (token: string) => Object.fromEntries(Object.entries(vocab).filter(([each]) => each !== token));
  test.each<[string, unknown, string]>([
    ['text', 'gpt2', 'not a JSON object'],
    ['no model', {}, 'its model is missing'],
    ['another kind of model', { model: { type: 'Unigram', vocab: [], merges: [] } }, 'its model is Unigram, not BPE'],
    ['no merges', { ...TINY, model: { ...model, merges: undefined } }, 'not BPE'],
    ['an id that is text', { ...TINY, model: { ...model, vocab: { ...vocab, z: '7' } } }, 'the id of "z" is 7'],
    ['an id below 0', { ...TINY, model: { ...model, vocab: { ...vocab, z: -7 } } }, 'the id of "z" is -7'],
    [
      'an id twice',
      { ...TINY, model: { ...model, vocab: { ...vocab, abcd: 257 } } },
      '"abc" and "abcd" both have the id 257',
    ],
    ['a byte without a token', { ...TINY, model: { ...model, vocab: without('!') } }, '1 of 256 bytes have no token'],
    [
      'a merge without a result',
      { ...TINY, model: { ...model, merges: ['a c'] } },
      'merge 0 needs ac, which has no id',
    ],
    ['half a merge', { ...TINY, model: { ...model, merges: ['a'] } }, 'merge 0 is a'],
    [
      'a prefix inside words',
      { ...TINY, model: { ...model, continuing_subword_prefix: '##' } },
      'continuing_subword_prefix',
    ],
    ['no way to spell bytes', { ...TINY, pre_tokenizer: null }, 'neither byte-level tokens nor byte fallback'],
    [
      'a pre-tokenizer that drops text',
      { ...TINY, pre_tokenizer: { type: 'Whitespace' } },
      'pre-tokenizer Whitespace drops text',
    ],
    ['a normalizer that can’t be followed', { ...TINY, normalizer: { type: 'StripAccents' } }, 'StripAccents'],
    ['a normalizer without a type', { ...TINY, normalizer: [] }, 'one of its normalizers is []'],
    ['an added token without text', { ...TINY, added_tokens: [{ id: 3 }] }, 'one of its added tokens is {"id":3}'],
    ['added tokens that are no list', { ...TINY, added_tokens: {} }, 'its added_tokens are {}'],
    ['an added token with a taken id', { ...TINY, added_tokens: [{ id: 3, content: 'x!' }] }, 'both have the id 3'],
    ['an unknown decoder', { ...TINY, decoder: { type: 'Nonsense' } }, 'Nonsense'],
    ['an unknown post-processor', { ...TINY, post_processor: { type: 'Nonsense' } }, 'Nonsense'],
  ])('%s', (_, json, text) => expectFault(() => loadTokenizer(json), 'invalid-tokenizer', text));
});

test('a damaged tokenizer.json is refused, or it works', () => {
  fc.assert(
    fc.property(fc.oneof(damaged(TINY), damaged(STYLE)), (json) => {
      const tokenizer = orRefused(() => loadTokenizer(json, { eos_token: '<end>' }, 300), 'invalid-tokenizer');
      if (!tokenizer) return;
      const { ids } = tokenizer.encode('ab c[x]', { specialTokens: true });
      tokenizer.decode(ids, { skipSpecial: true });
    }),
    { numRuns: 300 },
  );
});

test('a vocabulary may have more tokens than a call takes arguments', async () => {
  const many = Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`t${i}`, 260 + i]));
  const large = { ...TINY, model: { ...TINY.model, vocab: { ...TINY.model.vocab, ...many } } };
  expect(loadTokenizer(large, undefined, 150_260).vocabSize).toBe(150_260);
  await expectFault(() => loadTokenizer(large, undefined, 150_259), 'invalid-tokenizer', 'largest id is 150259');
});

// ---

/** Pieces that meet at every kind of seam. */
const mixed = fc
  .array(
    fc.constantFrom(
      ' ',
      '  ',
      '\n',
      'a',
      'Person',
      '’s',
      'é',
      'e\u0301',
      '\u1112\u1161\u11ab',
      '한',
      '\u{1f469}\u200d\u{1f4bb}',
      '▁',
      '\ufeff',
      '<s>',
      '<|endoftext|>',
      '\ud800',
      'ﾞ',
      '0',
      '12',
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));

/**
 * Spans must follow each other, leave nothing out, and each token must read as the text it spans, as far as it is
 * whole characters and no normalizer had a hand in it.
 */
function expectTiled(tokenizer: Tokenizer, given: string): void {
  const { text, ids, offsets } = tokenizer.encode(given, { specialTokens: false });
  let reached = 0;
  for (const [i, [start, end]] of offsets.entries()) {
    expect(start <= reached && end >= reached, `token ${i} of ${JSON.stringify(text)} spans ${start} to ${end}`).toBe(
      true,
    );
    const [token, piece] = [tokenizer.tokenText(ids[i]), text.slice(start, end)];
    const partial = /^(<0x[0-9A-F]{2}>)+$/.test(token);
    const spelt = token === piece || token === ` ${piece}` || token.normalize('NFC') === piece.normalize('NFC');
    expect(partial || spelt || piece.includes('▁'), `${JSON.stringify(token)} spans ${JSON.stringify(piece)}`).toBe(
      true,
    );
    reached = end;
  }
  expect(reached, `of ${JSON.stringify(text)}`).toBe(text.length);
}
