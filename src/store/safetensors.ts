import { EditorError, type ErrorValues, invariant } from '../base/errors.ts';
import {
  BYTES,
  type DType,
  type FloatTensor,
  formatShape,
  sizeOf,
  type StoredDType,
  type Tensor,
  widenToFloat32,
} from '../base/tensor.ts';
import type { ByteFile, Bytes } from './byte-file.ts';
import { isRecord, parseJson, showJson } from './json.ts';

/** A tensor as it lies in a file: little-endian bytes, row-major. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly bytes: Bytes;
}

/** Where a tensor lies, `start` and `end` counted from the beginning of the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** A file whose header has been read and checked; tensors are read one at a time. */
export interface Safetensors {
  readonly file: ByteFile;
  /** By name, in the order they lie in the file. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads and checks the header of a safetensors file: lengths, JSON, names, dtypes, shapes against ranges, ranges against
 * each other and against the file (they must fill it without a hole).
 *
 * @throws EditorError `invalid-checkpoint` for whatever doesn't hold, `unsupported-model` for a dtype that we can't read
 */
export async function openSafetensors(file: ByteFile): Promise<Safetensors> {
  const length = headerLength(await file.read(0, Math.min(8, file.size)), file.size, file.name);
  const header = await file.read(8, 8 + length);
  return { file, ...parseHeader(header, file.size, file.name) };
}

/** One tensor of an open file. */
export async function readEntry(opened: Safetensors, name: string): Promise<StoredTensor> {
  const entry = opened.entries.get(name);
  invariant(entry, `read ${name} from ${opened.file.name}`, 'there is no such tensor');
  return { dtype: entry.dtype, shape: entry.shape, bytes: await opened.file.read(entry.start, entry.end) };
}

/**
 * All tensors of a file that is in memory, as views into it. Checks and errors of `openSafetensors`.
 *
 * @param what what messages call the file
 */
export function readSafetensors(file: Bytes, what: string): Map<string, StoredTensor> {
  const length = headerLength(file.subarray(0, 8), file.length, what);
  const { entries } = parseHeader(file.subarray(8, 8 + length), file.length, what);
  return new Map(
    Array.from(entries.values(), ({ name, dtype, shape, start, end }) => [
      name,
      { dtype, shape, bytes: file.subarray(start, end) },
    ]),
  );
}

/**
 * A stored tensor as numbers: a view where the bytes are aligned, otherwise a copy; 16-bit floats widen to float32.
 *
 * @throws EditorError `unsupported-model` for 8- and 16-bit integers
 */
export function toTensor(stored: StoredTensor, what: string): Tensor {
  const { dtype, shape, bytes } = stored;
  const make = VIEWS[dtype as DType] as ((bytes: Bytes) => Tensor['data']) | undefined;
  if (make === undefined) return { dtype: 'float32', shape, data: widenToFloat32(bytes, dtype, what) };
  const aligned = bytes.byteOffset % BYTES[dtype] === 0 ? bytes : bytes.slice();
  return { dtype: dtype as DType, shape, data: make(aligned) } as Tensor;
}

/**
 * As `toTensor`, of a tensor that must hold floats.
 *
 * @throws EditorError `invalid-input` for whole numbers and truth values
 */
export function toFloats(stored: StoredTensor, what: string): FloatTensor {
  const { dtype } = stored;
  if (FLOATS.has(dtype)) return toTensor(stored, what) as FloatTensor;
  const advice = 'give float32, float64, float16 or bfloat16 values';
  throw new EditorError('invalid-input', `read ${what}`, `its values are ${dtype}`, advice, { tensor: what, dtype });
}

/**
 * A safetensors file from tensors. Equal content gives equal bytes: tensors lie by width of their dtype, then by name.
 *
 * @param metadata free text that travels in the header
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor | StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Bytes {
  const stored = [...tensors].map(([name, tensor]) => ({ name, ...toStored(tensor) }));
  stored.sort((a, b) => BYTES[b.dtype] - BYTES[a.dtype] || (a.name < b.name ? -1 : 1));
  // Without a prototype, so that no name is special.
  const header = Object.create(null) as Record<string, unknown>;
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let end = 0;
  for (const { name, dtype, shape, bytes } of stored) {
    invariant(!Object.hasOwn(header, name), 'write a safetensors file', `two tensors are called ${name}`);
    invariant(bytes.length === sizeOf(shape) * BYTES[dtype], `write ${name}`, `${bytes.length} bytes of ${dtype}`);
    header[name] = { dtype: WORDS[dtype], shape, data_offsets: [end, (end += bytes.length)] };
  }
  const json = JSON.stringify(header);
  // Spaces after the JSON, so that the widest numbers are aligned.
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + end).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(text, 8);
  let at = 8 + padded;
  for (const { bytes } of stored) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

// ---

/** No real header comes near; the format's own library refuses longer ones too. */
const LONGEST_HEADER = 100e6;

const WORDS: Readonly<Record<StoredDType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

const FLOATS: ReadonlySet<StoredDType> = new Set(['float64', 'float32', 'float16', 'bfloat16']);

const DTYPES = new Map(Object.entries(WORDS).map(([dtype, word]) => [word, dtype as StoredDType]));

/** Words of the format that stand for numbers we don't compute with. */
const FOREIGN = /^(U16|U32|U64|C64|F8_E\dM\d(FNUZ)?|F8_E8M0|F6_E\dM\d|F4)$/;

const VIEWS: { readonly [D in DType]: (bytes: Bytes) => Tensor<D>['data'] } = {
  float32: ({ buffer, byteOffset, length }) => new Float32Array(buffer, byteOffset, length / 4),
  float64: ({ buffer, byteOffset, length }) => new Float64Array(buffer, byteOffset, length / 8),
  int32: ({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length / 4),
  int64: ({ buffer, byteOffset, length }) => new BigInt64Array(buffer, byteOffset, length / 8),
  bool: (bytes) => bytes,
};

function toStored(tensor: Tensor | StoredTensor): StoredTensor {
  if ('bytes' in tensor) return tensor;
  const { buffer, byteOffset, byteLength } = tensor.data;
  return { dtype: tensor.dtype, shape: tensor.shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function headerLength(first: Bytes, size: number, what: string): number {
  if (size < 8) throw invalid(what, `it has ${size} bytes, and its header alone takes more`, { size });
  const length = Number(new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true));
  if (length > LONGEST_HEADER || 8 + length > size) {
    const limit = Math.min(LONGEST_HEADER, size - 8);
    throw invalid(what, `its header claims ${length} bytes, and at most ${limit} are possible`, { length, size });
  }
  return length;
}

function parseHeader(header: Bytes, size: number, what: string): Omit<Safetensors, 'file'> {
  const json = parseJson(header);
  if ('fault' in json) throw invalid(what, `its header is ${json.fault}`, { length: header.length });
  if (!isRecord(json.value)) throw invalid(what, 'its header is not a JSON object');
  const { __metadata__: metadata = {}, ...tensors } = json.value;
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw invalid(what, 'the metadata in its header are not text');
  }
  const dataStart = 8 + header.length;
  const found = Object.entries(tensors).map(([name, value]) => parseEntry(name, value, dataStart, size, what));
  found.sort((a, b) => a.start - b.start || a.end - b.end);
  let end = dataStart;
  let before = 'the header';
  for (const entry of found) {
    const values = { tensor: entry.name, start: entry.start, end };
    if (entry.start < end)
      throw invalid(what, `${entry.name} overlaps ${before} by ${end - entry.start} bytes`, values);
    if (entry.start > end)
      throw invalid(what, `${entry.start - end} bytes before ${entry.name} belong to nothing`, values);
    end = entry.end;
    before = entry.name;
  }
  if (end < size) throw invalid(what, `${size - end} bytes after ${before} belong to nothing`, { size, end });
  return {
    entries: new Map(found.map((entry) => [entry.name, entry])),
    metadata: metadata as Record<string, string>,
  };
}

function parseEntry(name: string, value: unknown, dataStart: number, size: number, what: string): TensorEntry {
  const { dtype: word, shape, data_offsets: range } = isRecord(value) ? value : {};
  const dtype = typeof word === 'string' ? DTYPES.get(word) : undefined;
  if (dtype === undefined && typeof word === 'string' && FOREIGN.test(word)) {
    throw new EditorError(
      'unsupported-model',
      `read ${what}`,
      `${name} has the dtype ${word}`,
      'use a checkpoint with float32, float16 or bfloat16 weights',
      { tensor: name, dtype: word },
    );
  }
  const values = { tensor: name };
  if (name === '') throw invalid(what, 'a tensor has no name');
  if (dtype === undefined) throw invalid(what, `${name} has the unknown dtype ${showJson(word)}`, values);
  if (!isSizes(shape)) throw invalid(what, `${name} has the shape ${showJson(shape)}`, values);
  if (!isSizes(range) || range.length !== 2 || range[0] > range[1]) {
    throw invalid(what, `${name} has the range ${showJson(range)}`, values);
  }
  const [start, end] = range.map((offset) => dataStart + offset);
  const due = sizeOf(shape) * BYTES[dtype];
  if (end - start !== due) {
    const text = `${name} is ${word as string} of shape ${formatShape(shape)}, ${due} bytes, and its range holds ${end - start}`;
    throw invalid(what, text, { ...values, due, found: end - start });
  }
  if (end > size) {
    throw invalid(what, `${name} ends at byte ${end}, and the file is cut off at ${size}`, { ...values, end, size });
  }
  return { name, dtype, shape, start, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && (each as number) >= 0);
}

function invalid(what: string, found: string, values: ErrorValues = {}): EditorError {
  const advice = 'get the file again from where the model comes from';
  return new EditorError('invalid-checkpoint', `read ${what}`, found, advice, values);
}
