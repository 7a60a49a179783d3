import type { Recall } from '../worker/api-locate.ts';
import type { Module } from './settings.ts';

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
