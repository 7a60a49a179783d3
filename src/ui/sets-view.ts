import {
  contrastOf,
  meanOf,
  PERSON_VARIANTS,
  PROMPT_KINDS,
  sideWithMore,
  type Contrast,
  type KnowledgeKind,
  type LineSummary,
  type PromptFigures,
  type PromptKind,
  type PromptSet,
  type RelationSummaries,
  type RelationSummary,
  type SetSummary,
} from '../worker/api-locate.ts';
import type { Field } from './csv.ts';
import { MODULES, type Module } from './settings.ts';

/** What is shown by layer: what putting a module back brings, or the words that its in and out share. */
export const SET_LINES = ['effect', 'overlap'] as const;

/** One of them. */
export type SetLine = (typeof SET_LINES)[number];

/** A set's line of a module; undefined where it wasn't measured. */
export function lineOf({ lines }: SetSummary, line: SetLine, module: Module): LineSummary | undefined {
  return lines[`${line === 'effect' ? 'effect' : 'overlap.lens'}.${module}`];
}

/** A set in one number: how widely the effect lies over its cells, or the mean of its line. NaN where it wasn't measured. */
export function figureOfSet(summary: SetSummary, line: SetLine, module: Module): number {
  if (line === 'effect') return summary.figures[`spread.${module}.entropy`]?.mean ?? NaN;
  return meanOf(Array.from(lineOf(summary, line, module)?.mean ?? []));
}

/** A prompt in the same number: a set's is the mean of its prompts'. NaN where it wasn't measured. */
export function figureOfPrompt({ figures, lines }: PromptFigures, line: SetLine, module: Module): number {
  if (line === 'effect') return figures[`spread.${module}.entropy`] ?? NaN;
  return meanOf(Array.from(lines[`overlap.lens.${module}`] ?? []));
}

/** How both sides compare in that number; null for too few relations. */
export function contrastIn({ relations }: RelationSummaries, line: SetLine, module: Module): Contrast | null {
  return contrastOf(relations, (summary) => figureOfSet(summary, line, module));
}

/** Layers in which a side has more, as far as the interval over relations tells them apart; null for too few relations. */
export function layersApart(
  { relations, kinds }: RelationSummaries,
  line: SetLine,
  module: Module,
): Record<KnowledgeKind, number[]> | null {
  const depth = lineOf(kinds.fact, line, module)?.mean.length ?? 0;
  const found: Record<KnowledgeKind, number[]> = { fact: [], commonsense: [] };
  for (let layer = 0; layer < depth; layer++) {
    const contrast = contrastOf(relations, (summary) => lineOf(summary, line, module)?.mean[layer] ?? NaN);
    if (!contrast) return null;
    const side = sideWithMore(contrast);
    if (side) found[side].push(layer);
  }
  return depth > 0 ? found : null;
}

/** Ascending layers as ranges: 0 1 3 → 0–1, 3. */
export function rangesOf(layers: readonly number[]): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  for (const layer of layers) {
    const last = ranges.at(-1);
    if (last?.[1] === layer - 1) last[1] = layer;
    else ranges.push([layer, layer]);
  }
  return ranges;
}

/** A side's relations, in the order in which they were measured. */
export function relationsOf<T extends { readonly kind: PromptKind }>(
  { relations }: { readonly relations: readonly T[] },
  side: PromptKind,
): T[] {
  return relations.filter(({ kind }) => kind === side);
}

/** A relation that can be measured. */
export interface OfferedRelation {
  readonly relation: string;
  readonly kind: PromptKind;
  readonly prompts: number;
}

/** The relations of some prompts, in their order. */
export function relationsIn(set: PromptSet | null): OfferedRelation[] {
  const found = new Map<string, OfferedRelation>();
  for (const { relation, kind } of set?.prompts ?? []) {
    found.set(relation, { relation, kind, prompts: (found.get(relation)?.prompts ?? 0) + 1 });
  }
  return [...found.values()];
}

/** Relations' means by layer, [relations, layers]; NaN where they weren't measured. */
export function meansOf(
  relations: readonly RelationSummary[],
  line: SetLine,
  module: Module,
  depth: number,
): Float64Array {
  return Float64Array.from({ length: relations.length * depth }, (_, i) => {
    return lineOf(relations[Math.floor(i / depth)].summary, line, module)?.mean[i % depth] ?? NaN;
  });
}

/**
 * Every line of every side and relation as rows; those of a person have the variant in the relation's place.
 *
 * @param file that the prompts are from; null for those that came with the model
 */
export function setRows(sets: RelationSummaries, file: string | null): Field[][] {
  const header = ['file', 'side', 'relation', 'prompts', 'measure', 'module', 'layer', 'mean', 'band_95', 'n'];
  const sides = PROMPT_KINDS.map((kind) => ({ kind, relation: '', summary: sets.kinds[kind] }));
  const persons = PERSON_VARIANTS.map((relation) => ({ kind: 'person', relation, summary: sets.decoupling[relation] }));
  const rows = [...sides, ...sets.relations, ...persons].flatMap(({ kind, relation, summary }) =>
    SET_LINES.flatMap((line) =>
      MODULES.flatMap((module) => {
        const found = lineOf(summary, line, module);
        return Array.from(found?.mean ?? [], (mean, layer): Field[] => [
          ...[file, kind, relation, summary.n, line, module, layer],
          ...[mean, found?.band[layer] ?? null, found?.n ?? 0],
        ]);
      }),
    ),
  );
  return [header, ...rows];
}
