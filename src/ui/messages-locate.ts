import type { LensPlace, LocationKind, TracingFault, TracingSettings } from '../worker/api-locate.ts';
import type { Moment, View } from './locating.svelte.ts';
import type { SetsMessages } from './messages-sets.ts';
import type { Palette } from './palette.ts';
import type { Similarity } from './similarity.ts';

/** How much of a picture is there, where it was stopped or has failed. */
export interface PartWords {
  readonly known: string;
  readonly cells: string;
}

/** A setting that stands behind "more settings". */
export type TracingOption = Exclude<keyof TracingSettings, 'window'>;

/** What the step "where it lives" says; values come formatted. Part of `Messages`. */
export interface LocateMessages {
  readonly intro: string;
  readonly subject: string;
  readonly subjectNote: string;
  readonly answer: string;
  readonly answerNote: string;
  readonly takeTarget: (target: string) => string;
  readonly window: string;
  readonly windowNote: string;
  readonly windowOf: (layers: string) => string;
  readonly settings: {
    readonly heading: string;
    readonly name: Readonly<Record<TracingOption, string>>;
    readonly note: Readonly<Record<TracingOption, string>>;
    /** A value that isn't the usual one, in short; null for none. */
    readonly short: (name: TracingOption, value: string | null) => string;
    readonly fault: (fault: TracingFault) => string;
    readonly reset: string;
  };
  readonly go: string;
  readonly again: string;
  readonly stop: string;
  readonly cost: (cells: string, tokens: string, layers: string) => string;
  readonly costTime: (cells: string, seconds: string) => string;
  readonly costLong: (tokens: string, cells: string, time: string | null) => string;
  /** More tokens than the model reads. */
  readonly costOver: (tokens: string, limit: string) => string;
  readonly notReady: string;
  readonly needsPrompt: string;
  readonly takeOffer: (words: string) => string;

  readonly views: string;
  readonly view: Readonly<Record<View, string>>;
  readonly viewsWaiting: string;
  readonly moments: string;
  readonly moment: Readonly<Record<Moment, string>>;
  readonly cellChange: (token: string, layer: string, kind: string, change: string) => string;
  readonly explainedChange: (before: string, after: string) => string;
  readonly legendChange: (what: string) => string;
  readonly readingChange: (token: string, layer: string, change: string, part: PartWords | null) => string;
  readonly kinds: string;
  readonly kind: Readonly<Record<LocationKind, string>>;
  readonly computedNow: (time: string, seconds: string) => string;
  readonly computing: string;
  readonly stoppedNote: string;
  readonly failedNote: string;
  readonly staleEdits: string;
  readonly stalePrompt: string;
  readonly compare: string;
  readonly compareNone: string;
  readonly comparePrompt: (relation: string, prompt: string) => string;
  readonly scale: string;
  readonly scaleShared: string;
  readonly scaleOwn: string;
  readonly scaleWarning: string;
  readonly scaleFromTo: (low: string, high: string) => string;
  readonly palette: string;
  readonly palettes: Readonly<Record<Palette, string>>;

  readonly location: string;
  readonly recall: string;
  readonly recallRow: Readonly<Record<'mlp.residual' | 'attn.residual', string>>;
  readonly legend: (answer: string) => string;
  readonly legendRecall: string;
  readonly hatched: string;
  readonly baseline: (high: string, low: string) => string;
  readonly noEffect: string;
  readonly spread: (entropy: string, top3: string) => string;
  readonly spreadNote: string;
  readonly spreadNone: string;
  readonly spreadUnknown: string;
  readonly layer: string;
  readonly token: string;
  readonly layerShort: (layer: string) => string;
  readonly subjectMark: string;
  readonly gridLabel: (what: string, prompt: string) => string;
  readonly gridHelp: string;
  /** The layers of a chart, as a list. */
  readonly chartLabel: (what: string) => string;
  readonly chartHelp: string;
  readonly chartHint: string;
  readonly cell: (token: string, layer: string, kind: string, value: string, place: string, cells: string) => string;
  readonly cellUnknown: (token: string, layer: string) => string;
  readonly recallCell: (row: string, layer: string, changed: string) => string;
  readonly edited: string;
  readonly hint: string;

  readonly reading: (
    kind: LocationKind,
    answer: string,
    token: string,
    layer: string,
    value: string,
    part: PartWords | null,
  ) => string;
  /** Nothing in the part brings the answer back; without an answer, nothing is there at all. */
  readonly partNone: (part: PartWords, answer?: string) => string;
  readonly readingWaiting: string;
  /** What comes after the map, where it was stopped before that. */
  readonly notReached: string;
  readonly readingNone: string;
  readonly definition: string;
  readonly definitionText: (parts: {
    readonly kind: LocationKind;
    /** Standard deviation of the noise, with whose it is where there are several; and how many of the embeddings' it is. */
    readonly noise: readonly { readonly level: string; readonly subject: string }[];
    readonly sigmas: string;
    readonly draws: string;
    readonly seed: string;
    readonly window: string;
  }) => string;
  readonly definitionRecall: (count: string) => string;
  readonly caution: string;
  readonly explain: string;
  readonly explainLayer: string;
  readonly explained: (parts: {
    readonly kind: LocationKind;
    readonly token: string;
    readonly layers: string;
    readonly subject: string;
    readonly answer: string;
    readonly high: string;
    readonly low: string;
    readonly value: string;
    readonly back: string;
  }) => string;
  readonly layersFromTo: (first: string, last: string) => string;
  readonly explainedMore: (logProbability: string, draws: string, noise: string) => string;
  readonly explainedRecall: (parts: {
    readonly row: string;
    readonly layer: string;
    readonly count: string;
    readonly kept: string;
    readonly cosine: string;
    readonly norm: string;
    readonly normIn: string;
  }) => string;

  readonly picks: string;
  readonly pick: (layer: string) => string;
  readonly use: (layers: readonly string[], kind: LocationKind) => string;
  readonly useNothing: string;
  readonly used: (layers: readonly string[]) => string;
  readonly goEdit: string;
  readonly clear: string;

  readonly table: string;
  readonly save: string;
  readonly saved: (file: string) => string;
  readonly link: string;
  readonly linkCopied: string;
  readonly figureTitle: (kind: string) => string;
  /** Without a time, what is shown has not been computed to its end. */
  readonly figureFoot: (model: string, version: string, time: string | null) => string;
  readonly versionOriginal: string;
  readonly versionEdited: (edits: string) => string;

  readonly lens: {
    readonly title: string;
    readonly from: string;
    readonly place: Readonly<Record<LensPlace, string>>;
    readonly reading: (answer: string) => string;
    readonly definition: string;
    readonly legend: (token: string) => string;
    readonly cell: (token: string, layer: string, word: string, probability: string, rank: string) => string;
    readonly top: (token: string, layer: string) => string;
    readonly word: string;
    readonly probability: string;
    readonly target: (token: string, probability: string, rank: string) => string;
  };

  readonly similarity: {
    readonly title: string;
    readonly reading: string;
    readonly readingChange: string;
    /** With how many likely words are compared. */
    readonly definition: (count: string) => string;
    readonly explainedChange: (module: string, before: string, after: string) => string;
    readonly measures: string;
    readonly measure: Readonly<Record<Similarity, string>>;
    readonly summary: (mlp: readonly string[], attn: readonly string[]) => string;
    /** A module's columns: cosine along the stream, of the module, same words, the same without the final norm, length. */
    readonly columns: (module: string) => readonly string[];
    /** A layer with its modules' values, and whether they will be written. */
    readonly layer: (
      layer: string,
      measure: string,
      parts: readonly { readonly module: string; readonly value: string; readonly chosen: boolean }[],
    ) => string;
  };

  readonly sets: SetsMessages;
}
