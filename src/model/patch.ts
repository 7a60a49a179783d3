import { EditorError } from '../base/errors.ts';
import { formatShape, type FloatTensor } from '../base/tensor.ts';
import type { Device } from '../device/device.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { floats } from './batch.ts';
import { keyWidth, type ModelDescription } from './description.ts';
import { formatSite, type Site } from './hooks.ts';

/** A weight change beside one weight: y = W k + left (right k). The base weight is never written.   [design.md D4] */
export interface Patch {
  readonly site: Site;
  /** [d_model, r] */
  readonly left: FloatTensor;
  /** [r, key width] */
  readonly right: FloatTensor;
}

/** A patch as it takes part in runs: scaled by its dose. 0 leaves it out, so that "off" is bit for bit the base model. */
export interface DosedPatch {
  readonly patch: Patch;
  readonly alpha: number;
}

/** Per site ("mlp.3") the stacked factors of all patches there, where the device reads them. */
export type PlacedPatches = ReadonlyMap<string, { readonly left: DeviceTensor; readonly right: DeviceTensor }>;

/** Σ αᵢ leftᵢ rightᵢ = [α₁ left₁ | α₂ left₂ | …] · [right₁; right₂; …]: several patches at a site are one of higher rank. */
export function placePatches(
  device: Device,
  description: ModelDescription,
  dosed: readonly DosedPatch[],
): PlacedPatches {
  const bySite = new Map<string, DosedPatch[]>();
  for (const entry of dosed) {
    checkPatch(description, entry.patch);
    const key = formatSite(entry.patch.site);
    if (entry.alpha !== 0) bySite.set(key, [...(bySite.get(key) ?? []), entry]);
  }
  const placed = [...bySite].map(([key, entries]) => {
    const { left, right } = stack(device.float, entries);
    return [key, { left: device.place(left, `${key} left`), right: device.place(right, `${key} right`) }] as const;
  });
  return new Map(placed);
}

/** Frees what `placePatches` placed. */
export function disposePatches(placed: PlacedPatches): void {
  for (const { left, right } of placed.values()) {
    left.dispose();
    right.dispose();
  }
}

/** Rank of a patch. */
export function rankOf(patch: Patch): number {
  return patch.left.shape[1];
}

// ---

function stack(float: FloatTensor['dtype'], entries: readonly DosedPatch[]): { left: FloatTensor; right: FloatTensor } {
  const ranks = entries.map(({ patch }) => rankOf(patch));
  const rank = ranks.reduce((sum, r) => sum + r, 0);
  const [rows, columns] = [entries[0].patch.left.shape[0], entries[0].patch.right.shape[1]];
  const left = new Float64Array(rows * rank);
  const right = new Float64Array(rank * columns);
  let at = 0;
  for (const { patch, alpha } of entries) {
    const r = rankOf(patch);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < r; j++) left[i * rank + at + j] = alpha * patch.left.data[i * r + j];
    }
    right.set(patch.right.data, at * columns);
    at += r;
  }
  return {
    left: floats(float, left, [rows, rank]),
    right: floats(float, right, [rank, columns]),
  };
}

function checkPatch(description: ModelDescription, { site, left, right }: Patch): void {
  const width = keyWidth(description, site.kind);
  const fits =
    site.layer < description.n_layers &&
    left.shape[0] === description.d_model &&
    right.shape[1] === width &&
    left.shape[1] === right.shape[0];
  if (fits) return;
  throw new EditorError(
    'invalid-input',
    `apply a patch at ${formatSite(site)}`,
    `its factors are ${formatShape(left.shape)} and ${formatShape(right.shape)}, this model takes [${description.d_model}, r] and [r, ${width}] on ${description.n_layers} layers`,
    'use a patch made for this model',
    { site: formatSite(site) },
  );
}
