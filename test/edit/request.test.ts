import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { LONGEST_TEXT, validateRequests } from '../../src/edit/request.ts';
import { expectFault, faultOf } from '../support/faults.ts';

const GOOD = { prompt: 'To open {}, PersonX needs to', subject: 'the lock', target: 'turn the key' };

describe('taken', () => {
  test.each<[string, unknown, string, readonly [number, number] | null]>([
    ['a subject in its place', GOOD, 'To open the lock, PersonX needs to', [8, 16]],
    ['no subject', { prompt: 'It rains, so ', target: 'run' }, 'It rains, so', null],
    ['an empty subject is none', { prompt: 'It rains', subject: ' ', target: 'run' }, 'It rains', null],
    ['a prompt that is its subject', { prompt: '{}', subject: 'Rain', target: 'falls' }, 'Rain', [0, 4]],
    ['a subject that looks like a place', { ...GOOD, subject: '{}' }, 'To open {}, PersonX needs to', [8, 10]],
    ['a subject that looks like a pattern', { ...GOOD, subject: '$& $1' }, 'To open $& $1, PersonX needs to', [8, 13]],
    ['line breaks and tabs', { prompt: 'Q:\tWhy?\r\nA:', target: 'So.' }, 'Q:\tWhy?\r\nA:', null],
    [
      'what no keyboard has',
      { prompt: '\u{1f512} na\u00efve \u4f60\u597d', target: '\u{1f511}' },
      '\u{1f512} na\u00efve \u4f60\u597d',
      null,
    ],
    [
      'the published form',
      { ...GOOD, target: undefined, target_new: { str: 'wait' } },
      'To open the lock, PersonX needs to',
      [8, 16],
    ],
    [
      'a text of the greatest length',
      { prompt: 'a'.repeat(LONGEST_TEXT), target: 'b' },
      'a'.repeat(LONGEST_TEXT),
      null,
    ],
  ])('%s', (_, request, query, subjectSpan) => {
    expect(validateRequests(request)).toMatchObject([{ query, subjectSpan }]);
  });
});

describe('refused', () => {
  test.each<[string, unknown, ...string[]]>([
    ['no requests', [], 'the list of requests is empty'],
    ['nothing', undefined, 'the prompt is missing; the target is missing'],
    ['text', 'To open', 'the prompt is missing'],
    ['an empty prompt', { ...GOOD, prompt: ' \n' }, 'the prompt is empty', 'write something there'],
    ['an empty target', { ...GOOD, target: '' }, 'the target is empty', 'write something there'],
    ['a prompt that is a number', { ...GOOD, prompt: 7 }, 'the prompt is no text'],
    ['a subject that is a list', { ...GOOD, subject: ['a'] }, 'the subject is no text'],
    [
      'two places',
      { ...GOOD, prompt: '{} and {}' },
      'the prompt has 2 {} for one subject',
      'mark its place with {}, once',
    ],
    ['no place', { ...GOOD, prompt: 'It rains' }, 'the subject is not in the prompt', 'mark its place with {}, once'],
    [
      'a place and no subject',
      { prompt: 'a {} b', target: 'c' },
      'the prompt has {} and no subject',
      'name the subject',
    ],
    [
      'a control character',
      { ...GOOD, prompt: '{} a\u0000b' },
      'the prompt has the control character U+0000',
      'delete it',
    ],
    ['one of the upper ones', { ...GOOD, target: 'a\u009bb' }, 'the target has the control character U+009B'],
    ['one in the subject', { ...GOOD, subject: 'a\u007fb' }, 'the subject has the control character U+007F'],
    ['half a character', { ...GOOD, target: 'a\ud83d' }, 'the target has half a character, U+D83D', 'delete it'],
    [
      'a megabyte',
      { ...GOOD, target: 'a'.repeat(2 ** 20) },
      'the target has 1048576 characters, 20000 is the most',
      'shorten it',
    ],
    ['paraphrases that are text', { ...GOOD, paraphrases: 'a' }, 'the paraphrases are no list'],
    ['a paraphrase that is empty', { ...GOOD, paraphrases: ['a', ''] }, 'paraphrase 2 is empty'],
    ['a paraphrase that is a number', { ...GOOD, paraphrases: [1] }, 'paraphrase 1 is no text'],
  ])('%s', (_, request, ...texts) => expectFault(() => validateRequests(request), 'invalid-request', ...texts));

  test('every fault of every request at once, each piece of advice once', async () => {
    const fault = await faultOf(() =>
      validateRequests([GOOD, { prompt: '', target: '\u0001' }, { prompt: '{}', target: '' }]),
    );
    expect(fault.message).toMatchInlineSnapshot(
      `"cannot read the edit request: request 2: the prompt is empty; request 2: the target has the control character U+0001; request 3: the target is empty; request 3: the prompt has {} and no subject to put there; write something there; delete it; name the subject, or write it out"`,
    );
  });
});

test('whatever comes is taken or refused, and nothing else happens', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('{}', 'a {} b', '{} {}', '', ' ', '\ud800'));
  const fields = { prompt: text, target: text, subject: text, paraphrases: fc.array(text), target_new: fc.anything() };
  const request = fc.oneof(fc.record(fields, { requiredKeys: [] }), fc.record({ ...fields, subject: fc.anything() }));
  fc.assert(
    fc.property(fc.oneof(fc.anything(), request, fc.array(request)), (input) => {
      try {
        for (const { query, subject, subjectSpan } of validateRequests(input)) {
          expect(query.isWellFormed() && query !== '').toBe(true);
          expect(subjectSpan && query.slice(...subjectSpan)).toBe(subject ?? null);
        }
      } catch (error) {
        if (!(error instanceof EditorError)) throw error;
        expect(error.code).toBe('invalid-request');
      }
    }),
    { numRuns: 200 },
  );
});
