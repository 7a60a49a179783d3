import { invariant } from '../base/errors.ts';

/** Bytes in a buffer that can be transferred and digested. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** A file of known size that is read piece by piece, wherever it lies: in memory, in the database, on a disk. */
export interface ByteFile {
  /** What messages call it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Bytes `start` to `end` (not included). The result may be a view: copy before writing into it. */
  read(start: number, end: number): Promise<Bytes>;
  /** Fingerprint of the content, when it is known without reading everything; see `fingerprint`. */
  readonly hash?: string;
}

/** A file that lies in memory; reads are views. */
export function memoryFile(name: string, bytes: Bytes): ByteFile {
  return {
    name,
    size: bytes.length,
    read(start, end) {
      requireRange(this, start, end);
      return Promise.resolve(bytes.subarray(start, end));
    },
  };
}

/** Throws `internal` for a range that the file doesn't have. */
export function requireRange(file: { readonly name: string; readonly size: number }, start: number, end: number): void {
  const holds = start >= 0 && start <= end && end <= file.size;
  invariant(holds, `read ${file.name}`, `bytes ${start} to ${end} of ${file.size} were asked for`);
}
