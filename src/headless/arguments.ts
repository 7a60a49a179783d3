import { parseArgs, type ParseArgsConfig } from 'node:util';
import { EditorError } from '../base/errors.ts';

/** Options of a command line: names without dashes, values as given; repeatable ones as lists. */
export interface Arguments {
  readonly command: string;
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

/** What every command takes besides its own options; see `runtime.ts`. */
export const COMMON_USAGE = '[--device wasm|webgpu] [--precision auto|float32|float64] [--threads 1]';

/**
 * Reads a command line.
 *
 * @param usages by command, as they are printed: `--name VALUE` is required, `[--name VALUE]` may be left out,
 *   `[--name VALUE ...]` takes several values or may be repeated, `[--name]` is a flag
 * @throws EditorError `invalid-input` for an unknown command, an unknown or a missing option
 */
export function readArguments(argv: readonly string[], usages: Readonly<Record<string, string>>): Arguments {
  const [command = '', ...rest] = argv;
  if (!Object.hasOwn(usages, command)) {
    const known = Object.keys(usages).join(', ');
    throw invalid(command === '' ? 'no command was given' : `the command ${command} is unknown`, `use one of ${known}`);
  }
  const usage = `${usages[command]} ${COMMON_USAGE}`;
  const advice = `usage: ${command} ${usage}`;
  const options = readUsage(usage);
  const values = parse(rest, options, advice);
  const missing = options.filter(({ name, required }) => required && values[name] === undefined);
  if (missing.length > 0) throw invalid(`--${missing.map(({ name }) => name).join(', --')} is missing`, advice);
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
  return readNumber(args, name, fallback, low, high, false);
}

/** As `numberOf`, for whole numbers. */
export function wholeOf(args: Arguments, name: string, fallback: number, low: number, high: number): number {
  return readNumber(args, name, fallback, low, high, true);
}

/** All values of a repeatable option. */
export function listOf({ values }: Arguments, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value : [];
}

// ---

interface Option {
  readonly name: string;
  readonly required: boolean;
  readonly flag: boolean;
  readonly repeated: boolean;
}

function readUsage(usage: string): Option[] {
  return [...usage.matchAll(/(\[?)--([\w-]+)( [^\s\]]+)?( \.\.\.)?/g)].map(([, bracket, name, value, dots]) => {
    return { name, required: bracket === '', flag: value === undefined, repeated: dots !== undefined };
  });
}

function parse(argv: readonly string[], options: readonly Option[], advice: string): Arguments['values'] {
  const config: ParseArgsConfig['options'] = Object.fromEntries(
    options.map(({ name, flag, repeated }) => [name, { type: flag ? 'boolean' : 'string', multiple: repeated }]),
  );
  try {
    const { values } = parseArgs({ args: spread(argv, options), options: config, strict: true });
    return values as Arguments['values'];
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error), advice);
  }
}

/** `--edit A B` as `--edit A --edit B`. */
function spread(argv: readonly string[], options: readonly Option[]): string[] {
  const repeated = new Set(options.flatMap((option) => (option.repeated ? [`--${option.name}`] : [])));
  let open: string | undefined;
  return argv.flatMap((word, i) => {
    if (word.startsWith('-')) open = repeated.has(word) ? word : undefined;
    else if (open !== undefined && argv[i - 1] !== open) return [open, word];
    return [word];
  });
}

function readNumber(
  args: Arguments,
  name: string,
  fallback: number,
  low: number,
  high: number,
  whole: boolean,
): number {
  const text = args.values[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  const fine = value >= low && value <= high && (!whole || Number.isInteger(value));
  if (typeof text === 'string' && text.trim() !== '' && fine) return value;
  const kind = whole ? 'whole number' : 'number';
  throw invalid(`--${name} is ${JSON.stringify(text)}`, `give a ${kind} from ${low} to ${high}`);
}

function invalid(found: string, advice: string): EditorError {
  return new EditorError('invalid-input', 'read the command line', found, advice);
}
