import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { targetText } from '../edit/request.ts';
import { encodePrompt } from '../edit/rows.ts';
import { checkContext } from '../model/batch.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { indexOfMax, nextDistributions } from '../model/score.ts';
import { isRecord } from '../store/json.ts';
import { findLookupIndex } from '../text/lookup.ts';

/** A prompt, the part of it that is disturbed, and the free text whose probability is watched. */
export interface LocateRequest {
  /** As the model reads it; a `{}` in it stands for the subject. */
  readonly prompt: string;
  readonly subject: string;
  /** Without one, the model's own next token. */
  readonly target?: string;
  /** The target as tokens instead: what a model itself has said need not begin with a space. */
  readonly targetIds?: readonly number[];
}

/** A request as tokens. Plain data. */
export interface LocateCase {
  readonly prompt: string;
  readonly subject: string;
  readonly target: string;
  /** Whether the target was asked for or is what the model says. */
  readonly targetFrom: 'request' | 'model';
  /** The prompt's ids, special ones included, and each as text. */
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
  /** The subject's first token and the one after its last. */
  readonly subjectRange: readonly [number, number];
  readonly targetIds: readonly number[];
}

/**
 * Checks what a file or a form holds: `[{prompt, subject, target?}]`.
 *
 * @throws EditorError `invalid-request` naming every fault
 */
export function readLocateRequests(input: unknown): LocateRequest[] {
  const list = Array.isArray(input) ? (input as unknown[]) : [input];
  const faults = list.flatMap((entry, i) => {
    const { prompt, subject, target = 'any', targetIds = [] } = isRecord(entry) ? entry : {};
    const missing = Object.entries({ prompt, subject, target }).filter(
      ([, text]) => typeof text !== 'string' || text.trim() === '',
    );
    const ids = Array.isArray(targetIds) ? [] : [`prompt ${i + 1}: the targetIds are no list`];
    return [...missing.map(([name]) => `prompt ${i + 1}: the ${name} is missing or empty`), ...ids];
  });
  if (list.length > 0 && faults.length === 0) return list as LocateRequest[];
  const found = list.length === 0 ? 'the list of prompts is empty' : faults.join('; ');
  throw invalid(found, 'give [{prompt, subject, target?}, …] as texts');
}

/** What of a case can be told without running the model. */
export interface ReadRequest extends Omit<LocateCase, 'target' | 'targetFrom' | 'targetIds'> {
  /** The target that was asked for, as text and as tokens; null without one. */
  readonly given: { readonly text: string; readonly ids: readonly number[] } | null;
}

/**
 * Turns a request into tokens; the target follows by concatenation of ids.   [methods.md 2.2, 8.1]
 *
 * @throws EditorError as `readRequest` does
 */
export async function readCase(
  model: Model,
  request: LocateRequest,
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<LocateCase> {
  const { given, ...about } = readRequest(model, request);
  if (given) return { ...about, target: given.text, targetFrom: 'request', targetIds: given.ids };
  const targetIds = [await nextToken(model, about.ids, patches, watch)];
  const target = model.tokenizer.decode(targetIds, { skipSpecial: false });
  return { ...about, target, targetFrom: 'model', targetIds };
}

/**
 * A request as tokens, its target too where it has one.
 *
 * @throws EditorError `invalid-request` for a subject that is missing or not in the prompt (its value `offer` is the
 *   prompt's last word, which may serve) and for a target without tokens; `context-overflow`
 */
export function readRequest(model: Model, request: LocateRequest): ReadRequest {
  const { tokenizer, description } = model;
  const subject = request.subject.trim();
  const prompt = request.prompt.replace('{}', () => subject).trimEnd();
  const place = request.prompt.indexOf('{}');
  const start = subject === '' ? -1 : place >= 0 ? place : prompt.indexOf(subject);
  if (start < 0) throw noSubject(prompt, subject);
  const encoding = encodePrompt(model, prompt);
  const { ids } = encoding;
  checkContext(description, ids.length);
  const last = findLookupIndex(encoding, start, start + subject.length);
  const first = encoding.offsets.findIndex(([from, to]) => from <= start && start < to);
  const given = givenTarget(model, request);
  checkContext(description, ids.length + (given?.ids.length ?? 1) - 1, 'read the prompt with its target');
  return {
    prompt,
    subject,
    ids: [...ids],
    tokens: ids.map((id) => tokenizer.tokenText(id)),
    subjectRange: [Math.max(0, first), last + 1],
    given,
  };
}

// ---

const PLAIN = { specialTokens: false };

function givenTarget({ tokenizer, description: { d_vocab } }: Model, { target, targetIds: ids }: LocateRequest) {
  if (ids !== undefined) {
    if (ids.length > 0 && ids.every((id) => Number.isInteger(id) && id >= 0 && id < d_vocab)) {
      return { text: tokenizer.decode(ids, { skipSpecial: false }), ids };
    }
    throw invalid(
      `the target's tokens are [${String(ids)}]`,
      `give ids from 0 to ${d_vocab - 1}, or the target as text`,
    );
  }
  if (target === undefined) return null;
  const text = targetText(target);
  const given = { text, ids: tokenizer.encode(text, PLAIN).ids };
  if (text.trim() !== '' && given.ids.length > 0) return given;
  throw invalid(`the target ${JSON.stringify(target)} has no tokens`, 'write something there');
}

async function nextToken(
  model: Model,
  ids: readonly number[],
  patches: PlacedPatches | undefined,
  watch: Watch | undefined,
): Promise<number> {
  const [distribution] = await nextDistributions(model, [ids], patches, watch);
  return indexOfMax(distribution);
}

function noSubject(prompt: string, subject: string): EditorError {
  const offer = /[\p{L}\p{N}]+(?=[^\p{L}\p{N}]*$)/u.exec(prompt)?.[0] ?? '';
  const found = subject === '' ? 'the subject is missing' : `"${subject}" is not in the prompt`;
  const advice = offer === '' ? 'mark words of the prompt' : `mark words of the prompt, such as its last, "${offer}"`;
  return new EditorError('invalid-request', 'find the subject', found, advice, { subject, offer });
}

function invalid(found: string, advice: string): EditorError {
  return new EditorError('invalid-request', 'read the prompts to locate', found, advice);
}
