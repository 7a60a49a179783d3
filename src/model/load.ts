import type { Watch } from '../base/tasks.ts';
import type { Device } from '../device/device.ts';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.ts';
import { describeModel } from './architectures/index.ts';
import type { ModelDescription } from './description.ts';
import { assembleModel, type Model } from './model.ts';
import { ifThere, type ModelSource } from './source.ts';
import { openCheckpoint } from './weights.ts';

/**
 * Loads a model from a source onto a device: config, tokenizer, weights layer by layer.
 *
 * @throws EditorError `unsupported-model`, `invalid-checkpoint`, `invalid-tokenizer`, `missing-file`, `network`, `aborted`, …
 */
export async function loadModel(source: ModelSource, device: Device, watch: Watch = {}): Promise<Model> {
  const description = describeModel(await source.readJson('config.json', watch));
  const tokenizer = await readTokenizer(source, description, watch);
  const checkpoint = await openCheckpoint(source, description, watch);
  // The checkpoint knows better than the config whether the head is tied.
  const { name, revision } = source;
  const { description: known } = checkpoint;
  const parts = { name, description: known, tokenizer, checkpoint, ...(revision !== undefined && { revision }) };
  return assembleModel(parts, device, watch);
}

// ---

async function readTokenizer(source: ModelSource, description: ModelDescription, watch: Watch): Promise<Tokenizer> {
  const json = await source.readJson('tokenizer.json', watch);
  const config = await ifThere(source.readJson('tokenizer_config.json', watch));
  return loadTokenizer(json, config, description.d_vocab);
}
