import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

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

/** A JSON fixture. The caller names the type that the fixture's notes promise. */
export function readFixtureJson<T = unknown>(path: string): T {
  return JSON.parse(readFileSync(fixture(path), 'utf8')) as T;
}

/** `describe` where the fixtures are; elsewhere `describe.skip`, with the reason printed once. */
export function sharedOrSkip(): typeof describe | typeof describe.skip {
  if (existsSync(`${SHARED}/fixtures`)) return describe;
  if (!told) process.stderr.write(`skipped: the fixtures in ${SHARED}/fixtures are missing\n`);
  told = true;
  return describe.skip;
}

let told = false;
