import { join } from 'node:path';
import { EditorError } from '../base/errors.ts';
import { generate as run } from '../model/generate.ts';
import { allSites } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches, type DosedPatch } from '../model/patch.ts';
import { readSafetensors, toFloats } from '../store/safetensors.ts';
import { listOf, numberOf, textOf, wholeOf, type Arguments } from './arguments.ts';
import { readBytes } from './disk.ts';
import { openModel, watchOf, type Output } from './output.ts';

/**
 * `generate --model DIR --prompt TEXT [--tokens 20] [--seed 0] [--edit DIR ...] [--alpha 1]`, greedy unless
 * `--temperature` is given: one line with the prompt's ids, the new ids and the text.
 */
export async function generate(args: Arguments, output: Output): Promise<void> {
  const sampling = {
    temperature: numberOf(args, 'temperature', 0, 0, 100),
    topK: wholeOf(args, 'top-k', 0, 0, 1e6),
    topP: numberOf(args, 'top-p', 1, 0, 1),
    seed: wholeOf(args, 'seed', 0, 0, 2 ** 32 - 1),
  };
  const maxTokens = wholeOf(args, 'tokens', 20, 0, 100_000);
  const alpha = numberOf(args, 'alpha', 1, -10, 10);
  const model = await openModel(args, output);
  const { tokenizer } = model;
  const dosed: DosedPatch[] = [];
  for (const folder of listOf(args, 'edit')) dosed.push(...(await readPatches(model, folder, alpha)));
  const patches = placePatches(model.device, model.description, dosed);
  const prompt = textOf(args, 'prompt');
  const start = tokenizer.encode(prompt, { specialTokens: true }).ids;
  const ids: number[] = [];
  const logp: number[] = [];
  const stopIds = tokenizer.eosId === null ? [] : [tokenizer.eosId];
  const watch = watchOf(output);
  for await (const token of run(model, start, { maxTokens, sampling, patches, stopIds, watch })) {
    ids.push(token.id);
    logp.push(token.logp);
    watch.progress?.({ stage: 'generate', done: ids.length, total: maxTokens, unit: 'tokens' });
  }
  const text = tokenizer.decode(ids, { skipSpecial: true });
  output.line({ prompt, promptIds: [...start], ids, logp, text });
  disposePatches(patches);
  await model.dispose();
}

// ---

/** The patches of an edit's folder: `<weight>.left` [d_out, r] and `<weight>.right` [r, d_in]. */
async function readPatches(model: Model, folder: string, alpha: number): Promise<DosedPatch[]> {
  const path = join(folder, 'patches.safetensors');
  const tensors = readSafetensors(await readBytes(path), path);
  const sites = allSites(model.description.n_layers);
  const byName = new Map(sites.map((site) => [model.checkpoint.weightName(site), site]));
  const names = [...new Set([...tensors.keys()].map((name) => name.replace(/\.(left|right)$/, '')))];
  return names.map((name) => {
    const site = byName.get(name);
    const [left, right] = ['left', 'right'].map((part) => tensors.get(`${name}.${part}`));
    if (!site || !left || !right) throw foreign(path, name);
    const patch = { site, left: toFloats(left, name), right: toFloats(right, name) };
    return { patch, alpha };
  });
}

function foreign(path: string, name: string): EditorError {
  return new EditorError(
    'invalid-input',
    `read ${path}`,
    `it patches ${name}, which this model does not have, or only one of its factors is there`,
    'use an edit that was made for this model',
    { name },
  );
}
