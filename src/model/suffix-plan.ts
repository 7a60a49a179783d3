import { i32 } from '../base/tensor.ts';
import type { DeviceTensor } from '../device/memory.ts';
import { flatIndex, floats } from './batch.ts';
import { formatSite, type Site } from './hooks.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';
import type { Kept } from './prefix.ts';

/** A token of a row. */
export interface Place {
  readonly row: number;
  readonly position: number;
}

/** A token that a delta is added to; several tokens may share one slot. */
export interface Injection extends Place {
  readonly slot: number;
}

/** A token whose next-token distribution the loss reads, and the id it should predict (any, where only the KL counts). */
export interface Reading extends Place {
  readonly label: number;
}

/** What a suffix is made for. */
export interface SuffixPlan {
  readonly rows: readonly (readonly number[])[];
  /** Sites that get deltas, one vector per slot each. */
  readonly sites: readonly Site[];
  readonly slots: number;
  readonly injections: readonly Injection[];
  readonly readings: readonly Reading[];
  readonly patches?: PlacedPatches | undefined;
  /** Compute every token and every layer anew in each step: the same numbers, slowly. For tests and the benchmark. */
  readonly naive?: boolean;
}

/** Tensors that are the same in every step, or whose memory is. */
export interface Fixed {
  /** [N, slots]: one where a slot's delta is added. */
  readonly sel: DeviceTensor;
  readonly zero: DeviceTensor;
  /** [R, N]: one where a reading is. */
  readonly pick: DeviceTensor;
  readonly labels: DeviceTensor;
  readonly reference: DeviceTensor;
  readonly deltas: ReadonlyMap<string, DeviceTensor>;
  dispose(): void;
}

/** Puts on the device what every step of a plan reads. */
export function placeFixed({ device, description }: Model, plan: SuffixPlan, { batch, starts }: Kept): Fixed {
  const { float } = device;
  const tokens = batch.rows * batch.width;
  const flat = ({ row, position }: Place) => flatIndex(batch, row, position - starts[row]);
  const ones = (shape: readonly [number, number], pairs: readonly (readonly [number, number])[], name: string) => {
    const data = new Float64Array(shape[0] * shape[1]);
    for (const [i, j] of pairs) data[i * shape[1] + j] = 1;
    return device.place(floats(float, data, shape), name);
  };
  const empty = (shape: readonly [number, number], name: string) => ones(shape, [], name);
  const { readings, injections, slots, sites } = plan;
  const delta: [number, number] = [slots, description.d_model];
  const fixed = {
    sel: ones(
      [tokens, slots],
      injections.map((each) => [flat(each), each.slot] as const),
      'sel',
    ),
    zero: empty(delta, 'no delta'),
    pick: ones(
      [readings.length, tokens],
      readings.map((each, i) => [i, flat(each)] as const),
      'pick',
    ),
    labels: device.place(
      i32(
        readings.map(({ label }) => label),
        [readings.length, 1],
      ),
      'labels',
    ),
    reference: empty([readings.length, description.d_vocab], 'reference'),
    deltas: new Map(sites.map((site) => [formatSite(site), empty(delta, `delta ${formatSite(site)}`)])),
  };
  return {
    ...fixed,
    dispose: () => {
      const { deltas, ...others } = fixed;
      for (const tensor of [...Object.values(others), ...deltas.values()]) tensor.dispose();
    },
  };
}
