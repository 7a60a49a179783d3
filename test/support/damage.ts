import fc from 'fast-check';
import { EditorError, ERROR_CODES, type ErrorCode } from '../../src/base/errors.ts';
import { expect } from 'vitest';

/** Values of JSON that code is prone to stumble over, and any others. */
const STRANGE: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 0.5, 1e308, 2 ** 53, '', '0', '__proto__', [], [[]], {}),
  fc.constantFrom<unknown>({ toString: 1, valueOf: 1 }, { length: 3 }, { type: 'Sequence' }, { type: 'ByteLevel' }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Copies of a JSON value with one to three of its parts replaced by something else, left out or added. */
export function damaged(whole: unknown): fc.Arbitrary<unknown> {
  const places = pathsOf(whole);
  const change = fc.record({ at: fc.constantFrom(...places), value: fc.option(STRANGE, { nil: undefined }) });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const found = changes.reduce((json, { at, value }) => replaced(json, at, value), whole);
    return JSON.parse(JSON.stringify(found ?? null)) as unknown;
  });
}

/** Calls that may end in a coded error of these and in nothing else. Returns what the call gave; undefined after an error. */
export function orRefused<T>(call: () => T, ...codes: ErrorCode[]): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof EditorError)) throw error;
    expect(codes.length > 0 ? codes : ERROR_CODES).toContain(error.code);
    expect(error.message.length).toBeLessThan(10_000);
    return undefined;
  }
}

// ---

type Path = readonly string[];

/** Places in a JSON value; of long lists and objects a few. */
function pathsOf(json: unknown, path: Path = []): Path[] {
  if (typeof json !== 'object' || json === null) return [path];
  const keys = Object.keys(json);
  const some = keys.length > 20 ? [...keys.slice(0, 3), ...keys.slice(-3)] : keys;
  return [path, ...some.flatMap((key) => pathsOf((json as Record<string, unknown>)[key], [...path, key]))];
}

/** Undefined takes the part out. A part that an earlier change has taken away stays away. */
function replaced(json: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  if (typeof json !== 'object' || json === null) return json;
  const copy = (Array.isArray(json) ? [...(json as unknown[])] : { ...json }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, value);
  return copy;
}
