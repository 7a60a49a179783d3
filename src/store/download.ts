import { abortError, EditorError, toEditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type { Bytes } from './byte-file.ts';
import { type Answer, askFor, cutOff, readAll, Retry } from './http.ts';

/** Where a download goes; `FileWriter` is one. */
export interface Sink {
  readonly received: number;
  /** The whole length, once it is known. */
  readonly bytes: number | null;
  readonly etag: string | null;
  /** Forgets what came, because a file of these facts begins. */
  restart(facts: { readonly bytes: number | null; readonly etag: string | null }): Promise<void>;
  append(bytes: Bytes): Promise<void>;
}

/** How a download is watched and how patient it is. */
export interface DownloadOptions extends Watch {
  /** What messages and progress call the file. */
  readonly name: string;
  /** Milliseconds before each further attempt after one that brought nothing new; their number bounds the attempts. */
  readonly pauses?: readonly number[];
  /** Milliseconds without a byte after which an attempt is given up. */
  readonly patience?: number;
}

/**
 * Gets a file into a sink. Goes on where the sink stands when the server can (Range, and the same ETag), begins anew
 * when it can't, tries again with growing pauses when the network fails, and never takes a web page for a file.
 *
 * @throws EditorError `aborted`; `missing-file` (404, 410, or a web page in its place); `network`; `hash-mismatch` when
 *   the bytes aren't what the sink expects, further attempts included; `quota` from the sink
 */
export async function download(url: string, sink: Sink, options: DownloadOptions): Promise<void> {
  const isThere = () => sink.bytes !== null && sink.received === sink.bytes;
  if (isThere()) return;
  await persevere(
    options,
    () => sink.received,
    async (signal, alive) => {
      let answer = await askFor(url, sink.received, null, signal, options.name);
      if (answer.offset > 0 && isOther(answer, sink)) answer = await askFor(url, 0, null, signal, options.name);
      if (answer.offset !== sink.received || answer.offset === 0) await sink.restart(answer);
      if (sink.bytes !== null && answer.bytes !== null && sink.bytes !== answer.bytes)
        throw otherLength(sink, answer, options);
      for await (const bytes of readAll(answer)) {
        alive();
        await sink.append(bytes).catch(retryDamage);
        report(options, sink.received, sink.bytes);
      }
      if (sink.bytes !== null && !isThere()) throw cutOff(options.name, sink.received, sink.bytes);
    },
  );
}

/** A small file, into memory. Errors of `download`. */
export async function downloadBytes(url: string, options: DownloadOptions): Promise<Bytes> {
  let parts: Bytes[] = [];
  let facts: Pick<Sink, 'bytes' | 'etag'> = { bytes: null, etag: null };
  const sink: Sink = {
    get received() {
      return parts.reduce((sum, part) => sum + part.length, 0);
    },
    get bytes() {
      return facts.bytes;
    },
    get etag() {
      return facts.etag;
    },
    restart(next) {
      parts = [];
      facts = next;
      return Promise.resolve();
    },
    append(bytes) {
      parts.push(bytes);
      return Promise.resolve();
    },
  };
  await download(url, sink, options);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/**
 * Bytes `start` to `end` (not included) of a file that is known to be there: a damaged part, fetched again alone.
 * Of a server without Range everything is read up to `end`. Errors of `download`.
 */
export async function downloadRange(url: string, start: number, end: number, options: DownloadOptions): Promise<Bytes> {
  const out = new Uint8Array(end - start);
  let filled = 0;
  await persevere(
    options,
    () => filled,
    async (signal, alive) => {
      const answer = await askFor(url, start + filled, end, signal, options.name);
      let at = answer.offset;
      for await (const bytes of readAll(answer)) {
        alive();
        const part = bytes.subarray(Math.max(0, start + filled - at), Math.max(0, end - at));
        out.set(part, filled);
        filled += part.length;
        at += bytes.length;
        report(options, filled, out.length);
        if (filled === out.length) return;
      }
      throw cutOff(options.name, filled, out.length);
    },
  );
  return out;
}

// ---

const PAUSES = [500, 1000, 2000, 4000];
const PATIENCE = 30_000;

/** Runs attempts until one succeeds, fails for good, or too many in a row bring nothing new. */
async function persevere(
  options: DownloadOptions,
  reached: () => number,
  attempt: (signal: AbortSignal, alive: () => void) => Promise<void>,
): Promise<void> {
  const { name, pauses = PAUSES, patience = PATIENCE } = options;
  let furthest = reached();
  for (let failures = 0; ;) {
    if (options.signal?.aborted) throw abortError(`download ${name}`);
    // Ends the attempt's connection when the caller stops, when nothing comes, and when the attempt is over.
    const end = new AbortController();
    const stop = () => end.abort();
    options.signal?.addEventListener('abort', stop);
    let timer = setTimeout(stop, patience);
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, patience);
    };
    try {
      await attempt(end.signal, alive);
      return;
    } catch (thrown) {
      if (options.signal?.aborted) throw abortError(`download ${name}`);
      if (!(thrown instanceof Retry)) throw toEditorError(thrown, `download ${name}`);
      if (reached() > furthest) failures = 0;
      furthest = Math.max(furthest, reached());
      if (failures >= pauses.length) throw thrown.error;
      await pause(Math.max(pauses[failures++], thrown.wait), options.signal);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      end.abort();
    }
  }
}

/** Waits, but no longer than the caller wants anything. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
}

/** Whether what the server offers now isn't the file that the sink has the beginning of. */
function isOther(answer: Answer, sink: Sink): boolean {
  const differ = (a: string | number | null, b: string | number | null) => a !== null && b !== null && a !== b;
  return differ(answer.etag, sink.etag) || differ(answer.bytes, sink.bytes);
}

function otherLength(sink: Sink, answer: Answer, { name }: DownloadOptions): EditorError {
  return new EditorError(
    'hash-mismatch',
    `download ${name}`,
    `the server's file has ${answer.bytes} bytes, and ${sink.bytes} are due`,
    'reload the page: the model may have been replaced',
    { file: name, found: answer.bytes ?? 0, due: sink.bytes ?? 0 },
  );
}

/** Bytes that came damaged may come whole the next time. */
function retryDamage(thrown: unknown): never {
  throw thrown instanceof EditorError && thrown.code === 'hash-mismatch' ? new Retry(thrown) : thrown;
}

function report({ progress, name }: DownloadOptions, done: number, total: number | null): void {
  progress?.({ stage: 'download', done, total: total ?? 0, unit: 'bytes', detail: { file: name } });
}
