import { f64, type FloatTensor, type Tensor } from '../base/tensor.ts';
import type { Place } from '../model/suffix-plan.ts';
import type { EditRows } from './rows.ts';

/** Tokens whose keys a write reads, in a fixed order: edited ones first, then context. */
export interface KeyPlan {
  readonly places: readonly Place[];
  /** For each of the first places: the slot it belongs to and its weight in that slot's key. */
  readonly shares: readonly { readonly slot: number; readonly weight: number }[];
}

/** Which tokens' keys are wanted: those edited, and with `context` the rest of each row too. */
export function planKeys({ rows, firstSlot }: EditRows, context: boolean): KeyPlan {
  const edited = rows.flatMap(({ request, edited: positions, weight }, row) =>
    positions.map((position, i) => ({ row, position, slot: firstSlot[request] + i, weight })),
  );
  const others = context ? rows.flatMap((each, row) => each.context.map((position) => ({ row, position }))) : [];
  return { places: [...edited, ...others], shares: edited.map(({ slot, weight }) => ({ slot, weight })) };
}

/**
 * Keys of the slots, averaged over templates (mean in each group, then over groups), and the context's keys as they are.
 * [methods.md 4; dem-readings.md 8]
 *
 * @param found [places, p] in the plan's order
 * @returns     keys [slots, p], context [m, p]
 */
export function averageKeys(
  { shares }: KeyPlan,
  slots: number,
  found: FloatTensor,
): { keys: Tensor<'float64'>; context: Tensor<'float64'> } {
  const width = found.shape[1];
  const keys = new Float64Array(slots * width);
  shares.forEach(({ slot, weight }, i) => {
    for (let j = 0; j < width; j++) keys[slot * width + j] += weight * found.data[i * width + j];
  });
  const rest = Float64Array.from(found.data.subarray(shares.length * width));
  return { keys: f64(keys, [slots, width]), context: f64(rest, [rest.length / width, width]) };
}
