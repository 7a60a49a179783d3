import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { f32, f64, i32, i64, makeTensor } from '../../src/base/tensor.ts';
import { type Bytes, memoryFile } from '../../src/store/byte-file.ts';
import {
  openSafetensors,
  readEntry,
  readSafetensors,
  type StoredTensor,
  toFloats,
  toTensor,
  writeSafetensors,
} from '../../src/store/safetensors.ts';
import { damaged, orRefused } from '../support/damage.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { readFixture, sharedOrSkip } from '../support/shared.ts';

describe('written and read back', () => {
  const tensors = {
    half: { dtype: 'float16', shape: [3], bytes: new Uint8Array([0, 60, 0, 192, 1, 0]) } satisfies StoredTensor,
    single: f32([1.5, -2, 3e-40, 4], [2, 2]),
    double: f64([Math.PI], []),
    indices: i32([7, -7], [2]),
    long: i64([2 ** 40, -1]),
    flags: makeTensor('bool', new Uint8Array([1, 0, 1]), [3]),
    nothing: f32([], [0, 5]),
  };
  const bytes = writeSafetensors(Object.entries(tensors), { format: 'test' });

  test('every tensor is the same', () => {
    const read = readSafetensors(bytes, 'test');
    for (const [name, tensor] of Object.entries(tensors)) {
      if ('bytes' in tensor) expect(read.get(name)).toEqual(tensor);
      else expect(toTensor(read.get(name) ?? tensors.half, name)).toEqual(tensor);
    }
    expect(read.size).toBe(7);
  });

  test('16-bit floats widen', () => {
    expect(toTensor(tensors.half, 'half')).toEqual(f32([1, -2, 2 ** -24], [3]));
    const bfloat: StoredTensor = { dtype: 'bfloat16', shape: [2], bytes: new Uint8Array([0x80, 0x3f, 0x49, 0xc0]) };
    expect(toTensor(bfloat, 'bfloat')).toEqual(f32([1, -3.140625], [2]));
  });

  test('numbers are views into the file, not copies', () => {
    const read = readSafetensors(bytes, 'test');
    for (const name of ['single', 'double', 'indices', 'long', 'flags']) {
      const stored = read.get(name);
      expect(stored && toTensor(stored, name).data.buffer).toBe(bytes.buffer);
    }
  });

  test('a file at an odd place in memory is read all the same', () => {
    const moved = new Uint8Array(bytes.length + 3).subarray(3);
    moved.set(bytes);
    const stored = readSafetensors(moved, 'test').get('single');
    expect(stored && toTensor(stored, 'single')).toEqual(tensors.single);
  });

  test('one tensor at a time', async () => {
    const opened = await openSafetensors(memoryFile('test', bytes));
    expect(opened.metadata).toEqual({ format: 'test' });
    expect([...opened.entries.keys()]).toEqual(['double', 'long', 'indices', 'nothing', 'single', 'half', 'flags']);
    expect(toTensor(await readEntry(opened, 'double'), 'double')).toEqual(tensors.double);
    await expectFault(() => readEntry(opened, 'treble'), 'internal', 'there is no such tensor');
  });

  test('equal content gives equal bytes, in whatever order it came', () => {
    expect(writeSafetensors(Object.entries(tensors).reverse(), { format: 'test' })).toEqual(bytes);
  });

  test('no tensors at all', () => {
    expect(readSafetensors(writeSafetensors([]), 'test').size).toBe(0);
  });

  test('names may be anything', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.constantFrom('__proto__', 'constructor', '0'),
    );
    const names = fc.uniqueArray(name, { maxLength: 5 });
    fc.assert(
      fc.property(names, (each) => {
        const named = each.filter((name) => name !== '__metadata__').map((name, i) => [name, f32([i], [1])] as const);
        const read = readSafetensors(writeSafetensors(named), 'test');
        for (const [name, tensor] of named) expect(read.get(name)?.bytes).toEqual(new Uint8Array(tensor.data.buffer));
      }),
    );
  });

  test('a name twice is a bug of the caller', () =>
    expectFault(
      () =>
        writeSafetensors([
          ['x', f32([1], [1])],
          ['x', f32([2], [1])],
        ]),
      'internal',
      'called x',
    ));
});

describe('refused', () => {
  const entry = (shape: unknown, range: unknown, dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: range });
  const rows: [string, Bytes, string][] = [
    ['nothing', new Uint8Array(0), 'it has 0 bytes'],
    ['seven bytes', new Uint8Array(7), 'it has 7 bytes'],
    ['a header longer than the file', file({}, 0, 100), 'its header claims 100 bytes, and at most 2 are possible'],
    ['a header longer than any', file({}, 0, 2 ** 62), 'its header claims 4611686018427388000 bytes'],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html></html>'), 'its header claims'],
    ['a header that is no JSON', file('{"x": '), 'its header is 6 bytes that are not JSON'],
    [
      'a header that is no UTF-8',
      fileOf(new Uint8Array([0x22, 0xff, 0x22])),
      'its header is 3 bytes that are not JSON',
    ],
    ['a header that is a list', file([]), 'its header is not a JSON object'],
    ['metadata that are numbers', file({ __metadata__: { x: 1 } }), 'the metadata in its header are not text'],
    ['a tensor that is a number', file({ x: 1 }), 'x has the unknown dtype missing'],
    ['an unknown dtype', file({ x: entry([1], [0, 4], 'F33') }, 4), 'x has the unknown dtype "F33"'],
    [
      'a dtype that is an inherited property',
      file({ x: entry([1], [0, 4], 'toString') }, 4),
      'the unknown dtype "toString"',
    ],
    ['a shape that is a number', file({ x: entry(1, [0, 4]) }, 4), 'x has the shape 1'],
    ['a negative size', file({ x: entry([-1, -1], [0, 4]) }, 4), 'x has the shape [-1,-1]'],
    ['a fractional size', file({ x: entry([0.5, 2], [0, 4]) }, 4), 'x has the shape [0.5,2]'],
    ['half a range', file({ x: entry([1], [0]) }, 4), 'x has the range [0]'],
    ['a range backwards', file({ x: entry([1], [4, 0]) }, 4), 'x has the range [4,0]'],
    ['a range before the data', file({ x: entry([1], [-4, 0]) }, 4), 'x has the range [-4,0]'],
    [
      'a wrong shape',
      file({ x: entry([2, 3], [0, 20]) }, 20),
      'x is F32 of shape [2, 3], 24 bytes, and its range holds 20',
    ],
    [
      'a wrong dtype',
      file({ x: entry([2], [0, 8], 'F64') }, 8),
      'x is F64 of shape [2], 16 bytes, and its range holds 8',
    ],
    ['a shape beyond all numbers', file({ x: entry([2 ** 50, 2 ** 50], [0, 4]) }, 4), 'its range holds 4'],
    ['a truncated file', file({ x: entry([4], [0, 16]) }, 10), 'x ends at byte 79, and the file is cut off at 73'],
    ['an overlap', file({ x: entry([2], [0, 8]), y: entry([2], [4, 12]) }, 12), 'y overlaps x by 4 bytes'],
    ['one place twice', file({ x: entry([2], [0, 8]), y: entry([2], [0, 8]) }, 8), 'y overlaps x by 8 bytes'],
    ['a hole at the start', file({ x: entry([1], [4, 8]) }, 8), '4 bytes before x belong to nothing'],
    [
      'a hole between',
      file({ x: entry([1], [0, 4]), y: entry([1], [8, 12]) }, 12),
      '4 bytes before y belong to nothing',
    ],
    ['a rest', file({ x: entry([1], [0, 4]) }, 9), '5 bytes after x belong to nothing'],
    ['data without tensors', file({}, 3), '3 bytes after the header belong to nothing'],
    ['a tensor without a name', file({ '': entry([1], [0, 4]) }, 4), 'a tensor has no name'],
  ];
  test.each(rows)('%s', async (_, bytes, text) => {
    await expectFault(() => readSafetensors(bytes, 'x.safetensors'), 'invalid-checkpoint', 'read x.safetensors', text);
    await expectFault(() => openSafetensors(memoryFile('x.safetensors', bytes)), 'invalid-checkpoint', text);
  });

  test.each(['F8_E4M3', 'F8_E5M2', 'U16', 'U32', 'U64'])('%s, which the format has and we do not', (dtype) =>
    expectFault(() => readSafetensors(file({ x: entry([1], [0, 4], dtype) }, 4), 'x'), 'unsupported-model', dtype),
  );

  test('bytes of any kind, without an unforeseen error', () => {
    const good = writeSafetensors([
      ['x', f32([1, 2], [2])],
      ['y', i32([3], [1])],
    ]);
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(good.length), (changes, length) => {
        const bytes = good.slice(0, length % 2 ? length : good.length);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        orRefused(() => readSafetensors(bytes, 'x'), 'invalid-checkpoint', 'unsupported-model');
      }),
      { numRuns: 500 },
    );
  });

  test('headers of any kind, without an unforeseen error', () => {
    const whole = { __metadata__: { format: 'pt' }, x: entry([2], [0, 8]), y: entry([2, 1], [8, 16], 'F32') };
    fc.assert(
      fc.property(damaged(whole), (header) => {
        const read = orRefused(
          () => readSafetensors(file(JSON.stringify(header), 16), 'x'),
          'invalid-checkpoint',
          'unsupported-model',
        );
        for (const [name, stored] of read ?? []) orRefused(() => toFloats(stored, name), 'invalid-input');
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, () => string]>([
    [
      'a shape nested beyond all recursion',
      () => `{"x":{"dtype":"F32","shape":${'['.repeat(1e5)}${']'.repeat(1e5)},"data_offsets":[0,4]}}`,
    ],
    ['a name as long as the file', () => JSON.stringify({ ['x'.repeat(1e6)]: entry([1], [0, 4], 'F33') })],
    ['a list as long as the file', () => JSON.stringify({ x: entry([1], Array(1e5).fill(0)) })],
  ])('%s, in a message that can be read', async (_, header) => {
    const { message } = await faultOf(() => readSafetensors(file(header(), 4), 'x'));
    expect(message.length).toBeLessThan(10_000);
  });

  test.each(['int8', 'int32', 'int64', 'bool'] as const)('%s where floats are due', (dtype) =>
    expectFault(() => toFloats({ dtype, shape: [0], bytes: new Uint8Array() }, 'x'), 'invalid-input', `are ${dtype}`),
  );
});

sharedOrSkip()('fixtures', () => {
  test('statistics are float32 matrices by hook', () => {
    const stats = readSafetensors(readFixture('golden/llama/stats.safetensors'), 'stats');
    const moment = stats.get('blocks.1.mlp.hook_post');
    expect(moment && toTensor(moment, 'C0').shape).toEqual([176, 176]);
  });
});

// ---

/** A file with a header of one's own, whether it is right or not. */
function file(header: unknown, dataBytes = 0, claimed?: number): Bytes {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  return fileOf(new TextEncoder().encode(json), dataBytes, claimed);
}

function fileOf(header: Uint8Array, dataBytes = 0, claimed = header.length): Bytes {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed), true);
  bytes.set(header, 8);
  return bytes;
}
