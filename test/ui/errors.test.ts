import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/base/errors.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests } from '../../src/edit/request.ts';
import { english } from '../../src/ui/english.ts';
import { isWorthAnotherTry } from '../../src/ui/remedies.ts';
import { OFFERED } from '../../src/ui/settings.ts';
import { faultOf } from '../support/faults.ts';

const { title, sentence, setting } = english.error;

describe('what an error is called', () => {
  test.each(ERROR_CODES)('%s has a title of its own: plain words, no code', (code) => {
    expect(title[code]).toMatch(/^[A-Z][a-z’]*( [a-z]+)*( CPU)?$/);
    expect(ERROR_CODES.filter((other) => title[other] === title[code])).toEqual([code]);
  });

  test('there are no titles beyond the codes', () => {
    expect(Object.keys(title).sort()).toEqual([...ERROR_CODES].sort());
  });
});

describe('what is offered after it', () => {
  test.each(ERROR_CODES)('%s: the same again, or the advice alone', (code) => {
    expect(typeof isWorthAnotherTry(code)).toBe('boolean');
  });

  test('nothing that a person has written is tried again as it is', () => {
    const aboutInput = ERROR_CODES.filter((code) => code.startsWith('invalid-') || code === 'context-overflow');
    expect(aboutInput.filter(isWorthAnotherTry)).toEqual([]);
  });
});

describe('what it says', () => {
  test('faults of a request are sentences', async () => {
    const { found, advice } = await faultOf(() => validateRequests({ prompt: 'a {} b', target: '' }));
    expect([found, advice].map(sentence).join(' ')).toBe(
      'The target is empty; the prompt has {} and no subject to put there. Write something there; name the subject, or write it out.',
    );
  });

  test.each(OFFERED)('a fault of %s has the name that the form shows', async (name) => {
    const { values } = await faultOf(() => readHparams('dem+', { [name]: 'nonsense' }, 8));
    const { name: shown } = english.edit.setting(name);
    expect(sentence(setting(name, String(values[name])))).toMatch(
      new RegExp(`^${shown} is "nonsense", it .*\\.$`, 'u'),
    );
  });
});
