import { EditorError } from '../base/errors.ts';
import { memoize, type Watch } from '../base/tasks.ts';
import { type ByteFile, type Bytes, memoryFile } from '../store/byte-file.ts';
import { memoryDatabase } from '../store/database.ts';
import type { Refetch } from '../store/chunks.ts';
import { download, type DownloadOptions, downloadRange } from '../store/download.ts';
import { createFileStore, type Expected, type FileStore } from '../store/files.ts';
import { combineHashes } from '../store/hash.ts';
import { parseJson } from '../store/json.ts';
import { exclusively } from '../store/locks.ts';
import { fileKey, folderKey, openKept, shortHash } from './kept-files.ts';

/** Where a model comes from: a folder in Hugging Face layout, wherever it lies. */
export interface ModelSource {
  /** What screens and records call the model. */
  readonly name: string;
  /** Which version of it, where the place has versions. */
  readonly revision?: string;
  /**
   * A file, to be read piece by piece.
   *
   * @throws EditorError `missing-file`; from the network also `network`, `aborted`, `hash-mismatch`
   */
  open(file: string, watch?: Watch): Promise<ByteFile>;
  /** A small file, parsed. Errors of `open`, and `invalid-checkpoint` for what isn't JSON. */
  readJson(file: string, watch?: Watch): Promise<unknown>;
}

/** What an HTTP source is told beside its address. */
export interface HttpSourceOptions extends Pick<DownloadOptions, 'pauses' | 'patience'> {
  readonly name: string;
  readonly revision?: string;
  /** Where files are kept; without it, in memory for as long as the source lives. */
  readonly store?: FileStore;
  /**
   * What files must be, where it is known: every part is checked when it comes, what is kept counts only if it is that, and
   * none of them may be missing.
   */
  readonly expected?: Readonly<Record<string, Expected>>;
}

/**
 * A folder on a web server: the app's own, or a hub's `https://…/{repo}/resolve/{revision}`. A file is downloaded whole
 * when first opened and read from the store ever after, without asking the network.
 *
 * @param base address of the folder
 */
export function httpSource(base: string, options: HttpSourceOptions): ModelSource {
  const { name, revision, expected = {}, store = createFileStore(memoryDatabase()), pauses, patience } = options;
  const patient = { ...(pauses && { pauses }), ...(patience !== undefined && { patience }) };
  let watching: Watch | undefined;

  const bring = memoize(async (file: string): Promise<ByteFile> => {
    const watch = watching;
    const due = Object.hasOwn(expected, file) ? expected[file] : undefined;
    const hash = due && (await combineHashes(due.chunks));
    const folder = folderKey(name, revision);
    const key = fileKey(folder, file, hash);
    const path = file.split('/').map(encodeURIComponent).join('/');
    // What stands between here and the server may keep files of other releases: the question makes this one another.
    const url = `${base.replace(/\/$/, '')}/${path}${hash ? `?${shortHash(hash)}` : ''}`;

    const find = async (): Promise<ByteFile | undefined> => {
      const mending = { ...patient, ...(watch?.signal && { signal: watch.signal }), name: file };
      const refetch: Refetch = (start, end) => downloadRange(url, start, end, mending);
      const kept = await openKept(store, folder, file, hash, refetch);
      if (kept) return kept;
      if (due === undefined && (await store.canDoWithout(key, folder))) throw missingFile(name, file);
      return undefined;
    };

    const fetchWhole = async (): Promise<ByteFile> => {
      const writer = await store.write(key, due);
      try {
        await download(url, writer, { ...watch, ...patient, name: file });
      } catch (error) {
        if (due !== undefined) throw notAsExpected(error, file);
        if (error instanceof EditorError && error.code === 'missing-file') await store.noteMissing(key);
        throw error;
      }
      return { ...(await writer.finish()), name: file };
    };

    // Another tab may be fetching the same file: it is then waited for, and found.
    const findOrFetch = async () => (await find()) ?? (await fetchWhole());
    return (await find()) ?? exclusively(`file ${key}`, findOrFetch, watch?.signal);
  });

  return makeSource({ name, ...(revision !== undefined && { revision }) }, (file, watch) => {
    watching = watch;
    return bring(file);
  });
}

/** Files that are in memory: dropped on the page, or made in a test. */
export function memorySource(name: string, files: ReadonlyMap<string, Bytes>): ModelSource {
  return makeSource({ name }, (file) => {
    const bytes = files.get(file);
    return bytes ? Promise.resolve(memoryFile(file, bytes)) : Promise.reject(missingFile(name, file));
  });
}

/** What a promise of a source brings, or undefined where the file is missing; every other error stays one. */
export async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof EditorError && error.code === 'missing-file') return undefined;
    throw error;
  }
}

/** A source from the one thing in which sources differ: how a file is opened. */
export function makeSource(who: Pick<ModelSource, 'name' | 'revision'>, open: ModelSource['open']): ModelSource {
  return {
    ...who,
    open,
    async readJson(file, watch) {
      const opened = await open(file, watch);
      const json = parseJson(await opened.read(0, opened.size));
      if ('value' in json) return json.value;
      throw new EditorError(
        'invalid-checkpoint',
        `read ${file}`,
        `it is ${json.fault}`,
        'get the file again from where the model comes from',
        { file },
      );
    },
  };
}

/** The error of a file that a model doesn't have. */
export function missingFile(name: string, file: string): EditorError {
  return new EditorError('missing-file', `open ${name}`, `it has no ${file}`, 'give all files of the model', { file });
}

// ---

/**
 * The error of a server that has something else, or nothing, where a file is known to belong: it isn't one that the model can
 * do without.
 */
function notAsExpected(error: unknown, file: string): unknown {
  if (!(error instanceof EditorError)) return error;
  const { code, what, found, values } = error;
  if (code === 'missing-file') {
    const advice = 'check the connection, and whether this network asks for a login, and load the page again';
    return new EditorError('network', what, found, advice, values, { cause: error });
  }
  if (code !== 'hash-mismatch') return error;
  const other = `the server has another ${file} than this page was made with: ${found}`;
  const advice = 'a newer release of this page may be out: update the page, or load it again';
  return new EditorError('hash-mismatch', what, other, advice, { ...values, release: 'other' }, { cause: error });
}
