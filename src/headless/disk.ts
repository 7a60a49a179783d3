import { appendFile, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { EditorError } from '../base/errors.ts';
import type { ByteFile, Bytes } from '../store/byte-file.ts';
import { requireRange } from '../store/byte-file.ts';
import { makeSource, type ModelSource } from '../model/source.ts';
import { parseJson } from '../store/json.ts';

/** A model in a folder of this machine, in Hugging Face layout. */
export function diskSource(folder: string): ModelSource {
  const root = resolve(folder);
  return makeSource({ name: basename(root) }, (file) => openFile(join(root, file)));
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
  const json = parseJson(await readBytes(path));
  if ('value' in json) return json.value;
  throw new EditorError('invalid-input', `read ${path}`, `it is ${json.fault}`, 'give a JSON file', { path });
}

/** Lines of a text file that aren't empty; none when there is no such file. */
export async function readLines(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Writes a whole file. Throws `invalid-input` where that can't be done. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content).catch((cause: unknown) => Promise.reject(unwritable(path, cause)));
}

/** Adds a line to a file. Throws `invalid-input` where that can't be done. */
export async function appendLine(path: string, line: string): Promise<void> {
  await appendFile(path, `${line}\n`).catch((cause: unknown) => Promise.reject(unwritable(path, cause)));
}

/** Makes a folder, and those above it, unless it is there. Throws `invalid-input`. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => Promise.reject(unwritable(path, cause)));
}

// ---

function missing(path: string, cause: unknown): EditorError {
  return new EditorError('missing-file', `open ${path}`, reasonOf(cause), 'check the path', { path }, { cause });
}

function unwritable(path: string, cause: unknown): EditorError {
  return new EditorError('invalid-input', `write ${path}`, reasonOf(cause), 'give another path', { path }, { cause });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
