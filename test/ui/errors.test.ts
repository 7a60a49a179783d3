import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../src/base/errors.ts';
import { SETTINGS } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests } from '../../src/edit/request.ts';
import { english } from '../../src/ui/english.ts';
import { isWorthAnotherTry } from '../../src/ui/remedies.ts';
import { OFFERED, settingFaults, type Changes } from '../../src/ui/settings.ts';
import { faultOf } from '../support/faults.ts';

const { title, text, setting } = english.error;

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
  test.each(ERROR_CODES)('%s: whole sentences, whatever values there are', (code) => {
    for (const values of [{}, EVERY_VALUE]) {
      expect(text[code](values)).toMatch(/^[A-Z∅][^]*[.]$/u);
      expect(text[code](values)).not.toMatch(/undefined|null|NaN|\.\.|  /);
    }
  });

  test.each<[ErrorCode, Record<string, string>, string]>([
    [
      'context-overflow',
      { tokens: '300', limit: '256' },
      'There are 300 tokens, and the model reads at most 256 at once.',
    ],
    ['context-overflow', { characters: '21,000', most: '20,000' }, '21,000 characters, and 20,000 is the most.'],
    ['hash-mismatch', { file: 'model.safetensors', part: '1' }, 'model.safetensors differs from its fingerprint'],
    [
      'hash-mismatch',
      { file: 'config.json', release: 'other' },
      'config.json on the server belongs to another release',
    ],
    ['invalid-input', { tokens: '12', width: '1,024' }, 'has 12 tokens, too few for keys 1,024 wide'],
    ['network', { file: 'config.json', status: '503' }, 'config.json did not arrive whole (HTTP 503).'],
    [
      'out-of-memory',
      { limit: 'maxBufferSize', asked: '9', allowed: '8' },
      'One piece takes 9, and this graphics device allows 8.',
    ],
    ['quota', { reason: 'QuotaExceededError' }, 'The browser gives this page no more room.'],
    ['quota', { reason: 'UnknownError' }, 'The browser’s store refuses (UnknownError).'],
    ['unsupported-model', { modelType: 'bert', supported: 'gpt2' }, 'Its family is bert; gpt2 can be run.'],
    ['untrusted-device', { difference: '0.2', tolerance: '0.01' }, 'comes out wrong by 0.2, where 0.01 would be right'],
    ['worker-died', { deaths: '3' }, 'It stopped 3 times within a minute'],
  ])('%s with %j', (code, values, wanted) => {
    expect(text[code](values)).toContain(wanted);
  });

  test.each<[string, unknown, string]>([
    [
      'two faults',
      { prompt: 'a {} b', target: '' },
      'The target is empty. Write something there. The prompt has {} and no subject to put there. Name the subject, or write it out.',
    ],
    ['none of both', {}, 'The prompt is missing. Write one. The target is missing. Write one.'],
    [
      'two places',
      { prompt: '{} {}', subject: 'a', target: 'b' },
      'The prompt has 2 places {} for one subject. Mark its place with {}, once.',
    ],
    ['a bell', { prompt: 'a\u0007', target: 'b' }, 'The prompt has the control character U+0007. Delete it.'],
    ['half a character', { prompt: 'a', target: '\ud83d' }, 'The target has half a character, U+D83D. Delete it.'],
    ['too long', { prompt: 'a', target: 'b'.repeat(20_001) }, 'The target has 20001 characters. Shorten it.'],
  ])('of a request with %s', async (_, request, wanted) => {
    const { values } = await faultOf(() => validateRequests(request));
    const words = Object.fromEntries(Object.entries(values).map(([kind, detail]) => [kind, String(detail)]));
    expect(text['invalid-request'](words)).toBe(wanted);
  });

  test.each(OFFERED)('of %s: the name that the form shows, and what it takes', async (name) => {
    const changes = { [name]: 'nonsense' };
    const error = await faultOf(() => readHparams('dem+', changes, 8));
    const [fault, ...others] = settingFaults(error, changes as Changes, SETTINGS);
    expect(others).toEqual([]);
    const { name: shown } = english.edit.setting(name);
    expect(setting(fault)).toMatch(
      new RegExp(`^${shown} (is nonsense, it takes .*|does not fit the other settings)\\.$`, 'u'),
    );
  });

  test('of settings that leave nothing to write', async () => {
    const changes = { editMlp: false, editAttn: false };
    const error = await faultOf(() => readHparams('dem+', changes, 8));
    expect(settingFaults(error, changes, SETTINGS).map(setting)).toEqual([
      'Writing in the MLP is off, and so is attention: nothing would be written.',
    ]);
  });

  test('the engine’s own English is shown nowhere but in the details', () => {
    const spoken = /(?<!\.)\.(found|advice)\b/;
    const speaking = readdirSync('src/ui').filter((file) => spoken.test(readFileSync(`src/ui/${file}`, 'utf8')));
    // Why a refused store refuses, and what helps when an edit falls short, are the catalogue's own.
    expect(speaking).toEqual(['EditStack.svelte', 'Shortcomings.svelte']);
  });
});

// ---

/** Every name under which any error carries a value. */
const EVERY_VALUE = new Proxy({}, { get: () => 'A', ownKeys: () => [] });
