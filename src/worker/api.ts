import type { ErrorRecord } from '../base/errors.ts';
import type { Progress } from '../base/tasks.ts';
import type { DeviceChoice, DeviceReason } from '../device/open.ts';
import type { Edit, LeftOut, StackEntry } from '../edit/record.ts';
import type { Hparams, MethodName, PresetName, PRESETS, Setting, SETTINGS } from '../edit/hparams.ts';
import type { LossParts } from '../edit/loss.ts';
import type { Proof } from '../edit/proof.ts';
import type { LayerScores, LayerSets } from '../edit/rank.ts';
import type { EditRequest } from '../edit/request.ts';
import type { Sampling } from '../model/generate.ts';
import type { OnProgress, Version } from './api-call.ts';
import type { LocateApi } from './api-locate.ts';
import type { Arrangement, StackHistory } from './api-stack.ts';

export type {
  EditRequest,
  Hparams,
  LayerScores,
  LayerSets,
  LossParts,
  MethodName,
  PresetName,
  Progress,
  Proof,
  Sampling,
  Setting,
};
export type { RequestProof, Shortfall, SiteProof, TargetScore } from '../edit/proof.ts';
export type { SpotCheck } from '../edit/spot-check.ts';
export type { Drift } from '../edit/damage.ts';
export { LONGEST_TEXT } from '../edit/request.ts';
export { firstSentence } from '../text/sentence.ts';
export type { DeviceChoice, DeviceReason, LeftOut, OnProgress, StackEntry, Version };

/** Where the model runs, and why. */
export interface DeviceReport {
  readonly kind: 'webgpu' | 'wasm';
  readonly choice: DeviceChoice;
  /** Why this one: a code for the screen's words. */
  readonly reason: DeviceReason;
  readonly detail: string;
  readonly adapter: string | null;
  /** Threads of the WASM provider. */
  readonly threads: number;
  /** Without cross-origin isolation there is one thread only. */
  readonly isolated: boolean;
  /** Largest relative difference of the self-check, and what it was compared with. */
  readonly selfCheck: { readonly difference: number; readonly against: 'stored' | 'cpu' } | null;
}

/** The model, in numbers a person may want to know. */
export interface ModelReport {
  readonly name: string;
  readonly hash: string;
  readonly family: string;
  readonly parameters: number;
  readonly n_layers: number;
  readonly d_model: number;
  readonly n_heads: number;
  readonly d_mlp: number;
  readonly d_vocab: number;
  readonly n_ctx: number;
  /** Bytes fetched this time; 0 when all came from the browser's store. */
  readonly fetchedBytes: number;
  /** Where it came from this time. */
  readonly from: 'network' | 'store';
  /** When it came, in milliseconds since 1970, if it is of an earlier version than the page; else null. */
  readonly earlier: number | null;
}

/** An example that works on the shipped model. */
export interface Example extends EditRequest {
  readonly relation: string;
  /** Overrules what the model knows, or tells it something new. */
  readonly kind: 'counter' | 'new';
}

/** Whether what is saved will outlive the page: and the disk's getting full; or the name of the browser's refusal. */
export type Kept = { readonly ok: true; readonly isSafe: boolean } | { readonly ok: false; readonly refusal: string };

/** What `open` tells. */
export interface Opened {
  readonly device: DeviceReport;
  readonly model: ModelReport;
  readonly edits: readonly EditView[];
  /** What can be undone and redone: also what this tab did before it was loaded again. */
  readonly history: StackHistory;
  /** How many kept edits belong to other versions of the model. */
  readonly elsewhere: number;
  readonly examples: readonly Example[];
  /** The named settings of each method and what every setting may be: what a form shows and offers. */
  readonly presets: typeof PRESETS;
  readonly settings: typeof SETTINGS;
  readonly kept: Kept;
}

/** One token of a text. */
export interface TokenView {
  readonly id: number;
  /** As it reads; bytes that are no character alone as ⟨e4⟩. */
  readonly text: string;
  /** Place in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

/** One candidate for the next token. */
export interface CandidateView {
  readonly id: number;
  readonly text: string;
  readonly probability: number;
}

/** A text as tokens and what should follow it. */
export interface Prediction {
  readonly tokens: readonly TokenView[];
  /** Index of the token that an edit of this prompt changes first. */
  readonly editedToken: number;
  readonly limit: number;
  /** Next-token candidates of the model as it is now, edits that are on included. */
  readonly top: readonly CandidateView[];
}

/** One generated token, as it streams in. */
export interface TokenEvent {
  readonly id: number;
  readonly text: string;
  readonly probability: number;
}

/** The layer strip: what the rule sees and what it takes. */
export interface LayerPreview {
  readonly scores: LayerScores;
  readonly layers: LayerSets;
  readonly candidates: LayerSets;
}

/** What a person decides about an edit. `changes` override the preset, under our names. */
export interface EditSettings {
  readonly method: MethodName;
  readonly preset: PresetName;
  readonly changes: Readonly<Record<string, unknown>>;
}

/** An edit as a screen needs it: everything but the matrices. */
export interface EditView extends Pick<
  Edit,
  | 'id'
  | 'createdAt'
  | 'requests'
  | 'method'
  | 'preset'
  | 'hparams'
  | 'model'
  | 'device'
  | 'templates'
  | 'scores'
  | 'layers'
  | 'losses'
  | 'parents'
  | 'proof'
> {
  readonly leftOut: readonly LeftOut[];
  readonly on: boolean;
  readonly alpha: number;
  /** Some edit that it was computed on top of is off, changed or gone. */
  readonly stale: boolean;
  /** Bytes of its patches. */
  readonly bytes: number;
}

/** Both models side by side on one prompt. */
export interface Comparison {
  readonly original: readonly TokenEvent[];
  readonly edited: readonly TokenEvent[];
  /** First index where the two continuations differ; −1 when they don't. */
  readonly firstDifference: number;
  /** KL(original ‖ edited) of the distribution in front of each edited token, in nats. */
  readonly divergence: readonly number[];
  /** Share of repeated 4-grams in the edited continuation. */
  readonly repetition: number;
  /** Next-token candidates of either, with both probabilities and ranks (0 is first). */
  readonly top: readonly {
    readonly id: number;
    readonly text: string;
    readonly before: number;
    readonly after: number;
    readonly rankBefore: number;
    readonly rankAfter: number;
  }[];
}

/** What changed without being asked for. */
export type EngineEvent =
  | { readonly kind: 'device-lost'; readonly detail: string }
  | { readonly kind: 'device-rebuilt'; readonly device: DeviceReport }
  /** A device that went away could not be opened again: no model is open. */
  | { readonly kind: 'device-failed'; readonly error: ErrorRecord }
  /** The browser keeps nothing more: the name of its refusal. */
  | { readonly kind: 'not-kept'; readonly refusal: string }
  /** Another tab, with an older version of this page, holds the store: opening waits for it. */
  | { readonly kind: 'store-blocked' }
  /** The edits have changed without this page's doing: in another tab, or a check was finished. */
  | { readonly kind: 'stack'; readonly edits: readonly EditView[] }
  /** Statistics for editing are gathered in the background, until `prepared`. */
  | { readonly kind: 'preparing'; readonly progress: Progress }
  | { readonly kind: 'prepared' };

/**
 * Everything the page can ask. Implemented by the engine in the worker; the page sees it through `client.ts`, which adds
 * abort signals and revives errors. A call that takes long has a job number, by which it can be stopped.
 */
export interface EngineApi extends LocateApi {
  /**
   * Probes, decides, loads the model, checks it.
   *
   * @param tab a name of this tab, which it has again when it is loaded again
   */
  open(choice: DeviceChoice, tab: string, job: number, onProgress: OnProgress): Promise<Opened>;
  tokenize(text: string): Promise<readonly TokenView[]>;
  predict(prompt: string, version: Version, count: number, job: number): Promise<Prediction>;
  generate(
    prompt: string,
    version: Version,
    maxTokens: number,
    sampling: Sampling,
    job: number,
    onToken: (token: TokenEvent) => void,
  ): Promise<void>;
  /** The layer strip before an edit. */
  previewLayers(request: EditRequest, settings: EditSettings, job: number): Promise<LayerPreview>;
  /**
   * Computes an edit, saves it, puts it on top of the stack. A second one waits for the first.
   *
   * @param replaces an edit that this one makes again, and whose place it takes
   */
  edit(
    requests: readonly EditRequest[],
    settings: EditSettings,
    replaces: string | undefined,
    job: number,
    onProgress: OnProgress,
  ): Promise<EditView>;
  compare(prompt: string, maxTokens: number, job: number, onProgress: OnProgress): Promise<Comparison>;
  edits(): Promise<readonly EditView[]>;
  /** Arranges the stack; edits that nothing is said of stay, and one that this tab has taken off may come back. */
  arrange(arrangement: Arrangement): Promise<readonly EditView[]>;
  /** Stops the call with this job number; it rejects with `aborted`. */
  abort(job: number): Promise<void>;
  /**
   * Names who hears what changes without being asked for.
   *
   * @returns a lock that the worker holds as long as it lives (see `whenReleased`); null where there are no locks
   */
  listen(onEvent: (event: EngineEvent) => void): Promise<string | null>;
}
