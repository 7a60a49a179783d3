import type { Random } from '../base/random.ts';
import { shuffle } from '../base/random.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Hparams } from './hparams.ts';

/** Cosine of every layer and module at the query's last token, on the unedited model. */
export interface LayerScores {
  readonly mlp: readonly number[];
  readonly attn: readonly number[];
}

/** Layers to write, ascending. */
export interface LayerSets {
  readonly mlp: readonly number[];
  readonly attn: readonly number[];
}

/**
 * The layers that the settings allow for a module: a share of the depth, never the last layer (nothing follows that could
 * use what is written there), except in a model of one layer.
 */
export function candidateLayers(hparams: Hparams, kind: SiteKind, depth: number): number[] {
  const [from, to] = kind === 'mlp' ? [hparams.mlpFrom, hparams.mlpTo] : [hparams.attnFrom, hparams.attnTo];
  const first = roundUp(from * depth);
  const end = Math.max(first + 1, Math.min(roundUp(to * depth), depth - 1));
  return Array.from({ length: end - first }, (_, i) => first + i).filter((layer) => layer < depth);
}

/**
 * The layer sets of one edit.   [DEM's dynamics-aware choice; methods.md 6.5, gaps 1–3, 15]
 *
 * `zero` takes the smallest |cos|, `negative` the smallest cos, `largest` the largest |cos|, ties going to the lower layer;
 * `random` draws from the same candidates, `fixed` takes all of them. Several requests are ranked by their mean |cos|
 * (mean cos for `negative`).
 *
 * @param scores one entry per request
 */
export function chooseLayers(
  hparams: Hparams,
  scores: readonly LayerScores[],
  depth: number,
  random: Random,
): LayerSets {
  const pick = (kind: SiteKind, given: readonly number[] | null, count: number, edited: boolean): number[] => {
    if (!edited) return [];
    if (given) return [...given].sort((a, b) => a - b);
    const candidates = candidateLayers(hparams, kind, depth);
    return pickLayers(
      hparams.layerRule,
      meanScores(hparams, scores, kind),
      candidates,
      countOf(count, candidates),
      random,
    );
  };
  return {
    attn: pick('attn', hparams.attnLayers, hparams.attnCount, hparams.editAttn),
    mlp: pick('mlp', hparams.mlpLayers, hparams.mlpCount, hparams.editMlp),
  };
}

// ---

function pickLayers(
  rule: Hparams['layerRule'],
  scores: readonly number[],
  candidates: readonly number[],
  count: number,
  random: Random,
): number[] {
  if (rule === 'fixed') return [...candidates];
  const order = rule === 'random' ? shuffle(candidates, random) : sorted(rule, scores, candidates);
  return order.slice(0, count).sort((a, b) => a - b);
}

function sorted(rule: Hparams['layerRule'], scores: readonly number[], candidates: readonly number[]): number[] {
  const key = (layer: number) => {
    if (rule === 'negative') return scores[layer];
    return rule === 'largest' ? -Math.abs(scores[layer]) : Math.abs(scores[layer]);
  };
  return [...candidates].sort((a, b) => key(a) - key(b) || a - b);
}

/** Per layer, over the requests; with shared sets the sum over both modules. */
function meanScores(hparams: Hparams, scores: readonly LayerScores[], kind: SiteKind): number[] {
  const size = (value: number) => (hparams.layerRule === 'negative' ? value : Math.abs(value));
  const depth = scores[0]?.[kind].length ?? 0;
  return Array.from({ length: depth }, (_, layer) => {
    const values = scores.map((score) =>
      hparams.sharedLayers ? size(score.mlp[layer]) + size(score.attn[layer]) : score[kind][layer],
    );
    if (values.length === 1) return values[0];
    return values.reduce((sum, value) => sum + size(value), 0) / values.length;
  });
}

function countOf(count: number, candidates: readonly number[]): number {
  return count >= 1 ? Math.round(count) : Math.max(1, Math.round(count * candidates.length));
}

/** Shares such as 0.6 · 5 land a hair above their integer. */
function roundUp(value: number): number {
  return Math.ceil(value - 1e-9);
}
