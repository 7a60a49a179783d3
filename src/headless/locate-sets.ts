import { join } from 'node:path';
import { NOISE_DRAWS } from '../locate/noise.ts';
import { completeSettings, firstOfEach, measureRelations, readRelationPrompts } from '../locate/relations.ts';
import { SET_FILES, writeSetFile } from '../locate/set-file.ts';
import type { PromptFigures, SetJournal } from '../locate/sets.ts';
import { tracingRanges } from '../locate/tracing-settings.ts';
import { isRecord, parseJson } from '../store/json.ts';
import { textOf, wholeOf, type Arguments } from './arguments.ts';
import { appendLine, readJsonFile, readLines, writeWhole } from './disk.ts';
import { openModel, watchOf, type Output } from './output.ts';

/**
 * `locate-sets --model DIR --out FILE.json`: the sets that travel with a model, so that a page shows them at once. Asks what
 * lies beside the model unless `--prompts` names a file; one line per relation on stdout. With a journal, what an earlier
 * run computed isn't computed again.
 */
export async function locateSets(args: Arguments, output: Output): Promise<void> {
  const folder = textOf(args, 'model');
  const prompts = readRelationPrompts(await readJsonFile(textOf(args, 'prompts', join(folder, SET_FILES.prompts))));
  const journal = args.values['journal'] === undefined ? {} : await openJournal(textOf(args, 'journal'));
  const ranges = tracingRanges(Infinity);
  const draws = wholeOf(args, 'draws', NOISE_DRAWS, ranges.draws.low, ranges.draws.high);
  const window = wholeOf(args, 'window', 0, ranges.window.low, ranges.window.high);
  const model = await openModel(args, output);
  const { name, hash, device } = model;
  const settings = await completeSettings(model, prompts, { draws, ...(window > 0 ? { window } : {}) });
  const chosen = firstOfEach(prompts, wholeOf(args, 'each', prompts.length, 1, prompts.length));
  const sets = await measureRelations(model, chosen, settings, journal, watchOf(output));
  const about = { model: { name, hash }, computedAt: new Date().toISOString(), command: commandOf(args) };
  const { kind, float } = device;
  await writeWhole(textOf(args, 'out'), writeSetFile({ schema: 1, ...about, device: kind, float, settings, ...sets }));
  for (const { summary, ...of } of sets.relations) output.line({ ...of, n: summary.n, figures: summary.figures });
  await model.dispose();
}

// ---

/** What of the options decides the figures, as one would type it. */
function commandOf({ command, values }: Arguments): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    name !== 'journal' && typeof value === 'string' ? [`--${name} ${quoted(value)}`] : [],
  );
  return ['npm run --silent headless --', command, ...given].join(' ');
}

/** A value as a shell takes it for one. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** One prompt a line, `[key, figures]`; a line that is cut off or is anything else counts for nothing. */
async function openJournal(path: string): Promise<SetJournal> {
  const known = new Map<string, PromptFigures>();
  for (const line of await readLines(path)) {
    const json = parseJson(new TextEncoder().encode(line));
    if (!('value' in json)) continue;
    const entry = readEntry(json.value);
    if (entry) known.set(...entry);
  }
  const plain = (_: string, value: unknown) => (value instanceof Float64Array ? [...value] : value);
  return {
    known: (key) => known.get(key),
    keep: (key, figures) => appendLine(path, JSON.stringify([key, figures], plain)),
  };
}

/** Null for what no journal has written. */
function readEntry(value: unknown): [key: string, figures: PromptFigures] | null {
  const [key, stored] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof key !== 'string' || !isRecord(stored)) return null;
  const { lines, figures } = stored;
  if (!isRecord(lines) || !isRecord(figures) || !areNumbers(Object.values(figures))) return null;
  const typed: Record<string, Float64Array> = {};
  for (const [name, values] of Object.entries(lines)) {
    if (!Array.isArray(values) || !areNumbers(values)) return null;
    typed[name] = Float64Array.from(values);
  }
  return [key, { lines: typed, figures: figures as Record<string, number> }];
}

function areNumbers(values: readonly unknown[]): values is number[] {
  return values.every(Number.isFinite);
}
