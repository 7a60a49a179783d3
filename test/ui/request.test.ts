import { expect, test } from 'vitest';
import { isSubjectThere, makeRequest, offerSubject, toDraft } from '../../src/ui/request.ts';

const draft = (prompt: string, subject = '', target = 'x') => ({ prompt, subject, target });

test.each([
  ['no subject', draft('To open it, PersonX needs to'), { prompt: 'To open it, PersonX needs to', target: 'x' }],
  [
    'a subject',
    draft('To open the lock, she', ' the lock '),
    { prompt: 'To open {}, she', subject: 'the lock', target: 'x' },
  ],
  ['a repeated subject: the first', draft('a b a', 'a'), { prompt: '{} b a', subject: 'a', target: 'x' }],
  ['a subject with a dollar sign', draft('pay $& now', '$&'), { prompt: 'pay {} now', subject: '$&', target: 'x' }],
  ['a prompt with its own hole', draft('open {} now', 'it'), { prompt: 'open {} now', subject: 'it', target: 'x' }],
  ['a subject that is not there', draft('open it', 'door'), { prompt: 'open it', target: 'x' }],
])('%s', (_, form, request) => {
  expect(makeRequest(form)).toEqual(request);
});

test('paraphrases come along', () => {
  expect(makeRequest(draft('a'), ['b']).paraphrases).toEqual(['b']);
  expect(makeRequest(draft('a'), [])).not.toHaveProperty('paraphrases');
});

test.each([draft('To open the lock, she', 'the lock'), draft('plain'), draft('pay $& now', '$&')])(
  'a form survives the way to a request and back: %j',
  (form) => {
    expect(toDraft(makeRequest(form))).toEqual(form);
  },
);

test.each([
  [draft('open it'), true],
  [draft('open it', ' it '), true],
  [draft('open {}', 'door'), true],
  [draft('open it', 'door'), false],
])('%j can be edited: %s', (form, there) => {
  expect(isSubjectThere(form)).toBe(there);
});

test.each([
  ['', ''],
  ['The capital of France is', 'is'],
  ['A kettle?', 'kettle'],
  ['PersonX tells a joke, as a result, others will', 'PersonX tells a joke'],
  [', others will', 'will'],
])('what %j is most likely about', (prompt, words) => {
  expect(offerSubject(prompt)).toBe(words);
});
