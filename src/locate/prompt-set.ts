import { EditorError } from '../base/errors.ts';
import type { Model } from '../model/model.ts';
import { isRecord, parseJson, showJson } from '../store/json.ts';
import { readRequest, type LocateRequest } from './case.ts';
import { KNOWLEDGE_KINDS, onBothSides, type RelationPrompt } from './relations.ts';

/** Prompts that sets are measured on, and where they come from. Plain data. */
export interface PromptSet {
  /** The name of a person's own file; null for those that came with the model. */
  readonly file: string | null;
  readonly prompts: readonly RelationPrompt[];
}

/** Prompts that a file may have: more would take hours. */
export const MOST_PROMPTS = 2000;

/** Bytes that it may have. */
export const MOST_BYTES = 4_000_000;

/**
 * Checks a person's own file, `[{prompt, subject, target?, relation?, kind?}]` in JSON. Prompts without a relation make one
 * together, named for the file; those without a kind are on neither side of the comparison.
 *
 * @param model its tokenizer and its context decide what can be read
 * @throws EditorError `invalid-input` naming every fault; its values are the file, how many there are, and the first of
 *   them as "3 subject elsewhere" with a detail
 */
export function readPromptSet(model: Model, file: string, bytes: Uint8Array): PromptSet {
  if (bytes.length > MOST_BYTES) throw invalid(file, [{ kind: 'file large', detail: bytes.length }]);
  const json = parseJson(bytes);
  if ('fault' in json) throw invalid(file, [{ kind: 'file form', detail: json.fault }]);
  const list: readonly unknown[] = Array.isArray(json.value) ? (json.value as unknown[]) : [json.value];
  if (list.length === 0) throw invalid(file, [{ kind: 'list empty', detail: 0 }]);
  if (list.length > MOST_PROMPTS) throw invalid(file, [{ kind: 'list long', detail: list.length }]);
  const faults = list.flatMap((entry, i) => faultsOf(model, entry).map((fault) => ({ ...fault, prompt: i + 1 })));
  if (faults.length > 0) throw invalid(file, faults);
  const relation = file.replace(/\.json$/i, '') || file;
  const prompts = (list as Record<string, string>[]).map(
    (entry) => ({ relation, kind: 'own', ...entry }) as unknown as RelationPrompt,
  );
  const torn = tornFaults(prompts);
  if (torn.length > 0) throw invalid(file, torn);
  return { file, prompts };
}

// ---

interface Fault {
  /** Which one, counted from 1; none for a fault of the whole file. */
  readonly prompt?: number;
  readonly kind: string;
  readonly detail: string | number;
}

/** Faults whose details the error carries. */
const TOLD = 12;

function faultsOf(model: Model, entry: unknown): Fault[] {
  if (!isRecord(entry)) return [{ kind: 'prompt none', detail: showJson(entry) }];
  const { prompt, subject, target = 'any', relation = 'any', kind = KNOWLEDGE_KINDS[0] } = entry;
  const faults = Object.entries({ prompt, subject, target, relation }).flatMap(([part, text]): Fault[] =>
    typeof text === 'string' && text.trim() !== '' ? [] : [{ kind: `${part} none`, detail: showJson(text) }],
  );
  const known = KNOWLEDGE_KINDS.some((each) => each === kind);
  return [
    ...(faults.length > 0 ? faults : textFaults(model, entry as unknown as LocateRequest)),
    ...(known ? [] : [{ kind: 'kind unknown', detail: showJson(kind) }]),
  ];
}

/** What only the model's tokenizer can tell. */
function textFaults(model: Model, request: LocateRequest): Fault[] {
  try {
    readRequest(model, request);
    return [];
  } catch (error) {
    if (!(error instanceof EditorError)) throw error;
    const { code, values } = error;
    if (code === 'context-overflow') return [{ kind: 'prompt long', detail: values['tokens'] ?? values['characters'] }];
    return [{ kind: 'subject elsewhere', detail: request.subject }];
  }
}

/** A relation stands on one side. */
function tornFaults(prompts: readonly RelationPrompt[]): Fault[] {
  return onBothSides(prompts).map((i) => ({ prompt: i + 1, kind: 'relation torn', detail: prompts[i].relation }));
}

function invalid(file: string, faults: readonly Fault[]): EditorError {
  const told = faults.map(({ prompt, kind, detail }) => [`${prompt ?? 0} ${kind}`, detail] as const);
  const found = told.map(([kind, detail]) => `${kind} (${detail})`).join('; ');
  const values = { file, faults: faults.length, ...Object.fromEntries(told.slice(0, TOLD)) };
  const advice = 'give [{prompt, subject, target?, relation?, kind?}, …] as texts, the subject in its prompt';
  return new EditorError('invalid-input', `use the prompts of ${file}`, found, advice, values);
}
