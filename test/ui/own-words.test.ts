import { expect, test } from 'vitest';
import { OwnWords } from '../../src/ui/own-words.svelte.ts';

const draft = (prompt: string, target = 'it') => ({ prompt, target, subject: '' });
const EXAMPLES = [{ prompt: 'To open {}, one needs to', subject: 'the door', target: 'find the key' }];

test('what the person wrote is put aside once, and not for what was filled in', () => {
  const own = new OwnWords();
  const [written, first, second] = [draft('I wrote'), draft('PersonX ran'), draft('PersonX sat')];
  own.putAside(written, first, EXAMPLES);
  expect(own.kept).toBe(written);
  own.putAside(first, second, EXAMPLES);
  expect(own.kept).toBe(written);
  own.putAside(draft('To open the door, one needs to', 'find the key'), first, EXAMPLES);
  expect(own.kept).toBe(written);
  const changed = { ...first, prompt: 'PersonX ran home' };
  own.putAside(changed, second, EXAMPLES);
  expect(own.kept).toBe(changed);
});

test('nothing is put aside for an empty form, or for another target of the same words', () => {
  const own = new OwnWords();
  own.putAside(draft(' '), draft('PersonX ran'), []);
  own.putAside(draft('I wrote'), draft('I wrote', 'that'), []);
  expect(own.kept).toBeNull();
});
