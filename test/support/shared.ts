import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';

/**
 * Fixtures that are too large for the repository lie in `../shared` beside the project root: small models of several
 * families with numbers from PyTorch. Where the folder is missing, tests that need it are skipped and say so.
 */
export const SHARED = fileURLToPath(new URL('../../../shared', import.meta.url));

/** Where a fixture is: `fixture('models/gpt2/config.json')`. */
export function fixture(path: string): string {
  return `${SHARED}/fixtures/${path}`;
}

/** A fixture's bytes, in a buffer of their own. */
export function readFixture(path: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(fixture(path)));
}

/** A JSON fixture. The caller names the type that the fixture's notes promise. Python's NaN, which JSON hasn't, becomes null. */
export function readFixtureJson<T = unknown>(path: string): T {
  return JSON.parse(readFileSync(fixture(path), 'utf8').replace(/([:[,]\s*)NaN\b/g, '$1null')) as T;
}

/** Lines of a text fixture that aren't empty. */
export function readFixtureLines(path: string): string[] {
  return readFileSync(fixture(path), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** `describe` where the fixtures are; elsewhere a group of one test, skipped with the reason, which the run prints at its end. */
export function sharedOrSkip(): (name: string, define: () => void) => void {
  if (existsSync(`${SHARED}/fixtures`)) return describe;
  return (name) => describe(name, () => test('needs fixtures', ({ skip }) => skip(`${SHARED}/fixtures is missing`)));
}
