import type { Recall } from '../worker/api-locate.ts';
import type { Field } from './csv.ts';
import { subtract } from './location-view.ts';
import { MODULES, type Module } from './settings.ts';

/** How what a module reads is compared with what comes of it. */
export const SIMILARITIES = ['residual', 'module', 'words', 'embedded'] as const;

/**
 * One of them: cosine along the residual stream, cosine of the module's in and out, likely words that stay, read through the
 * final norm and the head or through the embedding table alone.
 */
export type Similarity = (typeof SIMILARITIES)[number];

/** A module's similarity at each layer. */
export function similarityOf(recall: Recall, module: Module, by: Similarity): Float64Array {
  if (by === 'module') return recall[module].cosine;
  const part = recall[`${module}.residual`];
  if (by === 'residual') return part.cosine;
  return part.overlap[by === 'words' ? 'lens' : 'embedding'];
}

/** What edits have done to a module's similarity at each layer; NaN where it isn't known without them. */
export function similarityChange(recall: Recall, before: Recall | null, module: Module, by: Similarity): Float64Array {
  return subtract(similarityOf(recall, module, by), before ? similarityOf(before, module, by) : []);
}

/** Recall with what it is of. */
export interface RecallRecord {
  readonly prompt: string;
  /** Which edits took part (`stampOf`). */
  readonly stamp: string;
  readonly recall: Recall;
}

/**
 * Every layer of either module as a row, as the engine gave it.
 *
 * @param chosen layers that the edit will write
 */
export function similarityRows(
  records: readonly RecallRecord[],
  chosen: Readonly<Record<Module, readonly number[]>>,
): Field[][] {
  const measures = ['cosine_stream', 'cosine_module', 'same_words', 'same_words_no_norm', 'norm_out'];
  const rows = records.flatMap(({ prompt, stamp, recall }) =>
    MODULES.flatMap((module) =>
      Array.from(recall[module].cosine, (_, layer): Field[] => [
        ...[prompt, stamp, layer, module],
        ...SIMILARITIES.map((each) => similarityOf(recall, module, each)[layer]),
        ...[recall[module].normOut[layer], chosen[module].includes(layer) ? 1 : 0],
      ]),
    ),
  );
  return [['prompt', 'edits', 'layer', 'module', ...measures, 'chosen'], ...rows];
}
