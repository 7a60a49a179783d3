import type { ErrorCode } from '../base/errors.ts';
import type { DeviceChoice, DeviceReport, Hparams, Shortfall, SpotCheck } from '../worker/api.ts';
import type { Looping } from './loop.ts';
import type { LostOnLeaving } from './losses.ts';
import type { Act } from '../worker/api-stack.ts';
import type { Shortcut } from './shortcuts.ts';
import type { JobKind, Stage } from './stages.ts';
import type { LocateMessages } from './messages-locate.ts';
import type { Step } from './route.svelte.ts';
import type { FormField } from './refusal.ts';
import type { Remedy } from './remedies.ts';
import type { PresetId, SettingFault } from './settings.ts';
import type { Theme } from './preferences.svelte.ts';

/** An error's values by name, formatted. */
export type ErrorWords = Readonly<Partial<Record<string, string>>>;

/**
 * Everything the page says in one language. Sentences with values are functions, and the values come formatted: a second
 * language is a second object of this type, and no component changes.
 */
export interface Messages {
  readonly title: string;
  readonly claim: string;
  readonly lead: string;
  readonly skip: string;
  readonly steps: Readonly<Record<Step, string>>;
  readonly stepsLabel: string;
  readonly close: string;
  readonly cancel: string;
  readonly dismiss: string;
  readonly and: (items: readonly string[]) => string;
  readonly quote: (text: string) => string;

  readonly ask: {
    readonly intro: string;
    readonly prompt: string;
    readonly placeholder: string;
    readonly examples: string;
    /** What kind of knowledge an example is about. */
    readonly relation: (name: string) => string;
    /** The person's own words among the examples. */
    readonly own: string;
    readonly exampleTarget: string;
    readonly tokens: string;
    readonly tokenCount: (count: string, limit: string) => string;
    readonly editedToken: string;
    readonly pieces: (tokens: string) => string;
    readonly lineBreak: string;
    readonly next: string;
    readonly nextOriginal: string;
    readonly token: string;
    readonly probability: string;
    readonly continues: (text: string) => string;
    readonly continuesOriginal: (text: string) => string;
    readonly peek: string;
    readonly peeking: string;
    readonly under: string;
    /** To make the model's words the person's own. */
    readonly take: string;
    readonly takeKey: string;
    /** For those who listen. */
    readonly takeNote: string;
    readonly taken: (text: string) => string;
    readonly left: string;
    readonly waiting: string;
    readonly nothing: string;
  };

  readonly locate: LocateMessages;

  /** How continuations are drawn. */
  readonly sampling: {
    readonly heading: string;
    readonly greedy: string;
    readonly drawn: (temperature: string) => string;
    readonly temperature: string;
    readonly temperatureNote: string;
    readonly topK: string;
    readonly topKNote: string;
    readonly topP: string;
    readonly topPNote: string;
    readonly seedNote: string;
    readonly lock: string;
    readonly lockNote: string;
    readonly again: string;
  };

  readonly opening: {
    readonly heading: string;
    readonly again: string;
    readonly failed: string;
    readonly cpu: string;
    readonly stopped: string;
    /** What that means. */
    readonly stoppedNote: string;
    readonly reopen: string;
  };

  readonly stage: (kind: JobKind, id: string) => string;
  readonly stageState: Readonly<Record<Stage['state'], string>>;
  readonly stageCount: (unit: Stage['unit'], done: string, total: string) => string;
  readonly stagesLabel: Readonly<Record<JobKind, string>>;

  readonly edit: {
    readonly intro: string;
    readonly target: string;
    readonly targetPlaceholder: string;
    readonly targetTokens: (tokens: string) => string;
    readonly where: string;
    readonly whereNote: string;
    readonly outside: string;
    readonly whereSummary: string;
    readonly whereMore: string;
    readonly whereWaiting: string;
    readonly layer: string;
    readonly modules: Readonly<Record<'mlp' | 'attn', string>>;
    readonly cell: (module: string, layer: number, cosine: string, candidate: boolean) => string;
    readonly chosen: (module: string, layers: readonly number[]) => string;
    readonly byHand: string;
    readonly byRule: string;
    readonly presets: string;
    readonly preset: Readonly<Record<PresetId, { readonly name: string; readonly means: string }>>;
    readonly advanced: string;
    readonly subject: string;
    readonly subjectNote: string;
    readonly subjectMissing: (subject: string) => string;
    readonly changed: string;
    readonly reset: string;
    readonly setting: (name: keyof Hparams) => { readonly name: string; readonly means: string };
    readonly choice: (name: keyof Hparams, value: string) => string;
    readonly on: string;
    readonly off: string;
    readonly go: string;
    /** While another edit is being made. */
    readonly goNext: string;
    readonly running: string;
    readonly lasts: (seconds: string) => string;
    readonly firstTime: string;
    /** Statistics are being gathered before anybody asked for an edit. */
    readonly preparing: (share: string) => string;
    readonly prepared: string;
    readonly cancelled: string;
    readonly needs: Readonly<Record<FormField, string>>;
    readonly goTo: Readonly<Record<FormField, string>>;
    readonly notReady: string;
  };

  readonly curve: {
    readonly label: string;
    readonly loss: string;
    readonly nll: string;
    readonly stop: (value: string) => string;
    readonly steps: (count: string) => string;
    readonly summary: (step: string, steps: string, nll: string, first: string) => string;
    readonly waiting: string;
  };

  readonly proof: {
    readonly took: string;
    readonly missed: string;
    readonly tookNote: (prompt: string, target: string) => string;
    readonly missedNote: (edited: string) => string;
    readonly why: string;
    readonly shortfall: Readonly<Record<Shortfall, { readonly why: string; readonly advice: string }>>;
    readonly tries: string;
    readonly remedy: Readonly<Record<Remedy['kind'], (value: string) => string>>;
    readonly probability: string;
    readonly probabilityNote: string;
    readonly rank: string;
    readonly rankNote: (first: boolean) => string;
    readonly spot: string;
    readonly spotCount: (hits: string, all: string) => string;
    readonly spotNote: string;
    readonly spotKind: Readonly<Record<SpotCheck['kind'], string>>;
    readonly hit: string;
    readonly miss: string;
    readonly drift: string;
    readonly driftValue: (nats: string) => string;
    readonly driftNote: (texts: string, ratio: string) => string;
    readonly notMeasured: string;
    readonly loop: string;
    readonly looping: Readonly<Record<Looping, string>>;
    readonly loopNote: (share: string) => string;
    readonly written: string;
    readonly weights: (count: string) => string;
    readonly writtenNote: (times: string) => string;
    readonly optimized: (optimized: string, written: string) => string;
    readonly gap: string;
    readonly noGap: string;
    readonly where: string;
    readonly columns: {
      readonly site: string;
      readonly weight: string;
      readonly norm: string;
      readonly s: string;
      readonly share: string;
      readonly rank: string;
      readonly memory: string;
    };
    readonly columnsNote: string;
    readonly site: (kind: string, layer: string) => string;
    readonly leftOut: (site: string, keys: string, budget: string) => string;
    readonly duration: (seconds: string) => string;
    readonly takenOff: string;
    readonly isOff: string;
    readonly isDosed: (dose: string) => string;
    readonly beforeAfter: (before: string, after: string) => string;
  };

  readonly compare: {
    readonly intro: string;
    readonly prompt: string;
    readonly run: string;
    readonly running: string;
    readonly sameAsAsk: string;
    readonly tryNames: string;
    readonly original: string;
    readonly edited: (on: string) => string;
    readonly noEdit: string;
    readonly equal: string;
    readonly parts: string;
    readonly nothing: string;
    readonly noPrompt: string;
    readonly kl: string;
    readonly klNote: string;
    readonly klToken: (nats: string) => string;
    readonly loops: (share: string) => string;
    readonly lower: (target: string, dose: string) => string;
    readonly klSummary: (text: string, nats: string) => string;
    readonly next: string;
    readonly token: string;
    readonly before: string;
    readonly after: string;
    readonly rankChange: string;
    readonly change: string;
  };

  readonly stack: {
    readonly heading: string;
    readonly open: (count: string) => string;
    readonly empty: string;
    readonly restored: (count: string) => string;
    readonly switch: (target: string) => string;
    readonly dose: string;
    readonly doseOf: (target: string) => string;
    /** Behind a button's word, for those who listen: which edit it is about. */
    readonly of: (target: string) => string;
    readonly proof: string;
    readonly remove: string;
    readonly up: (target: string) => string;
    readonly down: (target: string) => string;
    readonly orderNote: string;
    readonly renew: string;
    readonly turns: string;
    readonly turn: Readonly<Record<'undo' | 'redo', { readonly name: string; readonly what: (act: string) => string }>>;
    readonly turned: Readonly<Record<'undo' | 'redo', (act: string) => string>>;
    readonly act: Readonly<Record<Act['kind'], (target: string) => string>>;
    readonly took: string;
    readonly missed: string;
    readonly unchecked: string;
    readonly stale: string;
    readonly staleNote: string;
    readonly method: (preset: string, sites: string) => string;
    /** Whether the browser has promised not to clear what is kept. */
    readonly kept: (isSafe: boolean) => string;
    readonly notKept: (found: string) => string;
  };

  readonly job: {
    readonly label: string;
    readonly ofAbout: (elapsed: string, usual: string) => string;
    readonly waiting: string;
    readonly next: string;
    readonly forgo: string;
    readonly queued: (target: string) => string;
    readonly percent: (stage: string, percent: string) => string;
  };

  readonly device: {
    readonly badge: (kind: DeviceReport['kind'], threads: number) => string;
    readonly waiting: string;
    readonly failed: string;
    readonly label: (badge: string) => string;
    readonly heading: string;
    readonly reason: Readonly<Record<DeviceReport['reason'], string>>;
    readonly choice: Readonly<Record<DeviceChoice, { readonly name: string; readonly means: string }>>;
    readonly choose: string;
    readonly apply: string;
    readonly adapter: string;
    readonly threads: string;
    readonly threadsValue: (threads: string, isolated: boolean) => string;
    readonly selfCheck: string;
    readonly selfCheckValue: (difference: string, against: 'stored' | 'cpu') => string;
    readonly selfCheckNone: string;
    readonly detail: string;
  };

  readonly model: {
    readonly waiting: string;
    readonly badge: (name: string, parameters: string) => string;
    readonly label: (badge: string) => string;
    readonly heading: (name: string) => string;
    readonly note: string;
    readonly family: string;
    readonly parameters: string;
    readonly layers: string;
    readonly width: string;
    readonly heads: string;
    readonly mlp: string;
    readonly vocabulary: string;
    readonly context: string;
    readonly contextValue: (tokens: string) => string;
    readonly from: string;
    readonly fromValue: (from: 'network' | 'store', bytes: string) => string;
    readonly hash: string;
  };

  readonly settings: {
    readonly heading: string;
    readonly seed: string;
    readonly seedNote: string;
    readonly seedWrong: string;
  };

  readonly theme: {
    readonly choose: string;
    readonly label: (now: string) => string;
    readonly name: Readonly<Record<Theme, string>>;
  };

  readonly help: {
    readonly button: string;
    readonly heading: string;
    readonly shortcut: Readonly<Record<Shortcut, { readonly keys: string; readonly means: string }>>;
    readonly singleKeys: string;
    readonly about: string;
  };

  readonly notice: {
    /** The target of the edit that was lost on the way, if one was. */
    readonly died: (lost: string | null) => string;
    readonly restarted: (lost: string | null) => string;
    readonly restartedSaved: string;
    /** What stopped with it; null for nothing that doesn't go on by itself. */
    readonly deviceLost: (stopped: 'edit' | 'locate' | null) => string;
    readonly deviceRebuilt: (stopped: 'locate' | null) => string;
    readonly deviceFailed: string;
    readonly notKept: (found: string, advice: string) => string;
    readonly storeBlocked: string;
    /** The page's own version of the model can't be had: one that came at this moment serves. */
    readonly earlierModel: (moment: string) => string;
    /** So many edits belong to the model before. */
    readonly renewedModel: (edits: number) => string;
    /** The CPU could do more: nothing isolates the page. */
    readonly oneThread: string;
    readonly update: string;
    readonly updateNow: string;
    /** Why it can't be chosen now, said after what it offers. */
    readonly heldBack: Readonly<Record<LostOnLeaving, string>>;
    readonly label: string;
  };

  readonly error: {
    readonly title: Readonly<Record<ErrorCode, string>>;
    /** What happened and what helps, in whole sentences. Any value may be missing: several places raise one code. */
    readonly text: Readonly<Record<ErrorCode, (values: ErrorWords) => string>>;
    /** Why the browser keeps nothing more and what helps, by the name of its refusal; parts of sentences. */
    readonly refusal: (name: string) => { readonly found: string; readonly advice: string };
    /** A setting by the name it has on the screen, with what is wrong with it: "Steps is 0, …". */
    readonly setting: (fault: SettingFault) => string;
    readonly details: string;
    readonly copy: string;
    readonly copied: string;
    readonly retry: string;
  };

  readonly footer: string;
}
