import type { Recall } from '../worker/api-locate.ts';
import type { Module } from './settings.ts';

/** How what a module reads is compared with what comes of it. */
export const SIMILARITIES = ['residual', 'module', 'words'] as const;

/** One of them: cosine along the residual stream, cosine of the module's in and out, likely words that stay. */
export type Similarity = (typeof SIMILARITIES)[number];

/** A module's similarity at each layer. */
export function similarityOf(recall: Recall, module: Module, by: Similarity): Float64Array {
  if (by === 'module') return recall[module].cosine;
  const part = recall[`${module}.residual`];
  return by === 'words' ? part.overlap.lens : part.cosine;
}
