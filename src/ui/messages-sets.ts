import type { KnowledgeKind, PromptKind } from '../worker/api-locate.ts';
import type { Comparison, LineId } from './layer-lines.ts';
import type { Source } from './sets.svelte.ts';
import type { SetLine } from './sets-view.ts';

/** Layers in which a line lies above another, and below it, as ranges. */
export interface ApartWords {
  readonly above: readonly string[];
  readonly below: readonly string[];
}

/** What is said of many prompts together; values come formatted. Part of `LocateMessages`. */
export interface SetsMessages {
  /** With the name of a person's own file; null for the prompts that came with the model. */
  readonly title: Readonly<Record<'layers' | 'relations' | 'person', (file: string | null) => string>>;
  readonly earlier: (moment: string) => string;
  /** Every figure was kept from an earlier run; put together again at this time. */
  readonly allKept: (time: string) => string;
  /** So many figures, of prompts and of variants, were kept from an earlier run. */
  readonly someKept: (count: string) => string;
  readonly about: (counts: readonly string[], file: string | null, version: string) => string;
  readonly countOf: Readonly<Record<PromptKind, (n: string) => string>>;
  readonly partial: (done: string, asked: string) => string;
  /** The same prompts about other people, which come last. */
  readonly partialPersons: (done: string, asked: string) => string;
  readonly otherEdits: string;
  readonly none: string;
  readonly reading: string;
  readonly sources: string;
  readonly source: Readonly<Record<Source, string>>;
  readonly again: string;
  readonly whose: string;
  readonly ofModel: string;
  readonly file: string;
  readonly form: string;
  readonly taken: (file: string, prompts: string) => string;
  readonly choose: (chosen: string, all: string) => string;
  readonly upTo: (prompts: string) => string;
  readonly takeAll: string;
  readonly takeNone: string;
  readonly noneChosen: string;
  readonly noPrompts: string;
  readonly cost: (prompts: string, time: string | null) => string;
  readonly each: string;
  readonly all: string;
  readonly run: string;
  readonly note: string;
  readonly comparisons: string;
  readonly comparison: Readonly<Record<Comparison, string>>;
  readonly measures: string;
  readonly module: string;
  readonly measure: Readonly<Record<SetLine, string>>;
  readonly unit: Readonly<Record<SetLine, string>>;
  readonly side: Readonly<Record<PromptKind, string>>;
  readonly line: Readonly<Record<LineId, string>>;
  readonly lineOf: (line: string, n: string) => string;
  readonly chart: (module: string, unit: string, lines: string) => string;
  readonly spreads: (
    parts: readonly {
      readonly module: string;
      readonly fact: string;
      readonly commonsense: string;
      readonly more: KnowledgeKind | null;
    }[],
  ) => string;
  /** Layers in which a side has more, as ranges. */
  readonly layers: (
    parts: readonly ({ readonly module: string } & Readonly<Record<KnowledgeKind, readonly string[]>>)[],
  ) => string;
  readonly heights: string;
  /** Where a name, or nobody, differs from PersonX, as ranges of layers; null where that wasn't measured. */
  readonly persons: (
    parts: readonly {
      readonly module: string;
      readonly named: ApartWords | null;
      readonly removed: ApartWords | null;
    }[],
  ) => string;
  readonly personsTooFew: string;
  readonly personsWaiting: string;
  readonly personsNone: string;
  readonly tooFew: string;
  /** Where each line is highest. */
  readonly peaks: (
    parts: readonly {
      readonly line: string;
      readonly module: string;
      readonly layer: string;
      readonly value: string;
    }[],
  ) => string;
  readonly range: Readonly<Record<SetLine, string>>;
  readonly relations: (parts: {
    readonly what: string;
    readonly least: string;
    readonly most: string;
    readonly fact: string;
    readonly commonsense: string;
    readonly low: string;
    readonly high: string;
    readonly more: KnowledgeKind | null;
  }) => string;
  /** The same without two sides to compare. */
  readonly alone: (what: string, least: string, most: string) => string;
  readonly named: (relation: string, value: string) => string;
  readonly definition: {
    readonly effect: (draws: string, window: string) => string;
    readonly overlap: (count: string) => string;
  };
  readonly personDefinition: string;
  readonly bands: Readonly<Record<Comparison, string>>;
  readonly command: (command: string) => string;
  readonly relation: string;
  readonly knowledge: string;
  readonly prompts: string;
  /** A set in one number. */
  readonly whole: Readonly<Record<SetLine, string>>;
  readonly tableHelp: string;
  readonly showPrompts: (relation: string, prompts: string) => string;
  readonly promptsOf: (relation: string, prompts: string) => string;
  readonly promptsAll: (prompts: string) => string;
  readonly promptsUnknown: string;
  readonly promptFiguresNone: string;
  /** A prompt's subject, and what is looked for; null for what the model says. */
  readonly promptAbout: (subject: string, answer: string | null) => string;
  readonly promptFigure: Readonly<Record<SetLine, (value: string) => string>>;
  readonly trace: string;
  readonly toTrace: (prompt: string) => string;
  /** A layer of a chart, with every line's mean. */
  readonly layerOf: (
    module: string,
    layer: string,
    lines: readonly { readonly line: string; readonly mean: string; readonly band: string; readonly n: string }[],
  ) => string;
  readonly gridLabel: (side: string, module: string, measure: string) => string;
  readonly cell: (relation: string, layer: string, value: string, band: string, n: string) => string;
  readonly explained: (relation: string, module: string, spread: string) => string;
  readonly column: (side: string, module: string, n: string) => string;
  readonly value: (mean: string, band: string) => string;
  readonly foot: (model: string, version: string, file: string | null, how: string) => string;
}
