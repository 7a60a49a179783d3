import { beforeAll, describe, expect, test } from 'vitest';
import { readPromptSet } from '../../src/locate/prompt-set.ts';
import type { Model } from '../../src/model/model.ts';
import { english } from '../../src/ui/english.ts';
import { testDevice } from '../support/device.ts';
import { faultOf } from '../support/faults.ts';
import { byteTokenizer, randomModel, TINY_CONFIGS } from '../support/tiny.ts';

const DOOR = { prompt: 'PersonX opens {}', subject: 'the door', target: 'so' };

let model: Model;
beforeAll(async () => {
  model = await randomModel({ ...TINY_CONFIGS.gpt2, vocab_size: 256 }, await testDevice('float32'), 1, byteTokenizer());
});

const read = (value: unknown, file = 'doors.json') =>
  readPromptSet(model, file, new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)));

describe('a person’s own prompts', () => {
  test('a plain list is one set, named for its file, on neither side', () => {
    const { target: _, ...open } = DOOR;
    expect(read([DOOR, open])).toEqual({
      file: 'doors.json',
      prompts: [DOOR, open].map((prompt) => ({ ...prompt, relation: 'doors', kind: 'own' })),
    });
  });

  test('relations and sides that are named are kept', () => {
    const fact = { ...DOOR, relation: 'capital', kind: 'fact' };
    expect(read([fact, DOOR]).prompts.map(({ relation, kind }) => [relation, kind])).toEqual([
      ['capital', 'fact'],
      ['doors', 'own'],
    ]);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '[{"prompt"', 'The prompts of doors.json cannot be used: it is not JSON. What was there is unchanged.'],
    ['nothing', [], 'it has no prompts'],
    ['too many', Array(2001).fill(DOOR), 'it has 2001 prompts, too many'],
    ['too large', ' '.repeat(4_000_001), 'it is too large (4000001 bytes)'],
    ['words', ['open the door'], 'prompt 1 has no prompt'],
    [
      'several faults',
      [
        { prompt: 'PersonX opens it', target: 3 },
        { ...DOOR, relation: ' ', kind: 'myth' },
        { ...DOOR, prompt: 'PersonX opens it' },
        { ...DOOR, prompt: `${DOOR.prompt} and waits for a very long time` },
      ],
      'prompt 1 has no subject; prompt 1 has no target; prompt 2 has no relation; prompt 2 has the kind "myth" (it takes “fact”, “commonsense”, or none); prompt 3 does not contain its subject “the door”; prompt 4 is longer than the model reads (',
    ],
    [
      'a relation on two sides',
      [
        { ...DOOR, relation: 'a', kind: 'fact' },
        { ...DOOR, relation: 'a' },
      ],
      'prompt 2 has another kind than those of a before it',
    ],
    [
      'more faults than can be told',
      Array(20).fill({ ...DOOR, subject: '' }),
      '; 8 more. What was there is unchanged.',
    ],
  ])('%s', async (_, value, wanted) => {
    const { code, values } = await faultOf(() => read(value));
    const words = Object.fromEntries(Object.entries(values).map(([name, each]) => [name, String(each)]));
    expect([code, english.error.text['invalid-input'](words)]).toEqual([
      'invalid-input',
      expect.stringContaining(wanted),
    ]);
  });
});
