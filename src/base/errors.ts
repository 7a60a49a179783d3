/**
 * Every failure a caller can meet, as one closed list: a screen, a script and a test can all switch on it.
 * The code also travels as `error.name`, the one field that survives every border.
 */
export const ERROR_CODES = [
  'aborted', // the caller asked to stop; never success
  'busy', // another exclusive job runs
  'context-overflow', // more tokens than the model can read
  'crashed-last', // the tab ended while it loaded the model the last time
  'device-lost', // the GPU went away
  'hash-mismatch', // bytes differ from their fingerprint
  'ill-conditioned', // a linear system can't be solved to the promised accuracy
  'internal', // a broken promise inside Palimpsest: a bug
  'invalid-checkpoint', // safetensors or config bytes that can't be what they claim
  'invalid-hyperparameter', // out of range or unknown settings
  'invalid-input', // a file or an argument that can't be read
  'invalid-request', // prompt, subject or target that can't be edited
  'invalid-tokenizer', // a tokenizer.json that can't be used or doesn't fit the model
  'missing-file', // a file that must exist and doesn't
  'network', // a download failed
  'no-device', // neither WebGPU nor WASM can run the model
  'not-finite', // NaN or infinity where a number was due
  'out-of-memory',
  'quota', // the browser refuses to store more
  'shader', // WGSL that doesn't compile
  'unsupported-model', // a family, size or dtype we don't run
  'untrusted-device', // the self-check computed other numbers than it must
  'worker-died',
] as const;

/** One of `ERROR_CODES`. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Values that belong to a message, by name, so that a screen can translate it. */
export type ErrorValues = Record<string, string | number>;

/** What of an `EditorError` crosses a worker border or a pipe: plain data. */
export interface ErrorRecord {
  code: ErrorCode;
  what: string;
  found: string;
  advice: string;
  values: ErrorValues;
}

/**
 * The only error class. Its message always reads
 * "cannot ‹what›: ‹found, with values›; ‹advice›".
 */
export class EditorError extends Error {
  readonly code: ErrorCode;
  readonly what: string;
  readonly found: string;
  readonly advice: string;
  readonly values: ErrorValues;

  /**
   * @param code   one of `ErrorCode`
   * @param what   verb and thing: "load model.safetensors"
   * @param found  what was found, with its values: "tensor wte has shape [3, 4]"
   * @param advice what to do next: "use a GPT-2 or Llama checkpoint"
   */
  constructor(
    code: ErrorCode,
    what: string,
    found: string,
    advice: string,
    values: ErrorValues = {},
    options?: ErrorOptions,
  ) {
    const short = shorten(found);
    super(`cannot ${what}: ${short}; ${advice}`, options);
    this.name = code;
    this.code = code;
    this.what = what;
    this.found = short;
    this.advice = advice;
    this.values = values;
  }

  /** Plain data for the wire; `reviveError` is its inverse. */
  toRecord(): ErrorRecord {
    const { code, what, found, advice, values } = this;
    return { code, what, found, advice, values };
  }
}

/** Inverse of `EditorError.toRecord`. */
export function reviveError(record: ErrorRecord): EditorError {
  return new EditorError(record.code, record.what, record.found, record.advice, record.values);
}

/** Any thrown value as an `EditorError`: ours stay as they are, an abort becomes `aborted`, the rest `internal` with its text. */
export function toEditorError(thrown: unknown, what: string): EditorError {
  if (thrown instanceof EditorError) return thrown;
  if (isAbort(thrown)) return abortError(what);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (/out of memory|allocation failed|bad_alloc|Array buffer allocation/i.test(text)) {
    return new EditorError(
      'out-of-memory',
      what,
      text,
      'close other tabs or use a smaller model',
      {},
      { cause: thrown },
    );
  }
  return new EditorError('internal', what, text, 'report this with the steps that led here', {}, { cause: thrown });
}

/** The error of a job that its caller stopped. */
export function abortError(what: string): EditorError {
  return new EditorError('aborted', what, 'it was stopped on request', 'start it again when you want');
}

/** Characters of a message at most: what a damaged file has for a name may be as long as the file. */
const LONGEST = 4000;

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'AbortError';
}

/** Throws `internal` when a promise of our own code doesn't hold. */
export function invariant(holds: unknown, what: string, found: string): asserts holds {
  if (!holds) throw new EditorError('internal', what, found, 'report this with the steps that led here');
}
