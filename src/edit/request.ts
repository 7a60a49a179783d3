import { EditorError } from '../base/errors.ts';

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

/** Longest text we take: far beyond any context, and short enough to refuse before tokenizing. */
const LONGEST = 20_000;

/**
 * Checks requests in our form `{prompt, subject?, target}` or the published one (`target_new: {str}`), and names every
 * fault at once.
 *
 * @param input what a file or a form holds: an array of requests
 * @throws EditorError `invalid-request` listing all faults by number
 */
export function validateRequests(input: unknown): ValidRequest[] {
  const list = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid(['the list of requests is empty']);
  const faults: string[] = [];
  const valid = list.flatMap((entry, i) => {
    const label = list.length > 1 ? `request ${i + 1}: ` : '';
    const request = readRequest(entry);
    const found = request ? faultsOf(request) : ['it is not an object with prompt and target'];
    faults.push(...found.map((fault) => label + fault));
    return request && found.length === 0 ? [complete(request)] : [];
  });
  if (faults.length > 0) throw invalid(faults);
  return valid;
}

/** The target as it is tokenized: exactly one space before it, none after.   [methods.md 2.1] */
export function targetText(target: string): string {
  return ` ${target.trim()}`;
}

// ---

function readRequest(entry: unknown): EditRequest | null {
  if (typeof entry !== 'object' || entry === null) return null;
  const { prompt, subject, target, target_new: published, paraphrases } = entry as Record<string, unknown>;
  const text =
    target ?? (typeof published === 'object' && published ? (published as { str?: unknown }).str : published);
  if (typeof prompt !== 'string' || typeof text !== 'string') return null;
  if (subject !== undefined && subject !== null && typeof subject !== 'string') return null;
  const asked = Array.isArray(paraphrases) ? paraphrases.filter((each) => typeof each === 'string') : [];
  return {
    prompt,
    target: text,
    ...(typeof subject === 'string' && subject.trim() !== '' ? { subject: subject.trim() } : {}),
    ...(asked.length > 0 ? { paraphrases: asked } : {}),
  };
}

function faultsOf({ prompt, subject, target }: EditRequest): string[] {
  const faults: string[] = [];
  const holes = prompt.split('{}').length - 1;
  if (prompt.replace('{}', '').trim() === '' && !(subject && holes === 1)) faults.push('the prompt is empty');
  if (target.trim() === '') faults.push('the target is empty');
  if (subject === undefined && holes > 0) faults.push(`the prompt has {} but no subject fills it`);
  if (subject !== undefined && holes !== 1)
    faults.push(`the prompt has ${holes} {} for one subject, it needs exactly one`);
  for (const [name, text] of Object.entries({ prompt, subject: subject ?? '', target })) {
    if (text.length > LONGEST) faults.push(`the ${name} has ${text.length} characters, ${LONGEST} is the most`);
    const control = controlCharacter(text);
    if (control) faults.push(`the ${name} contains the control character ${control}`);
    if (!text.isWellFormed()) faults.push(`the ${name} contains half of a surrogate pair, which is no character`);
  }
  return faults;
}

/** Line breaks and tabs are text; the rest of the C0 and C1 controls are not. */
function controlCharacter(text: string): string | null {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const control = (code < 32 && ![9, 10, 13].includes(code)) || (code >= 127 && code < 160);
    if (control) return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  }
  return null;
}

function complete(request: EditRequest): ValidRequest {
  const { prompt, subject } = request;
  const trimmed = prompt.trimEnd();
  if (subject === undefined) return { ...request, prompt: trimmed, query: trimmed, subjectSpan: null };
  const start = trimmed.indexOf('{}');
  const query = trimmed.replace('{}', () => subject);
  return { ...request, prompt: trimmed, query, subjectSpan: [start, start + subject.length] };
}

function invalid(faults: readonly string[]): EditorError {
  return new EditorError(
    'invalid-request',
    'read the edit request',
    faults.join('; '),
    'give a prompt with one {} and a subject (or neither), and a target',
    { faults: faults.join('; ') },
  );
}
