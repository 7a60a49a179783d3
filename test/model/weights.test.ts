import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { f32, sizeOf } from '../../src/base/tensor.ts';
import { diskSource } from '../../src/headless/disk.ts';
import { describeModel } from '../../src/model/architectures/index.ts';
import { isBlockParameter, type ModelDescription, type ParameterName } from '../../src/model/description.ts';
import { memorySource } from '../../src/model/source.ts';
import { type Checkpoint, openCheckpoint, weightName } from '../../src/model/weights.ts';
import type { Bytes } from '../../src/store/byte-file.ts';
import { readSafetensors, type StoredTensor, toTensor, writeSafetensors } from '../../src/store/safetensors.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { fixture, readFixture, readFixtureJson, sharedOrSkip } from '../support/shared.ts';

type Stored = Map<string, StoredTensor>;

sharedOrSkip()('the fixtures', () => {
  const rows: [model: string, tensors: number, dtype: string, head: string][] = [
    ['gpt2', 76, 'float32', 'embed.W_E'],
    ['atomic-lm', 100, 'float16', 'embed.W_E'],
    ['llama', 57, 'float32', 'unembed.W_U'],
  ];

  test.each(rows)('%s: every tensor is used exactly once and equals the file’s', async (model, count, dtype, head) => {
    const checkpoint = await openFixture(model);
    const stored = storedTensors(model);
    expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual([...stored.keys()].sort());
    expect(checkpoint.tensors).toHaveLength(count);
    for (const { parameter, layer, name, dtype: found } of checkpoint.tensors) {
      const read = await checkpoint.read(parameter, layer);
      const due = stored.get(name);
      expect(found).toBe(dtype);
      expect(read.shape).toEqual(due?.shape);
      expect(due && sameBits(read.data, toTensor(due, name).data as Float32Array)).toBe(true);
    }
    expect(checkpoint.tensors.some(({ parameter }) => parameter === head)).toBe(true);
  });

  test('bfloat16 widens exactly', async () => {
    const narrow = mapStored(storedTensors('llama'), toBfloat);
    const checkpoint = await openMade('llama', narrow);
    for (const { parameter, layer, name } of checkpoint.tensors) {
      const { data } = await checkpoint.read(parameter, layer);
      const due = new Uint32Array((storedTensors('llama').get(name)?.bytes ?? new Uint8Array()).slice().buffer);
      expect(sameBits(data, new Float32Array(due.map((bits) => bits & 0xffff0000).buffer))).toBe(true);
    }
  });

  test('float16 and float64 are read as float32', async () => {
    const half = await (await openFixture('atomic-lm')).read('ln_final.w');
    expect(half.dtype).toBe('float32');
    const wide = mapStored(storedTensors('gpt2'), (tensor) => {
      const { data, shape } = toTensor(tensor, 'x');
      return { dtype: 'float64', shape, bytes: new Uint8Array(Float64Array.from(data as Float32Array).buffer) };
    });
    const [single, double] = [await openFixture('gpt2'), await openMade('gpt2', wide)];
    expect(await double.read('mlp.W_in', 2)).toEqual(await single.read('mlp.W_in', 2));
  });

  test('names without the prefix are the same model', async () => {
    for (const [model, prefix] of [
      ['gpt2', 'transformer.'],
      ['llama', 'model.'],
    ]) {
      const bare = new Map(Array.from(storedTensors(model), ([name, tensor]) => [name.replace(prefix, ''), tensor]));
      const [with_, without] = [await openFixture(model), await openMade(model, bare)];
      expect(await without.read('attn.W_O', 1)).toEqual(await with_.read('attn.W_O', 1));
    }
  });

  test('buffers and the copy of a tied head are passed over', async () => {
    const tensors = storedTensors('gpt2');
    for (let i = 0; i < 6; i++) tensors.set(`transformer.h.${i}.attn.bias`, stored([1, 1, 96, 96]));
    tensors.set('h.0.attn.masked_bias', stored([1]));
    tensors.set('lm_head.weight', stored([1000, 64]));
    const checkpoint = await openMade('gpt2', tensors);
    expect(checkpoint.description.tied).toBe(true);
    expect(checkpoint.tensors).toHaveLength(76);
  });

  test('a model without a head of its own is tied, whatever its config says', async () => {
    const tensors = storedTensors('llama');
    tensors.delete('lm_head.weight');
    const checkpoint = await openMade('llama', tensors);
    expect(checkpoint.description.tied).toBe(true);
    expect(checkpoint.description.parameters['unembed.W_U']).toBeUndefined();
    expect((await openFixture('llama')).description.tied).toBe(false);
  });

  test('a head of its own is not taken for a tied one', async () => {
    const checkpoint = await openFixture('llama');
    const [table, head] = [await checkpoint.read('embed.W_E'), await checkpoint.read('unembed.W_U')];
    expect(sameBits(table.data, head.data)).toBe(false);
  });

  test('weights of the sites have their names for exports', async () => {
    expect((await openFixture('gpt2')).weightName({ kind: 'mlp', layer: 3 })).toBe('transformer.h.3.mlp.c_proj.weight');
    const llama = describeFixture('llama');
    expect(weightName(llama, { kind: 'mlp', layer: 3 })).toBe('model.layers.3.mlp.down_proj.weight');
    expect(weightName(llama, { kind: 'attn', layer: 0 })).toBe('model.layers.0.self_attn.o_proj.weight');
  });

  test('the hash is that of the content, wherever it lies', async () => {
    const files = new Map(
      ['config.json', 'tokenizer.json', 'model.safetensors'].map((file) => [file, readFixture(`models/gpt2/${file}`)]),
    );
    const open = () => openCheckpoint(memorySource('elsewhere', files), describeFixture('gpt2'));
    const { hash } = await openFixture('gpt2');
    expect((await open()).hash).toBe(hash);
    for (const [file, bytes] of files) {
      const changed = bytes.slice();
      changed[bytes.length - 2] ^= 1;
      files.set(file, changed);
      expect((await open()).hash, file).not.toBe(hash);
      files.set(file, bytes);
    }
  });

  test('faults are all told at once', async () => {
    const tensors = storedTensors('gpt2');
    tensors.delete('transformer.wpe.weight');
    tensors.delete('transformer.h.3.mlp.c_proj.bias');
    tensors.set('transformer.h.6.ln_1.weight', stored([64]));
    tensors.set('transformer.h.0.attn.c_proj.weight', stored([64, 63]));
    tensors.set('transformer.ln_f.bias', { dtype: 'int64', shape: [64], bytes: new Uint8Array(512) });
    const fault = await faultOf(() => openMade('gpt2', tensors));
    expect(fault.code).toBe('invalid-checkpoint');
    expect(fault.found).toMatchInlineSnapshot(
      `"2 tensors missing: transformer.wpe.weight, transformer.h.3.mlp.c_proj.bias; 1 tensor unexpected: transformer.h.6.ln_1.weight; 1 tensor of another shape: transformer.h.0.attn.c_proj.weight is [64, 63], not [64, 64]; 1 tensor no floats: transformer.ln_f.bias is int64"`,
    );
    expect(fault.values).toEqual({ missing: 2, unexpected: 1, misshapen: 1, foreign: 1 });
  });

  test('many faults are counted', () =>
    expectFault(
      () => openMade('gpt2', storedTensors('llama')),
      'invalid-checkpoint',
      '76 tensors missing',
      'and 70 more',
    ));

  test('weights that are integers are refused as such', async () => {
    const quantized = mapStored(storedTensors('gpt2'), ({ shape }) => ({
      dtype: 'int8',
      shape,
      bytes: new Uint8Array(sizeOf(shape)),
    }));
    await expectFault(() => openMade('gpt2', quantized), 'unsupported-model', '76 tensors no floats', 'is int8');
  });

  test.each([NaN, Infinity, -Infinity])('%d in a weight is told with its place', async (value) => {
    const tensors = storedTensors('gpt2');
    const name = 'transformer.h.2.mlp.c_fc.weight';
    const data = Float32Array.from(toTensor(tensors.get(name) ?? stored([1]), name).data as Float32Array);
    data[1234] = value;
    tensors.set(name, { dtype: 'float32', shape: [64, 256], bytes: new Uint8Array(data.buffer) });
    const checkpoint = await openMade('gpt2', tensors);
    await checkpoint.read('mlp.W_in', 1);
    await expectFault(() => checkpoint.read('mlp.W_in', 2), 'not-finite', name, `value 1234 of 16384 is ${value}`);
  });

  describe('broken files', () => {
    const whole = readFixture('models/gpt2/model.safetensors');
    const damaged = (damage: (bytes: Bytes) => Bytes) => openBytes('gpt2', damage(whole.slice()));
    const inHeader = (from: string, to: string) => (bytes: Bytes) => {
      const at = Buffer.from(bytes.buffer).indexOf(from);
      bytes.set(Buffer.from(to), at);
      return bytes;
    };
    const rows: [string, (bytes: Bytes) => Bytes, string][] = [
      ['truncated', (bytes) => bytes.slice(0, -1000), 'the file is cut off at 1486896'],
      ['truncated in the header', (bytes) => bytes.slice(0, 100), 'its header claims 7184 bytes'],
      ['of a header too long', (bytes) => bytes.fill(0xff, 0, 6), 'its header claims'],
      ['of a wrong dtype', inHeader('F32', 'F64'), 'bytes, and its range holds'],
      ['of an unknown dtype', inHeader('F32', 'F31'), 'unknown dtype "F31"'],
      ['of a wrong shape', inHeader('[192]', '[193]'), '772 bytes, and its range holds 768'],
      ['of overlapping tensors', inHeader('[768,49920]', '[767,49919]'), 'overlaps'],
    ];
    test.each(rows)('%s', (_, damage, text) => expectFault(() => damaged(damage), 'invalid-checkpoint', text));
  });

  describe('a sharded model', () => {
    const shards = readdirSync(fixture('models/llama')).filter((file) => file.endsWith('.safetensors'));
    const index = () =>
      readFixtureJson<{ weight_map: Record<string, unknown> }>('models/llama/model.safetensors.index.json');
    const open = (map: unknown, change: (files: Map<string, Bytes>) => void = () => undefined) => {
      const files = new Map(shards.map((file) => [file, readFixture(`models/llama/${file}`)]));
      files.set('model.safetensors.index.json', new TextEncoder().encode(JSON.stringify({ weight_map: map })));
      change(files);
      return openCheckpoint(memorySource('made', files), describeFixture('llama'));
    };

    test('is opened from its index', async () => {
      expect((await open(index().weight_map)).tensors).toHaveLength(57);
    });

    test.each<[string, unknown, string]>([
      ['without a map', undefined, 'weight_map'],
      ['with a map of numbers', { 'lm_head.weight': 3 }, 'weight_map'],
      ['that leads elsewhere', { 'lm_head.weight': '../../secret.safetensors' }, 'weight_map'],
      [
        'with a tensor in the wrong file',
        { ...index().weight_map, 'lm_head.weight': shards[0] },
        'lm_head.weight in model-00001',
      ],
      ['with a tensor in no file', { ...index().weight_map, more: shards[0] }, 'more in model-00001'],
    ])('%s is refused', (_, map, text) => expectFault(() => open(map), 'invalid-checkpoint', text));

    test('of which a file is missing is refused', () =>
      expectFault(() => open(index().weight_map, (files) => files.delete(shards[1])), 'missing-file', shards[1]));

    test('that holds a tensor twice is refused', () =>
      expectFault(
        () => open(index().weight_map, (files) => files.set(shards[2], readFixture(`models/llama/${shards[1]}`))),
        'invalid-checkpoint',
        'is also in',
      ));
  });
});

describe('a model', () => {
  test('without weights is told', () =>
    expectFault(
      () => openCheckpoint(memorySource('empty', new Map()), GPT2),
      'missing-file',
      'it has neither model.safetensors nor model.safetensors.index.json',
    ));

  test('made of nothing but its table of parameters', async () => {
    const checkpoint = await openCheckpoint(made(GPT2), GPT2);
    for (const { parameter, layer, shape } of checkpoint.tensors) {
      const { data } = await checkpoint.read(parameter, layer);
      expect(data).toHaveLength(sizeOf(shape));
    }
    await expectFault(() => checkpoint.read('attn.W_Q', 0), 'internal');
    await expectFault(() => checkpoint.read('attn.W_O', 2), 'internal', 'no such parameter at layer 2');
    await expectFault(() => checkpoint.read('attn.W_O'), 'internal');
  });
});

// ---

const GPT2 = describeModel({
  model_type: 'gpt2',
  n_embd: 8,
  n_head: 2,
  n_layer: 2,
  n_positions: 4,
  vocab_size: 5,
});

/** A checkpoint of all parameters, each filled with its own number. */
function made(description: ModelDescription) {
  const tensors = (Object.keys(description.parameters) as ParameterName[]).flatMap((parameter, i) => {
    const spec = description.parameters[parameter];
    const layers = isBlockParameter(parameter) ? Array.from({ length: description.n_layers }, (_, at) => at) : [0];
    return layers.map((layer) => {
      const shape = spec?.shape ?? [];
      const name = (spec?.names[0] ?? '').replace('{i}', String(layer));
      return [name, f32(new Float32Array(sizeOf(shape)).fill(i), shape)] as const;
    });
  });
  return memorySource('made', new Map([['model.safetensors', writeSafetensors(tensors)]]));
}

function describeFixture(model: string): ModelDescription {
  return describeModel(readFixtureJson(`models/${model}/config.json`));
}

function openFixture(model: string): Promise<Checkpoint> {
  return openCheckpoint(diskSource(fixture(`models/${model}`)), describeFixture(model));
}

function openMade(model: string, tensors: Stored): Promise<Checkpoint> {
  return openBytes(model, writeSafetensors(tensors));
}

function openBytes(model: string, bytes: Bytes): Promise<Checkpoint> {
  return openCheckpoint(memorySource('made', new Map([['model.safetensors', bytes]])), describeFixture(model));
}

function storedTensors(model: string): Stored {
  const files = readdirSync(fixture(`models/${model}`)).filter((file) => file.endsWith('.safetensors'));
  return new Map(files.flatMap((file) => [...readSafetensors(readFixture(`models/${model}/${file}`), file)]));
}

function mapStored(tensors: Stored, change: (tensor: StoredTensor) => StoredTensor): Stored {
  return new Map(Array.from(tensors, ([name, tensor]) => [name, change(tensor)]));
}

/** float32 → bfloat16 by cutting, so that widening must give back the upper half of every number. */
function toBfloat({ shape, bytes }: StoredTensor): StoredTensor {
  const upper = Uint16Array.from(new Uint32Array(bytes.slice().buffer), (bits) => bits >>> 16);
  return { dtype: 'bfloat16', shape, bytes: new Uint8Array(upper.buffer) };
}

function stored(shape: readonly number[]): StoredTensor {
  return { dtype: 'float32', shape, bytes: new Uint8Array(4 * sizeOf(shape)) };
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && Buffer.compare(asBytes(a), asBytes(b)) === 0;
}

function asBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
