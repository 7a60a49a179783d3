import type { WindowGroup } from './windows.ts';

/**
 * One restoration on its way up through a layer: a token's corrupted rows that differ from the corrupted run. What they
 * share below the place where they part is run once.
 */
export interface Strand {
  /** Which strand of the layer below it goes on from; null: from the corrupted run. */
  readonly below: number | null;
  /** What stands at the restored token as it enters: what comes from below, its clean state, or its state with a module restored in the layer below. */
  readonly first: 'below' | 'clean' | 'module';
  /** Whether a module's output is put in the place of its own at the restored token. */
  readonly forced: boolean;
}

/** The strands of each layer, and for those that arrive at the top the layers whose cells they are. */
export interface Climb {
  readonly layers: readonly (readonly Strand[])[];
  readonly cells: readonly (readonly number[])[];
}

/** The hidden state restored behind some layers, the last one excepted: nothing is left to run behind that. */
export function stateStrands(layers: readonly number[], n_layers: number): Climb {
  const origins = layers.map((layer) => {
    return { at: layer + 1, first: 'clean', ends: [{ end: layer + 1, layers: [layer] }] } as const;
  });
  return climbOf(origins, n_layers);
}

/** Modules restored in windows: a strand for windows that begin together, from which each branches off where it ends. */
export function windowStrands(groups: readonly WindowGroup[], n_layers: number): Climb {
  const origins = groups.map(({ start, ends }) => {
    const last = start === n_layers - 1;
    return { at: last ? start : start + 1, first: last ? 'below' : 'module', ends } as const;
  });
  return climbOf(origins, n_layers);
}

/** The corrupted run with outputs forced all the way up (the first strand), and from it a strand with the clean state behind each layer but the last. */
export function severedStrands(n_layers: number): Climb {
  const layers = Array.from({ length: n_layers }, (_, layer) => {
    return Array.from({ length: layer + 1 }, (__, i): Strand => {
      if (layer === 0) return { below: null, first: 'below', forced: true };
      return i === layer ? { below: 0, first: 'clean', forced: true } : { below: i, first: 'below', forced: true };
    });
  });
  return { layers, cells: Array.from({ length: n_layers }, (_, i) => (i === 0 ? [] : [i - 1])) };
}

// ---

/** Where a strand leaves the corrupted run, and up to before which layers its branches are forced. */
interface Origin extends Pick<Strand, 'first'> {
  readonly at: number;
  readonly ends: WindowGroup['ends'];
}

/** A strand that goes on being forced has no end yet. */
interface Line {
  readonly origin: Origin;
  readonly end: number | null;
}

function climbOf(origins: readonly Origin[], n_layers: number): Climb {
  const layers: Strand[][] = [];
  let lines: Line[] = [];
  for (let layer = 0; layer < n_layers; layer++) {
    const next: Line[] = [];
    const strands: Strand[] = [];
    const add = ({ origin, end }: Line, below: number | null) => {
      const first = below === null ? origin.first : 'below';
      const branches = end === null ? origin.ends.filter((each) => each.end === layer).map((each) => each.end) : [end];
      const goesOn = end === null && origin.ends.some((each) => each.end > layer) ? [null] : [];
      for (const branch of [...branches, ...goesOn]) {
        next.push({ origin, end: branch });
        strands.push({ below, first, forced: branch === null });
      }
    };
    lines.forEach(add);
    for (const origin of origins) if (origin.at === layer) add({ origin, end: null }, null);
    layers.push(strands);
    lines = next;
  }
  const cells = lines.map(({ origin, end }) => {
    return origin.ends.find((each) => each.end === (end ?? n_layers))?.layers ?? [];
  });
  return { layers, cells };
}
