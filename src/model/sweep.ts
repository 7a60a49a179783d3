import type { Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { flatIndex, rightPadded } from './batch.ts';
import { embed, placeBatch, runBlock, walk, type BlockOutput, type PlacedBatch } from './forward.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';
import type { Place } from './suffix-plan.ts';

/**
 * A forward pass that stops at layers on its way up, so that patches can be written there before it goes on: everything
 * below is final and is run only once.
 */
export interface Sweep {
  /** Runs the blocks below `layer` with these patches. Layers only go up. */
  climbTo(layer: number, patches: PlacedPatches, watch?: Watch): Promise<void>;
  /** What the block at the current layer puts out at a hook with these patches, at some tokens: [places, width]. */
  read(hook: BlockOutput, places: readonly Place[], patches: PlacedPatches): Promise<FloatTensor>;
  dispose(): void;
}

/** Starts a sweep over rows of tokens, below layer 0. */
export async function startSweep(model: Model, rows: readonly (readonly number[])[]): Promise<Sweep> {
  const batch = rightPadded(model.description, model.device.float, rows);
  let x: DeviceTensor = await embed(model, batch);
  const placed: PlacedBatch = placeBatch(model.device, batch);
  let at = 0;
  return {
    async climbTo(layer, patches, watch) {
      const next = await walk(model, placed, x, { from: at, to: layer, options: () => ({ patches }), watch });
      if (next !== x) x.dispose();
      x = next;
      at = Math.max(at, layer);
    },
    read: (hook, places, patches) =>
      scope(async (s) => {
        const out = await runBlock(model, at, x, placed, { patches }, [hook]);
        const indices = Int32Array.from(places, ({ row, position }) => flatIndex(batch, row, position));
        const captured = s.add(await model.kernels.capture(s.add(out[hook]), indices));
        return (await captured.read()) as FloatTensor;
      }),
    dispose: () => {
      x.dispose();
      placed.dispose();
    },
  };
}
