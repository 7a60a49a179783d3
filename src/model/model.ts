import { throwIfAborted, type Watch } from '../base/tasks.ts';
import { toFloat, zeros, type Tensor } from '../base/tensor.ts';
import type { Device, LoadedProgram } from '../device/device.ts';
import { hostTensor, type DeviceTensor } from '../device/memory.ts';
import type { Program } from '../device/session.ts';
import { makeKernels, type Kernels } from '../kernels/kernels.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { keyWidth, type ModelDescription, type ParameterName } from './description.ts';
import { emitBlock } from './emit.ts';
import { emitEnds } from './emit-ends.ts';
import { emitResumed } from './emit-resumed.ts';
import type { Checkpoint } from './weights.ts';

/** A model ready to run: its weights are on the device, its graphs compiled. */
export interface Model {
  readonly name: string;
  /** Which version of it, where its place has versions. */
  readonly revision?: string;
  /** Fingerprint of weights and config: what caches and saved edits are keyed by. */
  readonly hash: string;
  readonly description: ModelDescription;
  readonly tokenizer: Tokenizer;
  /** Where the weights came from: they can be read again, for norms and exports. */
  readonly checkpoint: Checkpoint;
  readonly device: Device;
  readonly kernels: Kernels;
  /** Embedding, logits, scores and loss: see `emitEnds`. */
  readonly ends: LoadedProgram;
  /** One per layer: see `emitBlock` and `emitResumed`. */
  readonly blocks: readonly LoadedProgram[];
  /** The graphs that all blocks share. */
  readonly blockProgram: Program;
  /** Feeds without numbers, for a block that has no patch, no past or no delta. */
  readonly empty: EmptyFeeds;
  dispose(): Promise<void>;
}

/** Zero-size feeds by name. */
export type EmptyFeeds = Readonly<
  Record<'attn.left' | 'attn.right' | 'mlp.left' | 'mlp.right' | 'delta', DeviceTensor>
>;

/** What a model is made of before it is on a device. */
export type ModelParts = Pick<Model, 'name' | 'revision' | 'description' | 'tokenizer' | 'checkpoint'>;

/** Compiles a model's graphs and puts its weights on a device, layer by layer. */
export async function assembleModel(parts: ModelParts, device: Device, watch: Watch = {}): Promise<Model> {
  const { description, checkpoint, name } = parts;
  const { float } = device;
  const read = (layer?: number) => async (parameter: string) =>
    toFloat(await checkpoint.read(parameter as ParameterName, layer), float);
  const total = description.n_layers + 1;
  const report = (done: number) => watch.progress?.({ stage: 'load', done, total, unit: 'layers' });
  const programs: LoadedProgram[] = [];
  try {
    report(0);
    programs.push(await device.load({ name: 'ends', graphs: emitEnds(description, float) }, read()));
    const graphs = [...emitBlock(description, float), emitResumed(description, float)];
    const blockProgram: Program = { name: 'block', graphs };
    for (let layer = 0; layer < description.n_layers; layer++) {
      throwIfAborted(watch, `load ${name}`);
      report(layer + 1);
      programs.push(await device.load({ ...blockProgram, name: `blocks.${layer}` }, read(layer)));
    }
    report(total);
    const [ends, ...blocks] = programs;
    return {
      ...parts,
      hash: checkpoint.hash,
      device,
      kernels: makeKernels(device.gpu),
      ends,
      blocks,
      blockProgram,
      empty: makeEmpty(device, description),
      dispose: () => disposeAll(programs),
    };
  } catch (error) {
    await disposeAll(programs);
    throw error;
  }
}

// ---

async function disposeAll(programs: readonly LoadedProgram[]): Promise<void> {
  for (const program of programs) await program.dispose();
}

function makeEmpty(device: Device, description: ModelDescription): EmptyFeeds {
  const none = (shape: readonly number[]) => hostTensor(zeros(device.float, shape) as Tensor);
  const { d_model } = description;
  return {
    'attn.left': none([d_model, 0]),
    'attn.right': none([0, keyWidth(description, 'attn')]),
    'mlp.left': none([d_model, 0]),
    'mlp.right': none([0, keyWidth(description, 'mlp')]),
    delta: none([0, d_model]),
  };
}
