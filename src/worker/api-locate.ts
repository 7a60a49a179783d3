import type { StackEntry } from '../edit/record.ts';
import type { LocateCase, LocateRequest } from '../locate/case.ts';
import type { Lens } from '../locate/lens.ts';
import type { CellBlock, LocationBaseline, LocationKind, LocationMap } from '../locate/location.ts';
import type { Recall } from '../locate/recall.ts';
import type { PromptSet } from '../locate/prompt-set.ts';
import type { CompleteSetSettings, RelationPrompt, RelationSummaries } from '../locate/relations.ts';
import type { StoredSets } from '../locate/set-file.ts';
import type { PromptFigures } from '../locate/sets.ts';
import type { TracingSettings } from '../locate/tracing-settings.ts';
import type { OnProgress, Version } from './api-call.ts';

export type { CompleteSetSettings, PromptFigures, PromptSet, StoredSets };
export type { CellBlock, Lens, LocateCase, LocateRequest, LocationBaseline, LocationKind, LocationMap, Recall };
export type { TracingSettings };
export type { LensPlace } from '../locate/lens.ts';
export type { RecallPart } from '../locate/recall.ts';
export { contrastOf, sideWithMore, type Contrast } from '../locate/contrast.ts';
export { PERSON_VARIANTS, type PersonVariant } from '../locate/decoupling.ts';
export {
  firstOfEach,
  KNOWLEDGE_KINDS,
  PROMPT_KINDS,
  type KnowledgeKind,
  type PromptKind,
  type RelationPrompt,
  type RelationSummaries,
  type RelationSummary,
} from '../locate/relations.ts';
export type { LineSummary, SetSummary } from '../locate/sets.ts';
export { meanOf, spreadOf, type Spread } from '../locate/spread.ts';
export {
  isMeasuredAlike,
  tracingFaults,
  tracingRanges,
  usualTracing,
  type TracingFault,
  type TracingRange,
} from '../locate/tracing-settings.ts';
export { windowAt } from '../locate/windows.ts';

/** What was measured, and of which model: see `stampOf`. */
export interface Measured {
  readonly item: LocateCase;
  readonly stamp: string;
}

/** A whole map. */
export interface Located extends Measured {
  readonly map: LocationMap;
}

/** Recall at the prompt's last token. */
export interface Recalled extends Measured {
  /** Size of the sets of words that are compared. */
  readonly topK: number;
  readonly recall: Recall;
}

/** The logit lens, with the words of all ids in it. */
export interface Seen extends Measured {
  readonly lens: Lens;
  readonly words: Readonly<Record<number, string>>;
}

/** What of which prompts is to be measured. Plain data. */
export interface SetsAsked {
  /** A person's own prompts; null for those that came with the model. */
  readonly own: PromptSet | null;
  readonly relations: readonly string[];
  /** Prompts of each of them, at most. */
  readonly each: number;
}

/** Sets as they were measured in this page, with as many prompts as are known. Plain data. */
export interface MeasuredSets extends RelationSummaries {
  /** The file that the prompts are from; null for those that came with the model. */
  readonly file: string | null;
  /** Which edits took part (`stampOf`). */
  readonly stamp: string;
  readonly settings: CompleteSetSettings;
  /** Prompts that were asked for, and variants of them about other people. */
  readonly asked: number;
  readonly askedVariants: number;
}

/** What figures of a prompt depend on, besides the model. */
export type HowMeasured = Pick<MeasuredSets, 'settings' | 'stamp'>;

/** What is asked about one prompt. */
export interface Question {
  readonly prompt: string;
  readonly subject: string;
  /** Empty for what the model says. */
  readonly target: string;
  /** The answer by its tokens instead, to ask exactly what was asked elsewhere. */
  readonly targetIds?: readonly number[];
  readonly version: Version;
  readonly how: TracingSettings;
}

/** How a map is measured, and what of it, in that order. Plain data. */
export interface MapSettings extends TracingSettings {
  readonly kinds: readonly LocationKind[];
}

/** An answer as it was traced, as far as that came. Plain data. */
export interface TracedAnswer extends Measured {
  readonly question: Question;
  readonly map: LocationMap;
  readonly recalled: Recalled | null;
  readonly seen: Seen | null;
  /** In milliseconds since 1970. */
  readonly computedAt: number;
  readonly seconds: number;
  /** Whether cells are missing, because it was stopped or failed. */
  readonly stopped: boolean;
}

/** What was traced last, to be shown again on another visit. Plain data. */
export interface KeptTracing {
  readonly here: TracedAnswer;
  readonly beside: TracedAnswer | null;
}

/** What was measured last of sets, to be shown again on another visit. Plain data. */
export interface KeptSets {
  readonly sets: MeasuredSets;
  /** What they were measured on, in that order. */
  readonly prompts: readonly RelationPrompt[];
  /** In milliseconds since 1970. */
  readonly computedAt: number;
  readonly secondsPerPrompt: number | null;
}

/** What a map consists of, in the order in which it becomes known. */
export type LocatePart =
  | ({ readonly kind: 'case' } & Measured)
  | { readonly kind: 'baseline'; readonly baseline: LocationBaseline }
  | { readonly kind: 'cells'; readonly block: CellBlock };

/**
 * Which edits take part in what a model says, and how strongly; empty for the untouched model. What was measured under one
 * stamp is out of date under another.
 */
export function stampOf(stack: readonly StackEntry[]): string {
  return stack.flatMap(({ id, on, alpha }) => (on && alpha !== 0 ? [`${id}·${alpha}`] : [])).join(' ');
}

/** What the page can ask about where an answer is held. Part of `EngineApi`. */
export interface LocateApi {
  /** Where an answer is held, cell by cell as it becomes known, and all of it at the end; refused with every fault. */
  locate(
    request: LocateRequest,
    version: Version,
    settings: MapSettings,
    job: number,
    onProgress: OnProgress,
    onPart: (part: LocatePart) => void,
  ): Promise<Located>;
  /** What each layer changes at the prompt's last token, among so many likely words. */
  recall(request: LocateRequest, version: Version, topK: number, job: number): Promise<Recalled>;
  /** What every token would say behind every layer. */
  lens(request: LocateRequest, version: Version, job: number, onProgress: OnProgress): Promise<Seen>;
  /** The sets that came with the model, checked to be of it; null where none did. */
  storedSets(): Promise<StoredSets | null>;
  /** The prompts that came with the model; null where none did. */
  modelPrompts(): Promise<PromptSet | null>;
  /** A person's own prompts, checked; refused with every fault. */
  readPrompts(file: File): Promise<PromptSet>;
  /** Measures sets; figures so far whenever a prompt has been measured, all at the end. */
  measureSets(
    asked: SetsAsked,
    version: Version,
    job: number,
    onProgress: OnProgress,
    onPart: (sets: MeasuredSets) => void,
  ): Promise<MeasuredSets>;
  /** What was measured in this browser of single prompts, in their order; null for those of which nothing is kept. */
  promptFigures(prompts: readonly RelationPrompt[], how: HowMeasured): Promise<readonly (PromptFigures | null)[]>;
  /** Keeps what was traced for another visit: the latest of each of the last few prompts. */
  keepTracing(tracing: KeptTracing): Promise<void>;
  /** What was traced last of a prompt, or else of any; null where nothing was. */
  keptTracing(prompt: string): Promise<KeptTracing | null>;
  keepSets(sets: KeptSets): Promise<void>;
  keptSets(): Promise<KeptSets | null>;
}
