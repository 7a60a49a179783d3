import { EditorError } from '../base/errors.ts';
import type { Device } from '../device/device.ts';
import { isRecord, showJson } from '../store/json.ts';
import { PERSON_VARIANTS } from './decoupling.ts';
import { KNOWLEDGE_KINDS, type CompleteSetSettings, type RelationSummaries } from './relations.ts';
import { summarizeSet, type LineSummary, type SetSummary } from './sets.ts';
import type { Interval } from './spread.ts';

/** Files of the shipped model, beside its weights: what its sets ask, and what was measured with them. */
export const SET_FILES = { prompts: 'locate-prompts.json', sets: 'located.json' } as const;

/** Sets as they were measured earlier, and how; none of a person's own are among them. Plain data. */
export interface StoredSets extends RelationSummaries {
  readonly schema: 1;
  readonly model: { readonly name: string; readonly hash: string };
  /** ISO 8601, UTC. */
  readonly computedAt: string;
  /** What computes them again. */
  readonly command: string;
  readonly device: Device['kind'];
  readonly float: Device['float'];
  readonly settings: CompleteSetSettings;
}

/** As JSON: four digits of every figure, a line for each set. Numbers that are none become null. */
export function writeSetFile({ relations, kinds: { commonsense, fact }, decoupling, ...about }: StoredSets): string {
  const lines = (entries: readonly string[], [open, close]: string) => `${open}\n${entries.join(',\n')}\n${close}`;
  const byName = (sets: object) =>
    lines(
      Object.entries(sets).map(([name, set]) => `${JSON.stringify(name)}:${toJson(set)}`),
      '{}',
    );
  const parts = {
    relations: lines(relations.map(toJson), '[]'),
    ...{ kinds: byName({ commonsense, fact }), decoupling: byName(decoupling) },
  };
  const sets = Object.entries(parts).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  return `${JSON.stringify(about, null, 1).slice(0, -2)},\n${sets.join(',\n')}\n}\n`;
}

/**
 * Checks what such a file holds.
 *
 * @param hash     of the model that is open: figures of another are none of its
 * @param n_layers its layers
 * @throws EditorError `invalid-input` for another shape; `hash-mismatch` for another model
 */
export function readSetFile(input: unknown, hash: string, n_layers: number): StoredSets {
  const file = recordAt(input, 'the file');
  if (file['schema'] !== 1) throw invalid(`its schema is ${showJson(file['schema'])}, not 1`);
  const model = recordAt(file['model'], 'model');
  for (const name of ['computedAt', 'command', 'device', 'float']) textAt(file[name], name);
  textAt(model['name'], 'model.name');
  recordAt(file['settings'], 'settings');
  if (textAt(model['hash'], 'model.hash') !== hash) {
    const found = `they are of a model whose fingerprint begins ${String(model['hash']).slice(0, 12)}`;
    throw new EditorError('hash-mismatch', 'use the stored sets', found, 'measure them again on this model', { hash });
  }
  const set = (value: unknown, place: string) => readSummary(value, place, n_layers);
  const [kinds, decoupling] = (['kinds', 'decoupling'] as const).map((part) => {
    const sets = recordAt(file[part], part);
    const names = part === 'kinds' ? KNOWLEDGE_KINDS : PERSON_VARIANTS;
    return Object.fromEntries(names.map((name) => [name, set(sets[name], `${part}.${name}`)]));
  });
  const relations = listAt(file['relations'], 'relations').map((value, i) => {
    const { relation, kind, summary } = recordAt(value, `relations[${i}]`);
    const place = `relations[${i}] (${textAt(relation, `relations[${i}].relation`)})`;
    if (!KNOWLEDGE_KINDS.some((each) => each === kind)) throw invalid(`${place} has the kind ${showJson(kind)}`);
    return { relation, kind, summary: set(summary, place) };
  });
  return { ...file, kinds: { ...kinds, own: summarizeSet([]) }, decoupling, relations } as unknown as StoredSets;
}

// ---

function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Float64Array) return [...part];
    return typeof part === 'number' ? Number(part.toPrecision(4)) : part;
  });
}

function readSummary(value: unknown, place: string, n_layers: number): SetSummary {
  const set = recordAt(value, place);
  const lines = Object.entries(recordAt(set['lines'], `${place}.lines`)).map(([name, line]): [string, LineSummary] => {
    const { mean, band, n } = recordAt(line, `${place}.lines.${name}`);
    const numbers = (key: string, part: unknown, orNone = false) => {
      const list = listAt(part, `${place}.lines.${name}.${key}`);
      if (list.length !== n_layers) throw invalid(`${place}: ${name} has ${list.length} layers, the model ${n_layers}`);
      return Float64Array.from(list, (each) => (orNone && each === null ? NaN : numberAt(each, `${place}: ${name}`)));
    };
    return [
      name,
      { mean: numbers('mean', mean), band: numbers('band', band, true), n: numberAt(n, `${place}: ${name}`) },
    ];
  });
  const figures = Object.entries(recordAt(set['figures'], `${place}.figures`)).map(
    ([name, figure]): [string, Interval] => {
      const { mean, low, high, n } = recordAt(figure, `${place}.figures.${name}`);
      const end = (edge: unknown) => (edge === null ? null : numberAt(edge, `${place}: ${name}`));
      const interval = { mean: numberAt(mean, `${place}: ${name}`), low: end(low), high: end(high) };
      return [name, { ...interval, n: numberAt(n, `${place}: ${name}`) }];
    },
  );
  return {
    n: numberAt(set['n'], `${place}.n`),
    lines: Object.fromEntries(lines),
    figures: Object.fromEntries(figures),
  };
}

function recordAt(value: unknown, place: string): Record<string, unknown> {
  if (isRecord(value)) return value;
  throw invalid(`${place} is ${showJson(value)}`);
}

function listAt(value: unknown, place: string): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw invalid(`${place} is ${showJson(value)}`);
}

function textAt(value: unknown, place: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`${place} is ${showJson(value)}`);
}

function numberAt(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(`${place} is ${showJson(value)}`);
}

function invalid(found: string): EditorError {
  return new EditorError('invalid-input', 'read the stored sets', found, 'measure them again');
}
