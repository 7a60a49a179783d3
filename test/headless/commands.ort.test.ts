import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { FloatTensor } from '../../src/base/tensor.ts';
import { readSetFile, type StoredSets } from '../../src/locate/set-file.ts';
import { readSafetensors, toTensor } from '../../src/store/safetensors.ts';
import { largestDifference } from '../support/close.ts';
import { type Fault, Headless, runProcess } from '../support/headless.ts';
import { fixture, readFixtureJson, readFixtureTensors, sharedOrSkip } from '../support/shared.ts';

const GPT2 = fixture('models/gpt2');
const LLAMA = fixture('models/llama');

sharedOrSkip()('headless', () => {
  let headless: Headless;
  beforeAll(() => {
    headless = new Headless('commands');
  }, 60_000);

  describe('describe', () => {
    test('one line about the model, through npm as the README says; progress stays on stderr', async () => {
      const args = ['run', '--silent', 'headless', '--', 'describe', '--model', LLAMA];
      const { code, lines, stderr } = await runProcess('npm', args);
      expect(code).toBe(0);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatchObject({
        model: 'llama',
        family: 'llama',
        n_layers: 6,
        d_model: 64,
        d_mlp: 176,
        n_kv_heads: 2,
        parameters: 405312,
        tokenizer: { size: 1000, bos: 0, eos: 1 },
      });
      expect(lines[0]['sites']).toContainEqual({
        site: 'mlp.3',
        weight: 'model.layers.3.mlp.down_proj.weight',
        key: 'blocks.3.mlp.hook_post',
        value: 'blocks.3.hook_mlp_out',
      });
      expect(stderr).toContain('load 7/7 layers');
    });
  });

  describe('generate', () => {
    test.each([
      ['gpt2', GPT2, 'float32'],
      ['llama', LLAMA, 'auto'],
    ])('greedy is what PyTorch has: %s', async (family, folder, precision) => {
      const { prompts } = readFixtureJson<{
        prompts: { prompt: string; ids: number[]; greedy_ids: number[]; greedy_text: string }[];
      }>(`golden/${family}/forward.json`);
      const [{ prompt, ids, greedy_ids, greedy_text }] = prompts;
      const { code, lines, stderr } = await headless.run(
        'generate',
        ...['--model', folder, '--prompt', prompt, '--tokens', '12', '--precision', precision],
      );
      expect(code, stderr.join('\n')).toBe(0);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatchObject({ prompt, promptIds: ids, ids: greedy_ids, text: greedy_text });
      const float = precision === 'auto' ? 'float64' : precision;
      expect(stderr.filter((line) => line.startsWith('computing in'))).toEqual([
        expect.stringContaining(`computing in ${float} on wasm`),
      ]);
    });

    test('a seed gives the same text again, another seed another', async () => {
      const draw = async (seed: string) => {
        const cuts = ['--temperature', '1.5', '--top-k', '50', '--top-p', '0.95', '--tokens', '15', '--seed', seed];
        const { lines } = await headless.run('generate', '--model', GPT2, '--prompt', 'PersonX opens', ...cuts);
        return lines[0]['ids'];
      };
      const [one, again, two] = [await draw('1'), await draw('1'), await draw('2')];
      expect(one).toHaveLength(15);
      expect(again).toEqual(one);
      expect(two).not.toEqual(one);
    });
  });

  describe('forward', () => {
    test.each([
      ['gpt2', GPT2, 'float64', 1e-6],
      ['llama', LLAMA, 'float32', 1e-4],
    ])('every hook of ragged rows, %s', async (family, folder, precision, tolerance) => {
      const { prompts, layers } = readFixtureJson<{ prompts: { ids: number[] }[]; layers: number }>(
        `golden/${family}/forward.json`,
      );
      const stored = readFixtureTensors(`golden/${family}/forward.safetensors`);
      const rows = prompts.map(({ ids }) => ids);
      const names = [...new Set([...stored.keys()].map((name) => name.replace(/^p\d+\//, '')))];
      const all = [...names, 'hook_embed', 'ln_final.hook_normalized', `blocks.${layers - 1}.hook_resid_mid`];
      const out = join(headless.folder, `${family}.safetensors`);
      const { code, lines, stderr } = await headless.run(
        'forward',
        ...['--model', folder, '--ids', headless.write(`${family}.json`, rows), '--precision', precision],
        ...['--hooks', all.join(','), '--out', out],
      );
      expect(code, stderr.join('\n')).toBe(0);
      const tensors = readSafetensors(new Uint8Array(await readFile(out)), out);
      expect([...tensors.keys()].sort()).toEqual([...new Set([...all, 'logits'])].sort());
      const width = Math.max(...rows.map((ids) => ids.length));
      expect(lines).toEqual([{ out, tensors: expect.objectContaining({ logits: [rows.length, width, 1000] }) }]);
      for (const [name, tensor] of tensors) {
        const { data, shape } = toTensor(tensor, name) as FloatTensor;
        for (const [row, ids] of rows.entries()) {
          const line = data.subarray(row * width * shape[2], (row + 1) * width * shape[2]);
          const expected = stored.get(`p${row}/${name}`)?.data;
          const own = line.subarray(0, ids.length * shape[2]);
          if (expected) {
            const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
            expect(largestDifference(own, expected) / scale, `p${row}/${name}`).toBeLessThan(tolerance);
          }
          expect(own.some((value: number) => value !== 0)).toBe(true);
          expect(line.subarray(own.length).every((value: number) => value === 0)).toBe(true);
        }
      }
      const embedded = toTensor(tensors.get('hook_embed') ?? fail(), 'hook_embed');
      expect(embedded.data).toEqual(toTensor(tensors.get('blocks.0.hook_resid_pre') ?? fail(), 'pre').data);
    });
  });

  describe('locate-sets', () => {
    test('what a journal has is not measured again; the file is of this model', async () => {
      const about = { subject: 'PersonX', relation: 'xNeed', kind: 'commonsense' };
      const prompts = [
        { ...about, prompt: 'PersonX opens', target: 'it' },
        { ...about, prompt: 'PersonX sees' },
      ];
      const [out, journal] = ['sets.json', 'sets.jsonl'].map((name) => join(headless.folder, name));
      const args = ['--model', GPT2, '--prompts', headless.write("people's prompts.json", prompts), '--draws', '1'];
      const measure = async () => {
        const { code, lines, stderr } = await headless.run('locate-sets', ...args, '--journal', journal, '--out', out);
        expect(code, stderr.join('\n')).toBe(0);
        expect(lines).toMatchObject([{ relation: 'xNeed', kind: 'commonsense', n: 2 }]);
        return JSON.parse(await readFile(out, 'utf8')) as StoredSets;
      };
      const first = await measure();
      const kept = await readFile(journal, 'utf8');
      const broken = '{}\nnull\n["key"]\n["key", {"lines": {"a": 1}, "figures": {}}]\n["cut off';
      writeFileSync(journal, kept + broken);
      const second = await measure();
      expect(await readFile(journal, 'utf8')).toBe(kept + broken);
      expect({ ...second, computedAt: '' }).toEqual({ ...first, computedAt: '' });
      expect(first.command).toContain('--draws 1');
      expect(first.command).toContain(`--prompts '${headless.folder}/people'\\''s prompts.json' --`);
      expect(first.command).not.toContain('journal');
      const read = readSetFile(first, first.model.hash, 6);
      expect(read.settings).toMatchObject({ draws: 1, window: 3 });
      expect(read.kinds.commonsense.lines['effect.mlp'].mean).toHaveLength(6);
    });
  });

  test('locate-sets takes as many draws as any tracing', async () => {
    const prompts = headless.write('one.json', [{ prompt: 'A', subject: 'A', relation: 'r', kind: 'fact' }]);
    const args = ['--model', GPT2, '--prompts', prompts, '--out', join(headless.folder, 'one-set.json')];
    const fault = await headless.fail(2, 'locate-sets', ...args, '--draws', '101');
    expectFault(fault, 'invalid-input', ['--draws', 'a whole number from 1 to 100']);
  });

  describe('locate', () => {
    test('scores with stored noise, cosines and overlaps; without a target, what the model says', async () => {
      const { prompt, subject, tokens, answer, kinds } = readFixtureJson<{
        prompt: string;
        subject: string;
        tokens: string[];
        answer: string;
        kinds: { state: { low: number; high: number } };
      }>('golden/tracing/case0.json');
      const prompts = headless.write('prompts.json', [{ prompt, subject }]);
      const noise = ['--noise', fixture('golden/tracing/case0.safetensors')];
      const args = ['--model', GPT2, '--prompts', prompts, '--kinds', 'hidden', ...noise, '--out', headless.folder];
      const { code, lines, stderr } = await headless.run('locate', ...args);
      expect(code, stderr.join('\n')).toBe(0);
      expect(lines).toMatchObject([{ prompt, target: answer, targetFrom: 'model', spread: { hidden: {} } }]);
      const file = JSON.parse(await readFile(join(headless.folder, 'locate.json'), 'utf8')) as Located;
      expect(file.settings).toMatchObject({ draws: null, seed: null, sigmas: null, sigma: null });
      const [found] = file.prompts;
      expect(found.low).toBeCloseTo(kinds.state.low, 5);
      expect(found.high).toBeCloseTo(kinds.state.high, 5);
      expect(Object.keys(found.scores)).toEqual(['hidden']);
      expect(found.tokens).toEqual(tokens);
      const expected = readFixtureTensors('golden/tracing/case0.safetensors').get('scores/state')?.data ?? [];
      expect(largestDifference(found.scores['hidden'].flat(), expected)).toBeLessThan(1e-4);
      expect(found.cosines['attn']).toHaveLength(6);
      expect(found.overlaps['embedding']['block']).toHaveLength(6);
      const unknown = ['--model', GPT2, '--prompts', prompts, '--kinds', 'mlps', '--out', headless.folder];
      expectFault(await headless.fail(2, 'locate', ...unknown), 'invalid-input', ['"mlps"', 'hidden,mlp,attn']);
    });
  });

  describe('locate, measured otherwise', () => {
    const { prompt, subject, answer } = { prompt: 'PersonX opens the door', subject: 'the door', answer: 'now' };
    const args = () => {
      const prompts = headless.write('otherwise.json', [{ prompt, subject, target: answer }]);
      return ['locate', '--model', GPT2, '--prompts', prompts, '--out', join(headless.folder, 'otherwise')];
    };

    test('is recorded with every setting, and severed with the noise of the map', async () => {
      const how = ['--draws', '2', '--seed', '7', '--sigmas', '1.5', '--top-k', '5', '--severed', 'mlp,attn'];
      const { code, stderr } = await headless.run(...args(), '--kinds', 'hidden', ...how);
      expect(code, stderr.join('\n')).toBe(0);
      const text = await readFile(join(headless.folder, 'otherwise/locate.json'), 'utf8');
      const { settings, prompts } = JSON.parse(text) as Located;
      expect(settings).toEqual({
        ...{ kinds: ['hidden'], window: 10, draws: 2, seed: 7, sigmas: 1.5, sigma: settings.sigma, topK: 5 },
        severed: ['attn', 'mlp'],
      });
      const [{ draws, noiseLevel, overlaps, scores, low, severed, tokens }] = prompts;
      expect(draws).toBe(2);
      expect(noiseLevel).toBeCloseTo(1.5 * settings.sigma, 12);
      for (const overlap of Object.values(overlaps['lens']).flat()) expect((5 * overlap) % 1).toBeCloseTo(0, 12);
      for (const kind of ['mlp', 'attn']) {
        const { token, scores: held, logScores } = severed[kind];
        expect(token).toBe(tokens.length - 1);
        expect(held).toHaveLength(6);
        expect(logScores.filter((score) => score < 0)).toHaveLength(6);
        // Behind the last layer nothing is left to be held: that is a cell of the map, if the noise is the map's.
        expect(held[5]).toBeCloseTo(scores['hidden'][token][5], 10);
        expect(held[5]).not.toBeCloseTo(low, 6);
      }
      expect(severed['mlp'].scores).not.toEqual(severed['attn'].scores);
    });

    test('reads every prompt before the first is traced, and names the one that it cannot read', async () => {
      const bad = [
        { prompt, subject, target: answer },
        { prompt, subject: 'the key' },
      ];
      const out = join(headless.folder, 'unread');
      const fault = await headless.fail(
        2,
        ...['locate', '--model', GPT2, '--prompts', headless.write('bad.json', bad), '--out', out],
      );
      expectFault(fault, 'invalid-request', ['prompt 2: "the key" is not in the prompt']);
    });

    test.each([
      ['--draws', '101', 'a whole number from 1 to 100'],
      ['--draws', '2.5', 'a whole number from 1 to 100'],
      ['--seed', '-1', 'a whole number from 0 to 2147483647'],
      ['--sigmas', '0', 'a number from 0.01 to 20'],
      ['--top-k', '1001', 'a whole number from 1 to 1000'],
      ['--severed', 'hidden', 'attn,mlp'],
    ])('%s %s is refused', async (option, value, advice) => {
      const fault = await headless.fail(2, ...args(), `${option}=${value}`);
      expectFault(fault, 'invalid-input', [option, JSON.stringify(value), advice]);
    });
  });

  describe('what is refused, with exit code, code, values and advice', () => {
    test.each<[string, number, readonly string[], string, readonly string[]]>([
      ['no command', 2, [], 'invalid-input', ['no command was given', 'describe, generate, forward, edit']],
      ['an unknown command', 2, ['toString'], 'invalid-input', ['toString is unknown']],
      [
        'a missing option',
        2,
        ['generate', '--model', GPT2],
        'invalid-input',
        ['--prompt is missing', 'usage: generate'],
      ],
      [
        'an unknown option',
        2,
        ['describe', '--modle', GPT2],
        'invalid-input',
        ['--modle', 'usage: describe --model DIR'],
      ],
      [
        'a missing folder',
        2,
        ['describe', '--model', '/nowhere'],
        'missing-file',
        ['/nowhere/config.json', 'check the path'],
      ],
      [
        'another kind of model',
        2,
        ['describe', '--model', fixture('models/qwen2')],
        'unsupported-model',
        ['"qwen2"', 'gpt2'],
      ],
      [
        'an unknown device',
        2,
        ['describe', '--model', GPT2, '--device', 'tpu'],
        'invalid-input',
        ['--device is tpu', 'wasm or webgpu'],
      ],
      [
        'an unknown precision',
        2,
        ['describe', '--model', GPT2, '--precision', 'half'],
        'invalid-input',
        ['--precision is half', 'auto or float32'],
      ],
      [
        'float64 on WebGPU',
        2,
        ['describe', '--model', GPT2, '--device', 'webgpu', '--precision', 'float64'],
        'invalid-input',
        ['WebGPU has no float64'],
      ],
      [
        'half a thread',
        2,
        ['describe', '--model', GPT2, '--threads', '1.5'],
        'invalid-input',
        ['--threads is "1.5"', 'whole number from 1 to 64'],
      ],
      [
        'an empty prompt',
        2,
        ['generate', '--model', GPT2, '--prompt', ''],
        'invalid-request',
        ['the prompt has no tokens'],
      ],
      [
        'a prompt beyond the context',
        2,
        ['generate', '--model', GPT2, '--prompt', 'a '.repeat(200)],
        'context-overflow',
        ['at most 96'],
      ],
      [
        'a number that is none',
        2,
        ['generate', '--model', GPT2, '--prompt', 'a', '--tokens', 'many'],
        'invalid-input',
        ['--tokens is "many"'],
      ],
      [
        'an edit that isn’t there',
        2,
        ['generate', '--model', GPT2, '--prompt', 'a', '--edit', '/nowhere'],
        'missing-file',
        ['/nowhere/patches.safetensors'],
      ],
    ])('%s', async (_, exit, args, code, texts) => {
      expectFault(await headless.fail(exit, ...args), code, texts);
    });

    test.each<[string, unknown, string, readonly string[]]>([
      ['no JSON', undefined, 'invalid-input', ['that are not JSON']],
      ['no list of lists', [1, 2], 'invalid-input', ['it is not a list of lists']],
      ['an empty row', [[1], []], 'invalid-input', ['a row is empty']],
      ['an id beyond the vocabulary', [[1, 1000]], 'invalid-input', ['it holds 1000', '[0, 999]']],
      ['an id that is no number', [['1']], 'invalid-input', ['it holds "1"']],
      ['a row beyond the context', [Array(97).fill(1)], 'context-overflow', ['97 tokens', 'at most 96']],
    ])('ids with %s', async (_, ids, code, texts) => {
      const path = headless.write('ids.json', ids ?? 0);
      if (ids === undefined) writeFileSync(path, '[[1, 2');
      const args = ['--model', GPT2, '--ids', path, '--hooks', 'logits', '--out', join(headless.folder, 'x')];
      expectFault(await headless.fail(2, 'forward', ...args), code, texts);
    });

    test.each([
      ['a hook that doesn’t exist', 'blocks.0.hook_z', ['"blocks.0.hook_z" is unknown', 'attn.hook_z_flat']],
      ['a layer that doesn’t exist', 'blocks.6.hook_mlp_out', ['6 layers', 'below 6']],
    ])('%s', async (_, hooks, texts) => {
      const args = ['--ids', headless.write('one.json', [[1]]), '--hooks', hooks, '--out', join(headless.folder, 'x')];
      expectFault(await headless.fail(2, 'forward', '--model', GPT2, ...args), 'invalid-input', texts);
    });

    test('a place where nothing can be written', async () => {
      const args = ['--ids', headless.write('one.json', [[1]]), '--hooks', 'logits', '--out', '/nowhere/x.safetensors'];
      const fault = await headless.fail(2, 'forward', '--model', GPT2, ...args);
      expect(fault).toMatchObject({ code: 'invalid-input', what: 'write /nowhere/x.safetensors' });
    });
  });
});

// ---

/** What `locate.json` holds, as far as it is read here. */
interface Located {
  readonly settings: { readonly sigma: number };
  readonly prompts: readonly {
    readonly tokens: readonly string[];
    readonly low: number;
    readonly high: number;
    readonly draws: number;
    readonly noiseLevel: number;
    readonly severed: Readonly<
      Record<string, { readonly token: number; readonly scores: number[]; readonly logScores: number[] }>
    >;
    readonly scores: Readonly<Record<string, readonly number[][]>>;
    readonly cosines: Readonly<Record<string, readonly number[]>>;
    readonly overlaps: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  }[];
}

/** A fault of this code, whose message says these things in the grammar of all messages. */
function expectFault({ code, error, what, found, advice }: Fault, expected: string, texts: readonly string[]): void {
  expect(code).toBe(expected);
  for (const text of texts) expect(error).toContain(text);
  expect(error).toBe(`cannot ${what}: ${found}; ${advice}`);
}

function fail(): never {
  throw new Error('the tensor is missing');
}
