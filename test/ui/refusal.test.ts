import { expect, test } from 'vitest';
import { EditorError } from '../../src/base/errors.ts';
import { fieldsAtFault, refuseMissing } from '../../src/ui/refusal.ts';

test.each([
  ['nothing', { prompt: 'To open it', target: 'whistle' }, null, []],
  ['a prompt of spaces', { prompt: ' \n', target: 'whistle' }, { 'prompt empty': '' }, ['prompt']],
  ['both', { prompt: '', target: '' }, { 'prompt empty': '', 'target empty': '' }, ['prompt', 'target']],
])('what is missing before an edit can be asked for: %s', (_, draft, values, fields) => {
  const refusal = refuseMissing(draft);
  expect(refusal?.values ?? null).toEqual(values);
  expect(fieldsAtFault(refusal)).toEqual(fields);
});

test.each([
  ['invalid-request', { 'target control': 'U+0007' }, ['target']],
  ['invalid-request', { 'subject missing': '' }, ['prompt']],
  ['context-overflow', { tokens: 300 }, ['prompt', 'target']],
  ['not-finite', {}, []],
] as const)('the fields that %s %o is about', (code, values, fields) => {
  expect(fieldsAtFault(new EditorError(code, 'edit', 'something', 'change it', values))).toEqual(fields);
});
