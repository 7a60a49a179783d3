import { EditorError } from '../base/errors.ts';
import { checkContext } from '../model/batch.ts';
import type { Model } from '../model/model.ts';
import { findLookupIndex } from '../text/lookup.ts';
import type { Encoding } from '../text/tokenizer.ts';
import type { Hparams } from './hparams.ts';
import { LONGEST_TEXT, targetText, type ValidRequest } from './request.ts';

/** Prefixes under which a request is repeated: groups of strings with one `{}`, for the prompt. */
export type TemplateGroups = readonly (readonly string[])[];

/** One request under one template, as ids. Its target stands behind it, without its last token. */
export interface EditRow {
  readonly request: number;
  readonly template: string;
  /** ids(template(query)) followed by the target's tokens but the last. */
  readonly ids: readonly number[];
  /** Position that predicts the target's first token: the query's last. */
  readonly queryLast: number;
  /** Edited positions, in slot order. */
  readonly edited: readonly number[];
  /** Other positions, whose keys are memory. */
  readonly context: readonly number[];
  /** Weight of this row's keys: the mean inside a template group, then over the groups.   [methods.md 4] */
  readonly weight: number;
  /** Whether the template is the bare `{}`. */
  readonly clean: boolean;
}

/** The row on whose last token the KL is read: "{subject} is a". */
export interface KlRow {
  readonly request: number;
  readonly ids: readonly number[];
  /** Position whose next-token distribution shall stay, and which is edited like the others. */
  readonly position: number;
}

/** All rows of some requests, and how their edited tokens are numbered. */
export interface EditRows {
  readonly rows: readonly EditRow[];
  readonly klRows: readonly KlRow[];
  /** Target ids of each request. */
  readonly targets: readonly (readonly number[])[];
  /** First slot of each request; request i has `targets[i].length` slots when every emitting token is edited, else one. */
  readonly firstSlot: readonly number[];
  readonly slots: number;
}

/**
 * Turns requests into rows of ids. The target follows by concatenation of ids, which is exact; nothing is tokenized twice.
 * [methods.md 2, 3.1]
 *
 * @throws EditorError `invalid-request` when the subject can't be found, or the settings need one that isn't given;
 *   `context-overflow` for a row that the model can't read at once
 */
export function makeRows(
  model: Model,
  requests: readonly ValidRequest[],
  templates: TemplateGroups,
  hparams: Pick<Hparams, 'lookup' | 'klPrompt'>,
): EditRows {
  const { tokenizer } = model;
  const targets = requests.map(({ target }) => tokenizer.encode(targetText(target), { specialTokens: false }).ids);
  const rows: EditRow[] = [];
  const klRows: KlRow[] = [];
  for (const [i, request] of requests.entries()) {
    for (const group of templates) {
      for (const template of group) {
        const weight = 1 / (templates.length * group.length);
        rows.push({ ...makeRow(model, i, request, template, targets[i], hparams.lookup), weight });
      }
    }
    klRows.push(makeKlRow(model, i, request, hparams));
  }
  for (const { ids } of [...rows, ...klRows])
    checkContext(model.description, ids.length, 'read a prompt with its target');
  const counts = targets.map((target) => (hparams.lookup === 'every' ? target.length : 1));
  return { rows, klRows, targets, ...numberSlots(counts) };
}

/** The rows of some of the requests, renumbered from 0 in the order given; slots too. */
export function rowsOfRequests(all: EditRows, requests: readonly number[]): EditRows {
  const place = new Map(requests.map((request, i) => [request, i]));
  const renumber = <T extends { readonly request: number }>(rows: readonly T[]): T[] =>
    rows.flatMap((row) => {
      const request = place.get(row.request);
      return request === undefined ? [] : [{ ...row, request }];
    });
  return {
    rows: renumber(all.rows),
    klRows: renumber(all.klRows),
    targets: requests.map((i) => all.targets[i]),
    ...numberSlots(requests.map((i) => slotCount(all, i))),
  };
}

/** How many slots a request has. */
export function slotCount({ firstSlot, slots }: EditRows, request: number): number {
  return (firstSlot[request + 1] ?? slots) - firstSlot[request];
}

/**
 * A text as the model reads a prompt, its special tokens included.
 *
 * @throws EditorError `context-overflow` for a text too long to be tokenized while somebody waits
 */
export function encodePrompt({ tokenizer, description }: Model, text: string): Encoding {
  if (text.length <= LONGEST_TEXT) return tokenizer.encode(text, { specialTokens: true });
  throw new EditorError(
    'context-overflow',
    'read the text',
    `it has ${text.length} characters, and the model reads at most ${description.n_ctx} tokens`,
    'shorten it',
    { characters: text.length, limit: description.n_ctx },
  );
}

/** Ids of `encodePrompt`. */
export function promptIds(model: Model, text: string): number[] {
  return encodePrompt(model, text).ids;
}

// ---

function numberSlots(counts: readonly number[]): { firstSlot: number[]; slots: number } {
  const firstSlot: number[] = [];
  let slots = 0;
  for (const count of counts) {
    firstSlot.push(slots);
    slots += count;
  }
  return { firstSlot, slots };
}

function makeRow(
  model: Model,
  request: number,
  { query, subjectSpan }: ValidRequest,
  template: string,
  target: readonly number[],
  lookup: Hparams['lookup'],
): Omit<EditRow, 'weight'> {
  const prefix = template.slice(0, template.indexOf('{}'));
  const text = prefix + query + template.slice(template.indexOf('{}') + 2);
  const encoded = model.tokenizer.encode(text, { specialTokens: true });
  const queryLast = encoded.ids.length - 1;
  const ids = [...encoded.ids, ...target.slice(0, -1)];
  const all = Array.from(ids.keys());
  const base = { request, template, ids, queryLast, clean: template === '{}' };
  if (lookup === 'every') {
    return { ...base, edited: all.slice(queryLast), context: all.slice(0, queryLast) };
  }
  const at =
    lookup === 'query-last'
      ? queryLast
      : findLookupIndex(encoded, ...shifted(requireSubject(subjectSpan, query), prefix.length));
  return { ...base, edited: [at], context: all.filter((position) => position !== at) };
}

function makeKlRow(
  model: Model,
  request: number,
  { subject, subjectSpan, query }: ValidRequest,
  { lookup, klPrompt }: Pick<Hparams, 'lookup' | 'klPrompt'>,
): KlRow {
  // Without a subject the sentence is about nothing in particular.
  const text = klPrompt.replace('{}', () => subject ?? 'It');
  const encoded = model.tokenizer.encode(text, { specialTokens: true });
  if (lookup !== 'subject-last') return { request, ids: [...encoded.ids], position: encoded.ids.length - 1 };
  const [from, to] = requireSubject(subjectSpan, query);
  const start = klPrompt.indexOf('{}');
  return { request, ids: [...encoded.ids], position: findLookupIndex(encoded, start, start + to - from) };
}

function shifted([start, end]: readonly [number, number], by: number): [number, number] {
  return [start + by, end + by];
}

function requireSubject(span: readonly [number, number] | null, query: string): readonly [number, number] {
  if (span) return span;
  throw new EditorError(
    'invalid-request',
    'find the subject’s last token',
    `the request "${query}" has no subject`,
    'give a subject, or edit the query’s last token (lookup: query-last or every)',
  );
}
