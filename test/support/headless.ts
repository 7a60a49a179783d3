import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import type { ErrorRecord } from '../../src/base/errors.ts';

/** What a command left behind. */
export interface Outcome {
  readonly code: number | null;
  /** Each line of stdout, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly stderr: readonly string[];
}

/** The last line of stderr, parsed: what a failed command says. */
export type Fault = ErrorRecord & { readonly error: string };

/** The headless build, made of the sources as they are now. Each test file has its own, because files run side by side. */
export class Headless {
  /** A folder of this run's own. */
  readonly folder = mkdtempSync(join(tmpdir(), 'palimpsest-'));
  readonly #main: string;

  constructor(name: string) {
    const out = resolve(`.cache/tests/headless-${name}`);
    const args = ['build', '--mode', 'headless', '--logLevel', 'error', '--outDir', out];
    const { status, stderr } = spawnSync('node_modules/.bin/vite', args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    this.#main = join(out, 'main.js');
  }

  /** Runs a command in a process of its own, as `npm run headless` does. */
  run(...args: readonly string[]): Promise<Outcome> {
    return runProcess(process.execPath, ['--liftoff-only', this.#main, ...args]);
  }

  /** Runs a command that must fail with this exit code; its last line on stderr, and nothing on stdout. */
  async fail(code: number, ...args: readonly string[]): Promise<Fault> {
    const outcome = await this.run(...args);
    expect(outcome.code, outcome.stderr.join('\n')).toBe(code);
    expect(outcome.lines).toEqual([]);
    return JSON.parse(outcome.stderr.at(-1) ?? '') as Fault;
  }

  /** A JSON file in this run's folder. */
  write(name: string, content: unknown): string {
    const path = join(this.folder, name);
    writeFileSync(path, JSON.stringify(content));
    return path;
  }
}

/** Runs a program. Every line of its stdout must be JSON. */
export async function runProcess(program: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  const code = await new Promise<number | null>((done, failed) => child.on('close', done).on('error', failed));
  const stdout = out.join('');
  expect(stdout === '' || stdout.endsWith('\n')).toBe(true);
  return {
    code,
    lines: stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>),
    stderr: err.join('').trimEnd().split('\n'),
  };
}
