/**
 * Protobuf bytes under construction: pieces in order and how long they are together. Nothing is copied until `toBytes`
 * writes the whole.
 */
export interface Message {
  readonly pieces: readonly (Uint8Array | Message)[];
  readonly size: number;
}

/** Fields one after another: the content of a message. */
export function message(...fields: readonly Message[]): Message {
  return { pieces: fields, size: fields.reduce((size, part) => size + part.size, 0) };
}

/** Wire type 0. Negative numbers take ten bytes, as protobuf wants. */
export function integerField(number: number, value: number): Message {
  return piece([...varint(number << 3), ...varint(value)]);
}

/** Wire type 5: an IEEE float, little-endian. */
export function floatField(number: number, value: number): Message {
  return piece([...varint((number << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)]);
}

/** Wire type 2: text, bytes, or a message. */
export function field(number: number, value: string | Uint8Array | Message): Message {
  const content = typeof value === 'string' ? UTF8.encode(value) : value;
  const size = content instanceof Uint8Array ? content.length : content.size;
  const head = piece([...varint((number << 3) | 2), ...varint(size)]);
  return { pieces: [head, content], size: head.size + size };
}

/** All pieces in one array. */
export function toBytes(whole: Message): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(whole.size);
  let at = 0;
  const write = ({ pieces }: Message) => {
    for (const part of pieces) {
      if (part instanceof Uint8Array) {
        bytes.set(part, at);
        at += part.length;
      } else write(part);
    }
  };
  write(whole);
  return bytes;
}

// ---

const UTF8 = new TextEncoder();

function piece(bytes: readonly number[]): Message {
  return { pieces: [Uint8Array.from(bytes)], size: bytes.length };
}

/** Seven bits a byte, the least first; all but the last have the top bit set. Two's complement in 64 bits. */
function varint(value: number): number[] {
  if (value >= 0 && value < 128) return [value];
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
