import { open, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EditorError } from '../base/errors.ts';
import type { ByteFile, Bytes } from '../store/byte-file.ts';
import { requireRange } from '../store/byte-file.ts';
import type { ModelSource } from '../model/source.ts';

/** A model in a folder of this machine, in Hugging Face layout. */
export function diskSource(folder: string): ModelSource {
  const root = resolve(folder);
  return {
    name: basename(root),
    readJson: async (file) => parseJson(await readText(join(root, file)), join(root, file)),
    open: (file) => openFile(join(root, file)),
  };
}

/** A file that is read piece by piece. */
export async function openFile(path: string): Promise<ByteFile> {
  const size = (await stat(path).catch((cause: unknown) => Promise.reject(missing(path, cause)))).size;
  const file: ByteFile = {
    name: basename(path),
    size,
    async read(start, end) {
      requireRange(file, start, end);
      const bytes: Bytes = new Uint8Array(end - start);
      const handle = await open(path, 'r');
      try {
        await handle.read(bytes, 0, bytes.length, start);
      } finally {
        await handle.close();
      }
      return bytes;
    },
  };
  return file;
}

/** A text file. Throws `missing-file`. */
export async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => Promise.reject(missing(path, cause)));
}

/** A whole file. Throws `missing-file`. */
export async function readBytes(path: string): Promise<Bytes> {
  const read = await readFile(path).catch((cause: unknown) => Promise.reject(missing(path, cause)));
  return new Uint8Array(read);
}

/** A JSON file. Throws `missing-file`, `invalid-input`. */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJson(await readText(path), path);
}

/** Lines of a text file that aren't empty; none when there is no such file. */
export async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.trim() !== '');
}

// ---

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EditorError('invalid-input', `read ${basename(path)}`, reason, 'give a JSON file', {}, { cause });
  }
}

function missing(path: string, cause: unknown): EditorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EditorError('missing-file', `open ${path}`, reason, 'check the path', { path }, { cause });
}
