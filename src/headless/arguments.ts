import { parseArgs } from 'node:util';
import { EditorError } from '../base/errors.ts';

/** Options of a command line: names without dashes, values as given; repeatable ones as lists. */
export interface Arguments {
  readonly command: string;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** What a command takes. */
export interface CommandOptions {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly flags?: readonly string[];
  readonly repeated?: readonly string[];
}

/**
 * Reads a command line.
 *
 * @param commands by name; every one also takes `--device wasm|webgpu` and `--threads n`
 * @throws EditorError `invalid-input` for an unknown command, an unknown or a missing option
 */
export function readArguments(argv: readonly string[], commands: Readonly<Record<string, CommandOptions>>): Arguments {
  const [command = '', ...rest] = argv;
  const options = commands[command];
  if (!options) {
    const known = Object.keys(commands).join(', ');
    throw invalid(command === '' ? 'no command was given' : `the command ${command} is unknown`, `use one of ${known}`);
  }
  const { required, optional, flags = [], repeated = [] } = options;
  const names = [...required, ...optional, 'device', 'threads'];
  const usage = `${command} takes ${[...required, ...optional, ...flags, ...repeated].map((name) => `--${name}`).join(', ')}`;
  const values = parse(rest, names, flags, repeated, usage);
  const missing = required.filter((name) => values[name] === undefined);
  if (missing.length > 0) throw invalid(`--${missing.join(', --')} is missing`, usage);
  return { command, values };
}

/** A text option; the fallback when it isn't given. */
export function textOf({ values }: Arguments, name: string, fallback = ''): string {
  const value = values[name];
  return typeof value === 'string' ? value : fallback;
}

/**
 * A number option; the fallback when it isn't given.
 *
 * @throws EditorError `invalid-input` when it isn't a number in the range
 */
export function numberOf(args: Arguments, name: string, fallback: number, low: number, high: number): number {
  const text = args.values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  if (typeof text === 'string' && text.trim() !== '' && value >= low && value <= high) return value;
  throw invalid(`--${name} is ${JSON.stringify(text)}`, `give a number from ${low} to ${high}`);
}

/** All values of a repeatable option. */
export function listOf({ values }: Arguments, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value : [];
}

// ---

function parse(
  argv: readonly string[],
  names: readonly string[],
  flags: readonly string[],
  repeated: readonly string[],
  usage: string,
): Arguments['values'] {
  const text = (list: readonly string[], extra: object) =>
    list.map((name) => [name, { type: 'string', ...extra }] as const);
  const options = Object.fromEntries([
    ...text(names, {}),
    ...text(repeated, { multiple: true }),
    ...flags.map((name) => [name, { type: 'boolean' }] as const),
  ]);
  try {
    return parseArgs({ args: [...argv], options: options as never, allowPositionals: false, strict: true }).values;
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), usage);
  }
}

function invalid(found: string, advice: string): EditorError {
  return new EditorError('invalid-input', 'read the command line', found, advice);
}
