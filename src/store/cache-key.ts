import { invariant } from '../base/errors.ts';

/** What a key may be made of. */
export type KeyPart =
  string | number | boolean | null | readonly KeyPart[] | { readonly [name: string]: KeyPart | undefined };

/**
 * The key of a value that could be computed again: everything that it depends on, in one canonical text. Change anything
 * and it is another key; the order of the fields doesn't matter. The key can be read, so a stored value says what it
 * was made from.
 *
 * @param inputs `model` is the content hash of the model; beside it whatever the value depends on (site, corpus, token
 *   count, dtype, hyperparameters …). An undefined field is left out.
 */
export function cacheKey(inputs: { readonly model: string; readonly [name: string]: KeyPart | undefined }): string {
  return canonical({ ...inputs, code: CODE_VERSION });
}

/** The model whose value a key of `cacheKey` names; null for every other key. */
export function modelOfKey(key: string): string | null {
  return /^\{.*"model":"(\w+)"/.exec(key)?.[1] ?? null;
}

// ---

/** Raise it when a change of the code changes what kept values mean: nothing computed before is then found. */
const CODE_VERSION = 1;

function canonical(part: KeyPart): string {
  if (typeof part === 'number') invariant(Number.isFinite(part), 'make a cache key', `a number is ${part}`);
  if (typeof part !== 'object' || part === null) return JSON.stringify(part);
  if (isList(part)) return `[${part.map(canonical).join(',')}]`;
  const fields = Object.entries(part)
    .filter((field): field is [string, KeyPart] => field[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${canonical(value)}`).join(',')}}`;
}

/** `Array.isArray` doesn't know readonly arrays. */
function isList(part: KeyPart): part is readonly KeyPart[] {
  return Array.isArray(part);
}
