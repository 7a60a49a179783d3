/**
 * Protobuf bytes under construction: pieces in order and how long they are together. A message inside a message shares its
 * pieces, so a payload is copied once, by `toBytes`.
 */
export interface Message {
  readonly pieces: readonly Uint8Array[];
  readonly size: number;
}

/** Fields one after another: the content of a message. */
export function message(...fields: readonly Message[]): Message {
  return {
    pieces: fields.flatMap((field) => field.pieces),
    size: fields.reduce((size, field) => size + field.size, 0),
  };
}

/** Wire type 0. Negative numbers take ten bytes, as protobuf wants. */
export function integerField(field: number, value: number | bigint): Message {
  return piece([...varint(field << 3), ...varint(value)]);
}

/** Wire type 5: an IEEE float, little-endian. */
export function floatField(field: number, value: number): Message {
  return piece([...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]);
}

/** Wire type 2: text, bytes (not copied), or a message. */
export function field(number: number, value: string | Uint8Array | Message): Message {
  const payload = typeof value === 'string' ? UTF8.encode(value) : value;
  const content = payload instanceof Uint8Array ? { pieces: [payload], size: payload.length } : payload;
  return message(piece([...varint((number << 3) | 2), ...varint(content.size)]), content);
}

/** All pieces in one array. */
export function toBytes({ pieces, size }: Message): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of pieces) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

// ---

const UTF8 = new TextEncoder();

function piece(bytes: readonly number[]): Message {
  return { pieces: [Uint8Array.from(bytes)], size: bytes.length };
}

/** Seven bits a byte, the least first; all but the last have the top bit set. Two's complement in 64 bits. */
function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
