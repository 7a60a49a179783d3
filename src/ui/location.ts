import type { CellBlock, LocationBaseline, LocationKind, LocationMap } from '../worker/api-locate.ts';

/** What can be restored, in the order of the tabs. */
export const KINDS = ['hidden', 'mlp', 'attn'] as const satisfies readonly LocationKind[];

/** A map of which nothing is known but its size and what it is compared with. */
export function emptyMap(baseline: LocationBaseline, tokens: number, layers: number): LocationMap {
  const scores = () => new Float64Array(tokens * layers).fill(NaN);
  const kinds = KINDS.map((kind) => [kind, { probability: scores(), logProbability: scores() }] as const);
  return { ...baseline, tokens, layers, kinds: Object.fromEntries(kinds) };
}

/** The map with some cells more; the one before stays as it is. */
export function withBlock(map: LocationMap, { kind, tokens, layers, ...found }: CellBlock): LocationMap {
  const before = map.kinds[kind];
  if (!before) return map;
  const put = (of: 'probability' | 'logProbability') => {
    const scores = before[of].slice();
    tokens.forEach((token, i) => {
      layers.forEach((layer, j) => (scores[token * map.layers + layer] = found[of][i * layers.length + j]));
    });
    return scores;
  };
  return {
    ...map,
    kinds: { ...map.kinds, [kind]: { probability: put('probability'), logProbability: put('logProbability') } },
  };
}

/** Whether every cell of a kind is known. */
export function isWhole(map: LocationMap, kind: LocationKind): boolean {
  return map.kinds[kind]?.probability.every(Number.isFinite) ?? false;
}
