import { EditorError } from '../base/errors.ts';
import { isRecord } from '../store/json.ts';

/** One wish: when the model reads `prompt` (its `{}` filled with `subject`), it shall continue with `target`. */
export interface EditRequest {
  /** One `{}` where the subject goes; without a subject, plain text. Ends before the target. */
  readonly prompt: string;
  /** What fills `{}`. Without one, the query's last token is what is edited, and nothing else needs it. */
  readonly subject?: string;
  /** What shall follow, as free text; exactly one space will stand before it. */
  readonly target: string;
  /** Other ways to ask the same, target cut off: asked after the edit to see whether it generalizes. */
  readonly paraphrases?: readonly string[];
}

/** A request that has passed `validateRequests`, with what follows from it. */
export interface ValidRequest extends EditRequest {
  /** The prompt with its subject: what the model reads. */
  readonly query: string;
  /** Start and end of the subject in `query`, in UTF-16 units; null without a subject. */
  readonly subjectSpan: readonly [number, number] | null;
}

/** Longest text that is tokenized, in UTF-16 units: more than an edit can work with, and read in a tenth of a second. */
export const LONGEST_TEXT = 20_000;

/**
 * Checks requests in our form `{prompt, subject?, target}` or the published one (`target_new: {str}`), and names every
 * fault at once.
 *
 * @param input what a file or a form holds: an array of requests
 * @throws EditorError `invalid-request` listing all faults by number; its values are the faults by kind, "prompt empty"
 */
export function validateRequests(input: unknown): ValidRequest[] {
  const list = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid([['the list of requests is empty', 'give at least one', 'requests empty', '']]);
  const faults: Fault[] = [];
  const valid = list.flatMap((entry, i) => {
    const label = list.length > 1 ? `request ${i + 1}: ` : '';
    const fields = fieldsOf(entry);
    const found = faultsOf(fields);
    faults.push(...found.map(([fault, advice, kind, detail]): Fault => [label + fault, advice, label + kind, detail]));
    return found.length === 0 ? [complete(fields as EditRequest)] : [];
  });
  if (faults.length > 0) throw invalid(faults);
  return valid;
}

/** The target as it is tokenized: exactly one space before it, none after.   [methods.md 2.1] */
export function targetText(target: string): string {
  return ` ${target.trim()}`;
}

// ---

/** What is wrong, and what to do about it; the same as a kind and a detail, for a screen that has words of its own. */
type Fault = readonly [found: string, advice: string, kind: string, detail: string | number];

/** A request whose parts may be anything. */
type Fields = { readonly [K in keyof EditRequest]: unknown };

/** The parts of a request in either form, without those that are empty and may be left out. */
function fieldsOf(entry: unknown): Fields {
  const { prompt, subject, target, target_new: published, paraphrases } = isRecord(entry) ? entry : {};
  const about = typeof subject === 'string' ? subject.trim() : (subject ?? '');
  return {
    prompt,
    target: target ?? (isRecord(published) ? published['str'] : published),
    ...(about === '' ? {} : { subject: about }),
    ...((paraphrases ?? null) === null ? {} : { paraphrases }),
  };
}

function faultsOf({ prompt, subject, target, paraphrases = [] }: Fields): Fault[] {
  return [
    ...textFaults('prompt', prompt),
    ...textFaults('target', target),
    ...(subject === undefined ? [] : textFaults('subject', subject)),
    ...(Array.isArray(paraphrases)
      ? paraphrases.flatMap((text, i) => textFaults('paraphrase', text, `paraphrase ${i + 1}`))
      : [['the paraphrases are no list', 'give them as a list of texts', 'paraphrase list', ''] as const]),
    ...(typeof prompt === 'string' ? placeFaults(prompt, subject !== undefined) : []),
  ];
}

/** The place of the subject: one with a subject, none without. */
function placeFaults(prompt: string, hasSubject: boolean): Fault[] {
  const places = prompt.split('{}').length - 1;
  if (places === (hasSubject ? 1 : 0)) return [];
  if (!hasSubject)
    return [
      ['the prompt has {} and no subject to put there', 'name the subject, or write it out', 'subject missing', ''],
    ];
  const found = places === 0 ? 'the subject is not in the prompt' : `the prompt has ${places} {} for one subject`;
  return [[found, 'mark its place with {}, once', 'prompt places', places]];
}

function textFaults(part: string, text: unknown, name = `the ${part}`): Fault[] {
  if (typeof text !== 'string')
    return [[`${name} is ${text === undefined ? 'missing' : 'no text'}`, 'give it as text', `${part} none`, '']];
  if (text.trim() === '') return [[`${name} is empty`, 'write something there', `${part} empty`, '']];
  const faults: Fault[] = [];
  const { length } = text;
  if (length > LONGEST_TEXT) {
    faults.push([
      `${name} has ${length} characters, ${LONGEST_TEXT} is the most`,
      'shorten it',
      `${part} long`,
      length,
    ]);
  }
  const control = codePoint(CONTROL.exec(text));
  if (control) faults.push([`${name} has the control character ${control}`, 'delete it', `${part} control`, control]);
  const half = codePoint(/\p{Surrogate}/u.exec(text));
  if (half) faults.push([`${name} has half a character, ${half}`, 'delete it', `${part} half`, half]);
  return faults;
}

/** Line breaks and tabs are text; the rest of the C0 and C1 controls are not. */
const CONTROL = /[^\P{Control}\t\n\r]/u;

/** "U+0007" for what was found; null when nothing was. */
function codePoint(found: RegExpExecArray | null): string | null {
  return found && `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function complete(request: EditRequest): ValidRequest {
  const { prompt, subject } = request;
  const trimmed = prompt.trimEnd();
  if (subject === undefined) return { ...request, prompt: trimmed, query: trimmed, subjectSpan: null };
  const start = trimmed.indexOf('{}');
  const query = trimmed.replace('{}', () => subject);
  return { ...request, prompt: trimmed, query, subjectSpan: [start, start + subject.length] };
}

function invalid(faults: readonly Fault[]): EditorError {
  const found = faults.map(([fault]) => fault).join('; ');
  const advice = [...new Set(faults.map(([, each]) => each))].join('; ');
  const values = Object.fromEntries(faults.map(([, , kind, detail]) => [kind, detail]));
  return new EditorError('invalid-request', 'read the edit request', found, advice, values);
}
