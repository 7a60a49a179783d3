import { dosedPatches, type StackedEdit } from '../../src/edit/record.ts';
import type { Model } from '../../src/model/model.ts';
import { disposePatches, placePatches, type PlacedPatches } from '../../src/model/patch.ts';

/** Asks something of a model with a stack of edits on it, and takes them off again. */
export async function withStack<T>(
  model: Model,
  stack: readonly StackedEdit[],
  ask: (patches: PlacedPatches) => Promise<T>,
): Promise<T> {
  const patches = placePatches(model.device, model.description, dosedPatches(stack));
  try {
    return await ask(patches);
  } finally {
    disposePatches(patches);
  }
}
