import { isBlockParameter, parameterCount, parameterKey, type ParameterName } from '../model/description.ts';
import { allSites, formatSite, keyHook, valueHook } from '../model/hooks.ts';
import type { Arguments } from './arguments.ts';
import { openModel, type Output } from './output.ts';

/** `describe --model DIR`: sizes, parameters, hooks and sites, as one line. */
export async function describe(args: Arguments, output: Output): Promise<void> {
  const model = await openModel(args, output);
  const { description, checkpoint, tokenizer } = model;
  const { parameters, ignored: _ignored, ...sizes } = description;
  const layers = Array.from({ length: description.n_layers }, (_, layer) => layer);
  const names = Object.keys(parameters) as ParameterName[];
  output.line({
    model: model.name,
    hash: model.hash,
    ...sizes,
    parameters: parameterCount(description),
    tensors: names.flatMap((name) =>
      isBlockParameter(name) ? layers.map((layer) => parameterKey(name, layer)) : [parameterKey(name)],
    ),
    sites: allSites(description.n_layers).map((site) => ({
      site: formatSite(site),
      weight: checkpoint.weightName(site),
      key: keyHook(site),
      value: valueHook(site),
    })),
    tokenizer: { size: tokenizer.vocabSize, bos: tokenizer.bosId, eos: tokenizer.eosId },
  });
  await model.dispose();
}
