import type { Watch } from '../base/tasks.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope, type Scope } from '../device/scope.ts';
import { continued, leftPadded, type Batch } from './batch.ts';
import { embed, placeBatch, walk, type Past, type PlacedBatch } from './forward.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';

/** Everything below and before what a step changes, computed once. */
export interface Kept {
  /** The suffix tokens, continuing the prefixes. */
  readonly batch: Batch;
  readonly placed: PlacedBatch;
  /** Keys and values of the prefixes, by layer; only layers from `lowest` up have them. */
  readonly pasts: readonly (Past | undefined)[];
  /** What enters the block `lowest` [N, d_model]. */
  readonly x: DeviceTensor;
  readonly lowest: number;
  /** Position of each row's first suffix token. */
  readonly starts: readonly number[];
}

/**
 * Runs the tokens before each row's `start` through all layers, keeping their keys and values, and the tokens from
 * `start` on through the layers below `lowest`. Prefixes are padded on the left, so that each suffix starts in column 0.
 */
export async function keepBelow(
  model: Model,
  rows: readonly (readonly number[])[],
  starts: readonly number[],
  lowest: number,
  patches: PlacedPatches | undefined,
  watch?: Watch,
): Promise<Kept> {
  const { description, device } = model;
  const past = Math.max(...starts);
  const prefixes = rows.map((ids, b) => ids.slice(0, starts[b]));
  const tails = rows.map((ids, b) => ids.slice(starts[b]));
  const batch = continued(description, device.float, tails, starts, past);
  return scope(async (s) => {
    const pasts: (Past | undefined)[] = past > 0 ? await runPrefix(model, prefixes, patches, watch) : [];
    for (const tensor of tensorsOf(pasts)) s.add(tensor);
    const placed = s.add(placeBatch(device, batch));
    const x = await walk(model, placed, s.add(await embed(model, batch)), {
      to: lowest,
      options: (layer) => ({ patches, past: pasts[layer] }),
      visit: async (layer) => {
        for (const tensor of tensorsOf([pasts[layer]])) tensor.dispose();
        pasts[layer] = undefined;
      },
      watch,
    });
    return releaseKept(s, { batch, placed, pasts, x, lowest, starts });
  });
}

/** Frees kept states. */
export function disposeKept({ placed, pasts, x }: Kept): void {
  for (const each of [placed, x, ...tensorsOf(pasts)]) each.dispose();
}

/** Takes kept states out of the scope in which they were made; returns them. */
export function releaseKept(s: Scope, kept: Kept): Kept {
  for (const each of [kept.placed, kept.x, ...tensorsOf(kept.pasts)]) s.release(each);
  return kept;
}

// ---

async function runPrefix(
  model: Model,
  prefixes: readonly (readonly number[])[],
  patches: PlacedPatches | undefined,
  watch: Watch | undefined,
): Promise<Past[]> {
  const batch = leftPadded(model.description, model.device.float, prefixes);
  return scope(async (s) => {
    const pasts: Past[] = [];
    const top = await walk(model, s.add(placeBatch(model.device, batch)), s.add(await embed(model, batch)), {
      to: model.blocks.length,
      options: () => ({ patches }),
      fetch: () => ['present_k', 'present_v'],
      visit: async (_, { present_k, present_v }, layerScope) => {
        pasts.push({ k: s.add(layerScope.release(present_k)), v: s.add(layerScope.release(present_v)) });
      },
      watch,
    });
    s.add(top);
    for (const tensor of tensorsOf(pasts)) s.release(tensor);
    return pasts;
  });
}

function tensorsOf(pasts: readonly (Past | undefined)[]): DeviceTensor[] {
  return pasts.flatMap((past) => (past ? [past.k, past.v] : []));
}
