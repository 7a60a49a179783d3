import { EditorError } from '../base/errors.ts';
import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { ByteFile, Bytes } from './byte-file.ts';

/** Files are stored, checked and fetched again in pieces of 8 MiB. */
export const CHUNK_BYTES = 8 * 2 ** 20;

/** SHA-256 as 64 hexadecimal digits. */
export async function sha256(bytes: Bytes): Promise<string> {
  // Browsers offer it to secure pages only.
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle as SubtleCrypto | undefined;
  if (subtle === undefined) {
    throw new EditorError(
      'internal',
      'check a file',
      'this page is not secure, so the browser offers no SHA-256',
      'open it over https or on localhost',
    );
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** SHA-256 of text in UTF-8. */
export function hashText(text: string): Promise<string> {
  return sha256(new TextEncoder().encode(text));
}

/**
 * A file's fingerprint: the SHA-256 of its chunks' SHA-256s, one a line. So a file that lies in checked chunks has its
 * fingerprint for nothing, and one on a disk is never in memory as a whole.
 *
 * @param chunks SHA-256 of every `CHUNK_BYTES` of the file, in order
 */
export function combineHashes(chunks: readonly string[]): Promise<string> {
  return hashText(chunks.join('\n'));
}

/** The fingerprint of any file: its own, or made by reading it through once. Reports progress in bytes. */
export async function fingerprint(file: ByteFile, watch?: Watch): Promise<string> {
  if (file.hash !== undefined) return file.hash;
  const chunks: string[] = [];
  for (let start = 0; start < file.size; start += CHUNK_BYTES) {
    throwIfAborted(watch, `check ${file.name}`);
    const end = Math.min(start + CHUNK_BYTES, file.size);
    chunks.push(await sha256(await file.read(start, end)));
    watch?.progress?.({ stage: 'verify', done: end, total: file.size, unit: 'bytes', detail: { file: file.name } });
  }
  return combineHashes(chunks);
}
