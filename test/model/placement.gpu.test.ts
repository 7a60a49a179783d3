import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { encodeModel } from '../../src/graph/onnx.ts';
import { add, cast } from '../../src/graph/ops.ts';
import { extract, type Subgraph } from '../../src/graph/subgraph.ts';
import { describeModel } from '../../src/model/architectures/index.ts';
import type { ModelDescription } from '../../src/model/description.ts';
import { emitBlock } from '../../src/model/emit.ts';
import { emitEnds } from '../../src/model/emit-ends.ts';
import { emitResumed } from '../../src/model/emit-resumed.ts';
import { gpuOrSkip } from '../support/gpu.ts';
import { TINY_CONFIGS } from '../support/tiny.ts';

const describeGpu = await gpuOrSkip();

const gpt2 = describeModel(TINY_CONFIGS.gpt2);
const llama = describeModel(TINY_CONFIGS.llama);

/** Every form of graph that some model asks for. */
const MODELS: Readonly<Record<string, ModelDescription>> = {
  gpt2,
  'gpt2-erf': { ...gpt2, activation: 'gelu' },
  llama,
  'llama-tied': describeModel({ ...TINY_CONFIGS.llama, tie_word_embeddings: true }),
  'llama-biased': describeModel({ ...TINY_CONFIGS.llama, attention_bias: true, mlp_bias: true }),
};

const graphs = new Map<string, Subgraph>([
  ...Object.entries(MODELS).flatMap(([name, description]) =>
    [
      ...emitBlock(description, 'float32'),
      emitResumed(description, 'float32'),
      ...emitEnds(description, 'float32'),
    ].map((graph) => [`${name}.${graph.name}`, graph] as const),
  ),
  ['control', castOfIntegers()],
]);

describeGpu('where ONNX Runtime puts the nodes', () => {
  let log: ReadonlyMap<string, string> = new Map();
  beforeAll(() => {
    log = placementLog(graphs);
  });

  test.each([...graphs.keys()].filter((name) => name !== 'control'))('%s: all on the GPU, no copy between', (name) => {
    const lines = log.get(name)?.split('\n') ?? [];
    expect(lines.filter((line) => /placed on \[/.test(line)).map(placement)).toEqual([
      `All nodes placed on [WebGpuExecutionProvider]. Number of nodes: ${/Number of nodes: (\d+)/.exec(log.get(name) ?? '')?.[1]}`,
    ]);
    expect(lines.filter(isCopy)).toEqual([]);
  });

  test('a graph of integers is not: the log tells, and so would the tests above', () => {
    const lines = log.get('control')?.split('\n') ?? [];
    expect(lines.some((line) => /placed on \[CPUExecutionProvider\]/.test(line))).toBe(true);
    expect(lines.some(isCopy)).toBe(true);
  });
});

// ---

/** float32(a) + 1 of int64 numbers, for which the GPU has no kernel. */
function castOfIntegers(): Subgraph {
  const graph = new Graph('float32');
  const y = add(cast(graph.input('a', ['n'], 'int64'), 'float32'), graph.constant(1));
  return extract(graph, 'control', { y });
}

function placement(line: string): string {
  return line.replace(/^.*?\]\s+/, '');
}

/** A copy between host and GPU, or that one was put in. */
function isCopy(line: string): boolean {
  return /Memcpy(FromHost|ToHost)/.test(line) || /MemcpyTransformer modified: 1/.test(line);
}

/** What ONNX Runtime logs about each graph, by name. */
function placementLog(all: ReadonlyMap<string, Subgraph>): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'palimpsest-placement-'));
  try {
    for (const [name, graph] of all) {
      writeFileSync(join(folder, `${name}.onnx`), encodeModel([graph], { weights: 'inputs' }));
    }
    const file = openSync(join(folder, 'log'), 'w');
    const script = ['--liftoff-only', 'test/support/placement.mjs', folder];
    const { status } = spawnSync(process.execPath, script, { stdio: ['ignore', file, file] });
    closeSync(file);
    const text = readFileSync(join(folder, 'log'), 'utf8');
    expect({ status, end: text.trimEnd().split('\n').at(-1) }).toEqual({ status: 0, end: '=== end' });
    const parts = text.split(/^=== (.*)$/m).slice(1);
    return new Map(parts.flatMap((part, i) => (i % 2 === 0 ? [[part.replace('.onnx', ''), parts[i + 1]]] : [])));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
