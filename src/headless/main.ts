import { toEditorError, type ErrorCode } from '../base/errors.ts';
import type { Progress } from '../base/tasks.ts';
import { readArguments, type CommandOptions } from './arguments.ts';
import { describe } from './describe.ts';
import { edit } from './edit.ts';
import { forward } from './forward.ts';
import { generate } from './generate.ts';
import type { Output } from './output.ts';

/** The commands, as the README lists them. */
const COMMANDS = {
  describe: { run: describe, takes: { required: ['model'], optional: [] } },
  generate: {
    run: generate,
    takes: {
      required: ['model', 'prompt'],
      optional: ['tokens', 'seed', 'alpha', 'temperature', 'top-k', 'top-p'],
      repeated: ['edit'],
    },
  },
  forward: { run: forward, takes: { required: ['model', 'ids', 'hooks', 'out'], optional: [] } },
  edit: {
    run: edit,
    takes: {
      required: ['model', 'requests', 'method', 'out'],
      optional: ['hparams', 'templates', 'covariance', 'corpus'],
      flags: ['sequential'],
    },
  },
} satisfies Record<string, { run: (args: never, output: Output) => Promise<void>; takes: CommandOptions }>;

/** Faults of what was given, as opposed to faults of ours: exit code 2. */
const BAD_INPUT: readonly ErrorCode[] = [
  'context-overflow',
  'hash-mismatch',
  'ill-conditioned',
  'invalid-checkpoint',
  'invalid-hyperparameter',
  'invalid-input',
  'invalid-request',
  'invalid-tokenizer',
  'missing-file',
  'no-device',
  'not-finite',
  'unsupported-model',
];

const output: Output = {
  line: (result) => process.stdout.write(`${JSON.stringify(result)}\n`),
  progress: (report) => process.stderr.write(`${formatProgress(report)}\n`),
};

process.exit(await main(process.argv.slice(2)));

// ---

/** Runs one command. Results are JSON lines on stdout, progress and errors lines on stderr. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const takes = Object.fromEntries(Object.entries(COMMANDS).map(([name, command]) => [name, command.takes]));
    const args = readArguments(argv, takes);
    await COMMANDS[args.command as keyof typeof COMMANDS].run(args, output);
    return 0;
  } catch (thrown) {
    const error = toEditorError(thrown, 'finish');
    process.stderr.write(`${JSON.stringify({ error: error.message, ...error.toRecord() })}\n`);
    return BAD_INPUT.includes(error.code) ? 2 : 1;
  }
}

function formatProgress({ stage, done, total, unit, detail = {} }: Progress): string {
  const numbers = Object.entries(detail).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? value.toPrecision(4) : String(value)}`,
  );
  return [`${stage} ${done}/${total} ${unit}`, ...numbers].join('  ');
}
