/** Layers whose modules are restored together: from `start` to before `end`. */
export interface LayerWindow {
  readonly start: number;
  readonly end: number;
}

/** Windows that begin at one layer, by where they end, ascending; `layers` are those they stand for. */
export interface WindowGroup {
  readonly start: number;
  readonly ends: readonly { readonly end: number; readonly layers: readonly number[] }[];
}

/**
 * The window around a layer: ⌊w/2⌋ layers below it, itself, ⌈w/2⌉ − 1 above, cut off at both ends of the model.
 * [methods.md 8.1]
 */
export function windowAt(layer: number, width: number, n_layers: number): LayerWindow {
  return {
    start: Math.max(0, layer - Math.floor(width / 2)),
    end: Math.min(n_layers, layer + Math.ceil(width / 2)),
  };
}

/** The windows of all layers. Equal ones are one, and those that begin together are neighbours. Highest start first. */
export function groupWindows(width: number, n_layers: number): WindowGroup[] {
  const starts = new Map<number, Map<number, number[]>>();
  for (let layer = 0; layer < n_layers; layer++) {
    const { start, end } = windowAt(layer, width, n_layers);
    const ends = starts.get(start) ?? new Map<number, number[]>();
    starts.set(start, ends.set(end, [...(ends.get(end) ?? []), layer]));
  }
  const groups = [...starts].map(([start, ends]) => ({
    start,
    ends: [...ends].map(([end, layers]) => ({ end, layers })),
  }));
  return groups.reverse();
}
