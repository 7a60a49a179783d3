import { EditorError } from '../base/errors.ts';
import type { Bytes } from './byte-file.ts';

/** A server's answer whose body hasn't been read yet. */
export interface Answer {
  /** Where in the file the body begins: 0 also when the server doesn't do ranges. */
  readonly offset: number;
  /** Length of the whole file; null where the answer doesn't tell it. */
  readonly bytes: number | null;
  readonly etag: string | null;
  readonly body: ReadableStream<Bytes> | null;
  readonly name: string;
}

/** Thrown for what may go better next time. */
export class Retry extends Error {
  readonly error: EditorError;
  /** Milliseconds that the server asks to wait. */
  readonly wait: number;

  constructor(error: EditorError, wait = 0) {
    super(error.message);
    this.error = error;
    this.wait = wait;
  }
}

/**
 * Asks a server for a file from a byte on. Always with a Range, also from 0: then nothing is compressed on the way, and
 * lengths are those of the file.
 *
 * @param end first byte that isn't wanted; null for all
 * @throws Retry when the network or the server fails for now; EditorError `missing-file`, `network`
 */
export async function askFor(
  url: string,
  start: number,
  end: number | null,
  signal: AbortSignal,
  name: string,
): Promise<Answer> {
  const response = await fetch(url, {
    headers: { Range: `bytes=${start}-${end === null ? '' : end - 1}` },
    signal,
    // The store keeps it; the browser's own cache needn't as well.
    cache: 'no-store',
  }).catch((cause: unknown) => {
    throw new Retry(failed(name, reasonOf(cause), cause));
  });
  const { status, headers } = response;
  if (status !== 200 && status !== 206 && status !== 416) throw refusal(response, name);
  if (headers.get('Content-Type')?.startsWith('text/html')) throw webPage(name);
  const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get('Content-Range') ?? '') ?? [];
  const whole = total === undefined || total === '*' ? null : Number(total);
  const etag = headers.get('ETag')?.replace(/^W\//, '') ?? null;
  if (status === 416) {
    // Nothing lies there: the file ends where we stand, or it isn't the one we began.
    if (whole === start) return { offset: start, bytes: start, etag, body: null, name };
    if (start > 0) return askFor(url, 0, end, signal, name);
    throw refusal(response, name);
  }
  const offset = status === 206 ? Number(first ?? start) : 0;
  if (offset !== start && offset !== 0)
    throw new Retry(failed(name, `the server sent bytes from ${offset} on instead of ${start}`));
  const length = lengthOf(response);
  const bytes = whole ?? (status === 206 && end !== null ? null : length === null ? null : offset + length);
  return { offset, bytes, etag, body: response.body, name };
}

/** The body's pieces as they come. Throws `Retry` when they stop too early, EditorError `missing-file` for a web page. */
export async function* readAll({ body, offset, name }: Answer): AsyncGenerator<Bytes> {
  if (body === null) return;
  const reader = body.getReader();
  let first = offset === 0;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw new Retry(failed(name, reasonOf(cause), cause));
      });
      if (done) return;
      if (first && looksLikePage(value)) throw webPage(name);
      first = false;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** The error of a body that ended early though the connection didn't break. */
export function cutOff(name: string, received: number, bytes: number): Retry {
  return new Retry(failed(name, `only ${received} of ${bytes} bytes came`));
}

// ---

/** Answers that pass: too early, too often, or the server is down. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);
const LONGEST_WAIT = 30_000;

/** The length that the answer tells, if it is the file's: a compressed one isn't, and across origins we can't see which. */
function lengthOf({ status, headers, type }: Response): number | null {
  const length = headers.get('Content-Length');
  const encoded = (headers.get('Content-Encoding') ?? 'identity') !== 'identity';
  return length === null || encoded || (status === 200 && type === 'cors') ? null : Number(length);
}

function refusal({ status, statusText, headers }: Response, name: string): Error {
  const found = `the server answered ${status} ${statusText}`.trim();
  const values = { file: name, status };
  if (status === 404 || status === 410) {
    return new EditorError('missing-file', `download ${name}`, found, 'check the model’s name and revision', values);
  }
  if (PASSING.has(status)) {
    const wait = Number(headers.get('Retry-After')) * 1000;
    return new Retry(failed(name, found), Math.min(Number.isFinite(wait) ? wait : 0, LONGEST_WAIT));
  }
  return new EditorError('network', `download ${name}`, found, 'check that the model is public', values);
}

function failed(name: string, found: string, cause?: unknown): EditorError {
  const advice = 'check the connection and try again; what has come is kept';
  return new EditorError('network', `download ${name}`, found, advice, { file: name }, { cause });
}

/** Hosts answer with a page where a file is missing, and so do the portals of hotels and trains. */
function webPage(name: string): EditorError {
  return new EditorError(
    'missing-file',
    `download ${name}`,
    'the server sent a web page instead of the file',
    'check the model’s name, and whether this network asks for a login',
    { file: name },
  );
}

function looksLikePage(bytes: Bytes): boolean {
  return /^\ufeff?\s*<(!doctype|html|head|body|\?xml)/i.test(new TextDecoder().decode(bytes.subarray(0, 64)));
}

/** What a failed fetch says; undici hides it in the cause. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.name === 'AbortError') return 'nothing came for too long';
  return thrown.cause instanceof Error ? `${thrown.message} (${thrown.cause.message})` : thrown.message;
}
