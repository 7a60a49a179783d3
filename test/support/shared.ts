import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import type { Tensor } from '../../src/base/tensor.ts';
import { readJsonFile, readLinesFile, readTensorFile } from './files.ts';

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

/** A JSON fixture, as `readJsonFile` reads it. */
export function readFixtureJson<T = unknown>(path: string): T {
  return readJsonFile<T>(fixture(path));
}

/** Lines of a text fixture that aren't empty. */
export function readFixtureLines(path: string): string[] {
  return readLinesFile(fixture(path));
}

/** All tensors of a fixture file, in float64. */
export function readFixtureTensors(path: string): Map<string, Tensor<'float64'>> {
  return readTensorFile(fixture(path));
}

/** `describe` where the fixtures are; elsewhere a group of one test, skipped with the reason, which the run prints at its end. */
export function sharedOrSkip(): (name: string, define: () => void) => void {
  if (existsSync(`${SHARED}/fixtures`)) return describe;
  return (name) => describe(name, () => test('needs fixtures', ({ skip }) => skip(`${SHARED}/fixtures is missing`)));
}
