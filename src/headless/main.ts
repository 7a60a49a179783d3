import { toEditorError, type ErrorCode } from '../base/errors.ts';
import type { Progress } from '../base/tasks.ts';
import { readArguments, type Arguments } from './arguments.ts';
import { describe } from './describe.ts';
import { edit } from './edit.ts';
import { forward } from './forward.ts';
import { generate } from './generate.ts';
import { locateSets } from './locate-sets.ts';
import { locate } from './locate.ts';
import type { Output } from './output.ts';

/** The commands and their usage, as the README has it; see `readArguments`. */
const COMMANDS = {
  describe: { run: describe, usage: '--model DIR' },
  generate: {
    run: generate,
    usage:
      '--model DIR --prompt TEXT [--tokens 20] [--seed 0] [--edit DIR ...] [--alpha 1] [--temperature 0] [--top-k 0] [--top-p 1]',
  },
  forward: { run: forward, usage: '--model DIR --ids FILE.json --hooks NAME,... --out FILE.safetensors' },
  edit: {
    run: edit,
    usage:
      '--model DIR --requests FILE.json --method dem|dem+ --out DIR [--hparams FILE.json] [--templates FILE.json] [--covariance FILE.safetensors] [--corpus FILE.txt] [--sequential]',
  },
  locate: {
    run: locate,
    usage:
      '--model DIR --prompts FILE.json [--kinds hidden,mlp,attn] [--window 10] [--draws 10] [--seed 1] [--sigmas 3] [--noise FILE.safetensors] [--top-k 50] [--severed mlp,attn] --out DIR',
  },
  'locate-sets': {
    run: locateSets,
    usage:
      '--model DIR [--prompts FILE.json] [--each N] [--draws 10] [--window LAYERS] [--journal FILE.jsonl] --out FILE.json',
  },
} satisfies Record<string, { run: (args: Arguments, output: Output) => Promise<void>; usage: string }>;

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
  note: (text) => process.stderr.write(`${text}\n`),
};

process.exit(await main(process.argv.slice(2)));

// ---

/** Runs one command. Results are JSON lines on stdout, progress and errors lines on stderr. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const usages = Object.fromEntries(Object.entries(COMMANDS).map(([name, { usage }]) => [name, usage]));
    const args = readArguments(argv, usages);
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
