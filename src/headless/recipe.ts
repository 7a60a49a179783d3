import { f32, type Tensor } from '../base/tensor.ts';
import type { Edit } from '../edit/record.ts';
import { formatSite } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { rankOf, type Patch } from '../model/patch.ts';

/** An edit as JSON: everything but its matrices. */
export function toJson(edit: Edit): unknown {
  const { patches, keys, ...rest } = edit;
  return {
    ...rest,
    patches: patches.map((patch) => ({ site: formatSite(patch.site), rank: rankOf(patch) })),
    keys: Object.fromEntries([...keys].map(([site, { shape }]) => [site, shape])),
  };
}

/** All edits' patches, one pair of factors for each weight: `<name>.left` [d_out, r], `<name>.right` [r, d_in]. */
export function stackPatches(model: Model, edits: readonly Edit[]): Map<string, Tensor<'float32'>> {
  const bySite = new Map<string, Patch[]>();
  for (const patch of edits.flatMap(({ patches }) => patches)) {
    const name = model.checkpoint.weightName(patch.site);
    bySite.set(name, [...(bySite.get(name) ?? []), patch]);
  }
  return new Map(
    [...bySite].flatMap(([name, patches]) => {
      const { left, right } = joinFactors(patches);
      return [[`${name}.left`, left] as const, [`${name}.right`, right] as const];
    }),
  );
}

// ---

function joinFactors(patches: readonly Patch[]): { left: Tensor<'float32'>; right: Tensor<'float32'> } {
  const rank = patches.reduce((sum, patch) => sum + rankOf(patch), 0);
  const [rows, columns] = [patches[0].left.shape[0], patches[0].right.shape[1]];
  const left = new Float32Array(rows * rank);
  const right = new Float32Array(rank * columns);
  let at = 0;
  for (const patch of patches) {
    const r = rankOf(patch);
    for (let i = 0; i < rows; i++) left.set(patch.left.data.subarray(i * r, (i + 1) * r), i * rank + at);
    right.set(patch.right.data, at * columns);
    at += r;
  }
  return { left: f32(left, [rows, rank]), right: f32(right, [rank, columns]) };
}
