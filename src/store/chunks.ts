import { EditorError } from '../base/errors.ts';
import { type ByteFile, type Bytes, requireRange } from './byte-file.ts';
import type { Database } from './database.ts';
import { combineHashes, sha256 } from './hash.ts';

/** A file that lies in the store. Chunks are checked against their SHA-256 when first read. */
export interface StoredFile extends ByteFile {
  /** The file's fingerprint; equals what `fingerprint` makes of the same bytes. */
  readonly hash: string;
  /** Whether all of it will outlive the page. */
  readonly kept: boolean;
}

/** Gets a part of a file again from where it came. */
export type Refetch = (start: number, end: number) => Promise<Bytes>;

/** How a file lies in chunks. */
export interface Layout {
  readonly bytes: number;
  readonly chunkBytes: number;
  readonly chunks: readonly string[];
}

/** Reads a file out of its chunks. One whose hash fails, or that is gone, is fetched again alone and stored. */
export async function openChunks(
  database: Database,
  key: string,
  layout: Layout,
  kept: boolean,
  refetch?: Refetch,
): Promise<StoredFile> {
  const { bytes: size, chunkBytes, chunks } = layout;
  const checked = new Set<number>();
  // Tensors are read in the order they lie in the file, so the chunk of the last read is that of the next.
  let last: { readonly index: number; readonly bytes: Bytes } | undefined;

  const readChunk = async (index: number): Promise<Bytes> => {
    if (last?.index === index) return last.bytes;
    const stored = (await readStored(chunkKey(key, index)))?.bytes;
    const good = stored && (checked.has(index) || (await sha256(stored)) === chunks[index]);
    const bytes = good ? stored : await mendChunk(index);
    checked.add(index);
    last = { index, bytes };
    return bytes;
  };

  /** Where the store refuses to read, the bytes can still come again. */
  const readStored = (chunk: string) =>
    database.get('chunks', chunk).catch((refusal: unknown) => {
      if (refetch === undefined) throw refusal;
      return undefined;
    });

  const mendChunk = async (index: number): Promise<Bytes> => {
    const start = index * chunkBytes;
    const bytes = await refetch?.(start, Math.min(start + chunkBytes, size));
    if (bytes === undefined || (await sha256(bytes)) !== chunks[index]) {
      throw mismatch(key, index, bytes ? 'and so are the bytes that came in its place' : '');
    }
    // Good bytes serve this read even where they can't be stored.
    await database.put('chunks', chunkKey(key, index), { hash: chunks[index], bytes }).catch(() => false);
    return bytes;
  };

  const file: StoredFile = {
    name: key,
    size,
    kept,
    hash: await combineHashes(chunks),
    async read(start, end) {
      requireRange(file, start, end);
      const first = Math.floor(start / chunkBytes);
      if (end <= (first + 1) * chunkBytes) {
        const bytes = end > start ? await readChunk(first) : new Uint8Array(0);
        return bytes.subarray(start - first * chunkBytes, end - first * chunkBytes);
      }
      const joined = new Uint8Array(end - start);
      for (let at = start; at < end;) {
        const index = Math.floor(at / chunkBytes);
        const offset = index * chunkBytes;
        const part = (await readChunk(index)).subarray(at - offset, end - offset);
        joined.set(part, at - start);
        at += part.length;
      }
      return joined;
    },
  };
  return file;
}

/** What the keys of a file's chunks begin with. */
export function chunkPrefix(key: string): string {
  return `${key}\n`;
}

/** The key of one chunk; keys sort in the order of the file. */
export function chunkKey(key: string, index: number): string {
  return `${chunkPrefix(key)}${String(index).padStart(6, '0')}`;
}

/** The hash of a stored chunk, if it is there, of the due length and whole. */
export async function storedHash(database: Database, key: string, due: number): Promise<string | undefined> {
  const chunk = await database.get('chunks', key);
  if (chunk?.bytes.length !== due) return undefined;
  return (await sha256(chunk.bytes)) === chunk.hash ? chunk.hash : undefined;
}

/** The error of a chunk that isn't what it must be. */
export function mismatch(key: string, index: number, more = ''): EditorError {
  return new EditorError(
    'hash-mismatch',
    `read ${key}`,
    [`part ${index} is damaged`, more].filter(Boolean).join(', '),
    'load the model again',
    { file: key, part: index },
  );
}
