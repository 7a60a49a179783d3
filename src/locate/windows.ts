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

/**
 * How wide windows are where nobody says: the published ten layers, of 28 in the shallowest model they were published for.
 * In a model that is less deep they would cover nearly all of it around any layer, so there it is the same share, but odd,
 * with as many layers above as below.
 */
export function usualWindow(n_layers: number): number {
  return n_layers < 28 ? 2 * Math.floor((5 / 28) * n_layers) + 1 : 10;
}

/** The windows of all layers. Equal ones are one, and those that begin together are neighbours. Lowest start first. */
export function groupWindows(width: number, n_layers: number): WindowGroup[] {
  const starts = new Map<number, Map<number, number[]>>();
  for (let layer = 0; layer < n_layers; layer++) {
    const { start, end } = windowAt(layer, width, n_layers);
    const ends = starts.get(start) ?? new Map<number, number[]>();
    starts.set(start, ends.set(end, [...(ends.get(end) ?? []), layer]));
  }
  return [...starts].map(([start, ends]) => {
    return { start, ends: [...ends].map(([end, layers]) => ({ end, layers })) };
  });
}
