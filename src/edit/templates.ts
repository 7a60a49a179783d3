import type { Watch } from '../base/tasks.ts';
import { EditorError } from '../base/errors.ts';
import { generate, type Sampling } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { Hparams } from './hparams.ts';
import { promptIds, type TemplateGroups } from './rows.ts';

/** Words that prefixes begin with, one each, as MEMIT and PMET have them.   [methods.md 2.4] */
const SEED_WORDS = ['The', 'Therefore', 'Because', 'I', 'You'];

/**
 * Context templates: the bare prompt, and prefixes sampled from the unedited model by top-k (k = 5) from a seed word each,
 * `prefixTokens` tokens in all. Sampled once with a seed and kept as strings in the edit.   [methods.md 2.4]
 */
export async function sampleTemplates(
  model: Model,
  { prefixes, prefixTokens, seed }: Pick<Hparams, 'prefixes' | 'prefixTokens' | 'seed'>,
  watch: Watch = {},
): Promise<TemplateGroups> {
  const sampled: string[] = [];
  for (let i = 0; i < prefixes; i++) {
    watch.progress?.({ stage: 'templates', done: i, total: prefixes, unit: 'steps' });
    const word = SEED_WORDS[i % SEED_WORDS.length];
    sampled.push(`${await prefixOf(model, word, prefixTokens, seed + i, watch)}. {}`);
  }
  return sampled.length > 0 ? [['{}'], sampled] : [['{}']];
}

/**
 * Templates from a file: a list of strings with one `{}` each, or groups of them.
 *
 * @throws EditorError `invalid-input`
 */
export function readTemplates(input: unknown): TemplateGroups {
  const list = Array.isArray(input) ? input : [];
  const groups: unknown[][] = list.every((entry) => typeof entry === 'string')
    ? list.map((entry) => [entry])
    : list.map((entry) => (Array.isArray(entry) ? entry : [entry]));
  const flat = groups.flat();
  const bad = flat.filter((entry) => typeof entry !== 'string' || entry.split('{}').length !== 2);
  if (flat.length > 0 && bad.length === 0) return groups as string[][];
  throw new EditorError(
    'invalid-input',
    'read the templates',
    faultOf(input, flat.length, bad[0]),
    'give a JSON list of strings with one {} each, or a list of such lists',
  );
}

// ---

function faultOf(input: unknown, count: number, bad: unknown): string {
  if (!Array.isArray(input)) return 'they are no list';
  return count === 0 ? 'the list is empty' : `${JSON.stringify(bad)} has not exactly one {}`;
}

/** What was sampled from a model, by what decides it: every edit with the same seed asks for the same prefixes. */
const known = new WeakMap<Model, Map<string, string>>();

async function prefixOf(model: Model, word: string, tokens: number, seed: number, watch: Watch): Promise<string> {
  const prefixes = known.get(model) ?? new Map<string, string>();
  known.set(model, prefixes);
  const key = `${word} ${tokens} ${seed}`;
  const prefix = prefixes.get(key) ?? (await samplePrefix(model, word, tokens, seed, watch));
  prefixes.set(key, prefix);
  return prefix;
}

async function samplePrefix(model: Model, word: string, tokens: number, seed: number, watch: Watch): Promise<string> {
  const sampling: Sampling = { temperature: 1, topK: 5, topP: 1, seed };
  const start = promptIds(model, word);
  const plain = model.tokenizer.encode(word, { specialTokens: false }).ids;
  const ids = [...plain];
  const options = { maxTokens: Math.max(0, tokens - plain.length), sampling, watch };
  for await (const { id } of generate(model, start, options)) ids.push(id);
  return clean(model.tokenizer.decode(ids, { skipSpecial: true }));
}

/** One line of plain text without braces: they would be taken for the place of the prompt. */
function clean(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[{}\p{Cc}]/gu, ' ')
    .split(/\s+/)
    .join(' ')
    .trim();
}
