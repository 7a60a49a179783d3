import { EditorError } from '../../base/errors.ts';
import { isRecord, showJson } from '../../store/json.ts';
import type { ModelDescription } from '../description.ts';
import { ConfigReader, type FamilyFile } from './config.ts';
import { gpt2 } from './gpt2.ts';
import { llama } from './llama.ts';

/** The one place where families are registered. */
const FAMILIES: readonly FamilyFile[] = [gpt2, llama];

/** Every `model_type` that we run. */
export const MODEL_TYPES: readonly string[] = FAMILIES.flatMap((family) => family.modelTypes);

/**
 * `config.json` → the description of the model.
 *
 * @param config the parsed file
 * @throws EditorError `unsupported-model` for a family, activation or rope that we don't run;
 *   `invalid-checkpoint` for missing, absurd or contradictory settings. All faults are named at once.
 */
export function describeModel(config: unknown): ModelDescription {
  const modelType = isRecord(config) ? config['model_type'] : undefined;
  if (!isRecord(config) || typeof modelType !== 'string') {
    throw new EditorError(
      'invalid-checkpoint',
      'read config.json',
      isRecord(config) ? `model_type is ${showJson(modelType)}` : "it isn't a JSON object",
      'use the config.json that comes with the model',
    );
  }
  const family = FAMILIES.find((each) => each.modelTypes.includes(modelType));
  if (family === undefined) {
    throw new EditorError(
      'unsupported-model',
      'run this model',
      `its model_type is "${modelType}"`,
      `choose one of ${MODEL_TYPES.join(', ')}`,
      { modelType, supported: MODEL_TYPES.join(', ') },
    );
  }
  const reader = new ConfigReader(config, modelType);
  const description = family.describe(reader);
  reader.finish();
  return description;
}
