import { EditorError } from '../base/errors.ts';
import type { Tensor } from '../base/tensor.ts';
import { keyWidth } from '../model/description.ts';
import { compareSites, formatSite, SITE_KINDS, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { Hparams } from './hparams.ts';
import { planKeys } from './keys.ts';
import { candidateLayers, type LayerSets } from './rank.ts';
import type { LeftOut } from './record.ts';
import type { EditRows } from './rows.ts';

/** Every site that these settings could choose for some prompt. */
export function candidateSites({ description: { n_layers } }: Model, hparams: Hparams): Site[] {
  const isEdited = { attn: hparams.editAttn, mlp: hparams.editMlp };
  return SITE_KINDS.filter((kind) => isEdited[kind]).flatMap((kind) =>
    candidateLayers(hparams, kind, n_layers).map((layer): Site => ({ kind, layer })),
  );
}

/**
 * The sites that can hold what is asked of them. An attention key has few directions: where memory and new keys would fill
 * more than `keyBudget` of its width, the site is left out and the proof says so.   [dem-readings.md 8a]
 */
export function affordableSites(
  { description }: Model,
  rows: EditRows,
  hparams: Hparams,
  layers: LayerSets,
  memory: ReadonlyMap<string, Tensor<'float64'>>,
): { sites: Site[]; leftOut: LeftOut[] } {
  const chosen = SITE_KINDS.flatMap((kind) => layers[kind].map((layer): Site => ({ kind, layer }))).sort(compareSites);
  const { places, shares } = planKeys(rows, hparams.context);
  const own = places.length - shares.length + rows.slots;
  const need = (site: Site) => own + (hparams.remember ? (memory.get(formatSite(site))?.shape[0] ?? 0) : 0);
  const budget = (site: Site) => Math.floor(hparams.keyBudget * keyWidth(description, site.kind));
  const isOver = (site: Site) => site.kind === 'attn' && hparams.keyBudget < 1 && need(site) > budget(site);
  const sites = chosen.filter((site) => !isOver(site));
  const leftOut = chosen
    .filter(isOver)
    .map((site) => ({ site: formatSite(site), keys: need(site), budget: budget(site) }));
  if (sites.length > 0) return { sites, leftOut };
  throw new EditorError(
    'invalid-hyperparameter',
    'choose where to write',
    `every chosen attention site would have to hold ${leftOut[0]?.keys} keys and may hold at most ${leftOut[0]?.budget}`,
    'edit MLP layers too, raise keyBudget, or edit fewer requests at once',
  );
}

/** stepSize · |h| / √d, |h| the median residual norm at the sites' layers.   [dem-readings.md 5, 9] */
export function learningRate(
  { description }: Model,
  hparams: Hparams,
  sites: readonly Site[],
  norms: readonly number[],
): number {
  if (hparams.learningRate !== null) return hparams.learningRate;
  const sorted = sites.map(({ layer }) => norms[layer]).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return (hparams.stepSize * median) / Math.sqrt(description.d_model);
}
