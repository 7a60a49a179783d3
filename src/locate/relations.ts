import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { isRecord, showJson } from '../store/json.ts';
import { readLocateRequests, type LocateRequest } from './case.ts';
import { measureDecoupling, type PersonVariant } from './decoupling.ts';
import { LOCATION_KINDS } from './location.ts';
import { NOISE_DRAWS, NOISE_SEED, subjectSigma } from './noise.ts';
import { TOP_K } from './recall.ts';
import {
  measureSet,
  SET_MEASURES,
  summarizeSet,
  type PromptFigures,
  type SetJournal,
  type SetSettings,
  type SetSummary,
} from './sets.ts';
import { usualWindow } from './windows.ts';

/** The two sides of every comparison. */
export const KNOWLEDGE_KINDS = ['commonsense', 'fact'] as const;

/** One of them. */
export type KnowledgeKind = (typeof KNOWLEDGE_KINDS)[number];

/** What a prompt may be: on one of the sides, or of a person's own, who doesn't say. */
export const PROMPT_KINDS = [...KNOWLEDGE_KINDS, 'own'] as const;

/** One of them. */
export type PromptKind = (typeof PROMPT_KINDS)[number];

/** A prompt of a set: which relation it asks for (xNeed, capital …), and on which side that stands. */
export interface RelationPrompt extends LocateRequest {
  readonly relation: string;
  readonly kind: PromptKind;
}

/** One relation in figures. */
export interface RelationSummary {
  readonly relation: string;
  readonly kind: PromptKind;
  readonly summary: SetSummary;
}

/** Relations beside each other, each side as a whole, and who it is about. Plain data. */
export interface RelationSummaries {
  readonly relations: readonly RelationSummary[];
  /** All prompts of a kind; one without prompts has n = 0. */
  readonly kinds: Readonly<Record<PromptKind, SetSummary>>;
  /** Prompts about PersonX, with a name in PersonX's place, and without anybody; without what is traced. */
  readonly decoupling: Readonly<Record<PersonVariant, SetSummary>>;
}

/** Settings of sets, none left open. */
export type CompleteSetSettings = Required<SetSettings>;

/**
 * Checks what a file of prompts holds: `[{prompt, subject, target?, relation, kind}]`.
 *
 * @throws EditorError `invalid-request` naming every fault
 */
export function readRelationPrompts(input: unknown): RelationPrompt[] {
  const list: readonly unknown[] = readLocateRequests(input);
  const faults = list.flatMap((entry, i) => {
    const { relation, kind } = isRecord(entry) ? entry : {};
    const named = typeof relation === 'string' && relation !== '';
    return [
      ...(named ? [] : [`prompt ${i + 1}: the relation is ${showJson(relation)}`]),
      ...(KNOWLEDGE_KINDS.some((each) => each === kind) ? [] : [`prompt ${i + 1}: the kind is ${showJson(kind)}`]),
    ];
  });
  for (const i of faults.length > 0 ? [] : onBothSides(list as RelationPrompt[])) {
    const { relation, kind } = list[i] as RelationPrompt;
    faults.push(`prompt ${i + 1}: the relation "${relation}" has prompts of another kind than ${kind}`);
  }
  if (faults.length === 0) return list as RelationPrompt[];
  const advice = `give each a relation and a kind, ${KNOWLEDGE_KINDS.join(' or ')}`;
  throw new EditorError('invalid-request', 'read the prompts of the sets', faults.join('; '), advice);
}

/** Places of the prompts whose relation began on the other side: a relation stands on one. */
export function onBothSides(prompts: readonly RelationPrompt[]): number[] {
  const sides = new Map<string, PromptKind>();
  return prompts.flatMap(({ relation, kind }, i) => {
    const side = sides.get(relation) ?? kind;
    sides.set(relation, side);
    return side === kind ? [] : [i];
  });
}

/** What sets are measured with where nothing else is asked for. Noise is scaled by all their subjects together. */
export async function completeSettings(
  model: Model,
  prompts: readonly LocateRequest[],
  asked: SetSettings = {},
): Promise<CompleteSetSettings> {
  return {
    measures: asked.measures ?? SET_MEASURES,
    kinds: asked.kinds ?? LOCATION_KINDS,
    window: asked.window ?? usualWindow(model.description.n_layers),
    draws: asked.draws ?? NOISE_DRAWS,
    seed: asked.seed ?? NOISE_SEED,
    topK: asked.topK ?? TOP_K,
    sigma:
      asked.sigma ??
      (await subjectSigma(
        model,
        prompts.map(({ subject }) => subject.trim()),
      )),
  };
}

/**
 * Measures all prompts, and sums them up by relation, by side, and by who they are about: what Layers and Relations show.
 * The journal makes it cheap to go on after an abort, and to sum up while figures still come.   [methods.md 8.3]
 *
 * @throws EditorError as `measureSet` does
 */
export async function measureRelations(
  model: Model,
  prompts: readonly RelationPrompt[],
  settings: CompleteSetSettings,
  journal: SetJournal = {},
  watch?: Watch,
  patches?: PlacedPatches,
  state = '',
): Promise<RelationSummaries> {
  const figures = await measureSet(model, prompts, settings, journal, watch, patches, state);
  const decoupling = await measureDecoupling(model, prompts, decoupled(settings), journal, watch, patches, state);
  return { ...summarizeRelations(prompts, figures), decoupling };
}

/**
 * Prompts' figures by relation and by side.
 *
 * @param figures of as many of the first prompts as are known
 */
export function summarizeRelations(
  prompts: readonly RelationPrompt[],
  figures: readonly PromptFigures[],
): Omit<RelationSummaries, 'decoupling'> {
  const summaryOf = (chosen: (prompt: RelationPrompt) => boolean) =>
    summarizeSet(figures.filter((_, i) => chosen(prompts[i])));
  const known = prompts.slice(0, figures.length);
  const names = [...new Set(known.map(({ relation }) => relation))];
  const relations = names.flatMap((relation) => {
    const first = known.find((prompt) => prompt.relation === relation);
    return first ? [{ relation, kind: first.kind, summary: summaryOf((prompt) => prompt.relation === relation) }] : [];
  });
  const kinds = PROMPT_KINDS.map((kind) => [kind, summaryOf((prompt) => prompt.kind === kind)] as const);
  return { relations, kinds: Object.fromEntries(kinds) as RelationSummaries['kinds'] };
}

/** At most so many prompts of each relation, in their order. */
export function firstOfEach(prompts: readonly RelationPrompt[], most: number): RelationPrompt[] {
  const taken = new Map<string, number>();
  return prompts.filter(({ relation }) => {
    const before = taken.get(relation) ?? 0;
    taken.set(relation, before + 1);
    return before < most;
  });
}

/** Decoupling is measured for what each layer recalls: without tracing it takes next to no time. */
export function decoupled(settings: CompleteSetSettings): CompleteSetSettings {
  return { ...settings, measures: settings.measures.filter((measure) => measure !== 'location') };
}
