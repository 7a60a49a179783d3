import type { Watch } from '../base/tasks.ts';
import { repetition } from '../edit/damage.ts';
import { forwardRows } from '../model/forward.ts';
import { generate, type GeneratedToken } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { divergence, logSoftmax, nextDistributions, topCandidates } from '../model/score.ts';
import { firstSentence } from '../text/sentence.ts';
import type { Comparison, TokenEvent } from './api.ts';

/** Candidates of either version that are shown. */
const CANDIDATES = 8;

/**
 * Greedy continuations of one prompt by the untouched model and by the edited one, where they part, how far apart the
 * distributions are in front of each edited token, and what the first token's candidates were and are.
 */
export async function compareVersions(
  model: Model,
  prompt: readonly number[],
  maxTokens: number,
  patches: PlacedPatches | undefined,
  watch: Watch,
): Promise<Comparison> {
  const report = (done: number) => watch.progress?.({ stage: 'compare', done, total: 4, unit: 'steps' });
  report(0);
  const original = await continueUntouched(model, prompt, maxTokens, watch);
  report(1);
  const edited = await continueGreedily(model, prompt, maxTokens, patches, watch);
  report(2);
  const untouched = await distributionsAlong(model, prompt, edited, watch);
  report(3);
  const [before, after] = [
    await firstDistribution(model, prompt, original, undefined, watch),
    await firstDistribution(model, prompt, edited, patches, watch),
  ];
  report(4);
  return {
    original: original.map((token) => toEvent(model, token)),
    edited: edited.map((token) => toEvent(model, token)),
    firstDifference: firstDifference(original, edited),
    divergence: edited.map(({ logq }, i) => divergence(untouched[i], logq)),
    repetition: repetition(edited.map(({ id }) => id)),
    top: candidatesOf(model, before, after),
  };
}

// ---

/** What the untouched model said last: asked of one prompt again and again, as the stack changes, it says the same. */
const said = new WeakMap<Model, { readonly asked: string; readonly tokens: readonly GeneratedToken[] }>();

async function continueUntouched(
  model: Model,
  prompt: readonly number[],
  maxTokens: number,
  watch: Watch,
): Promise<readonly GeneratedToken[]> {
  const asked = [maxTokens, ...prompt].join(' ');
  const last = said.get(model);
  if (last?.asked === asked) return last.tokens;
  const tokens = await continueGreedily(model, prompt, maxTokens, undefined, watch, isSentence);
  said.set(model, { asked, tokens });
  return tokens;
}

/** Whether a text has come to the end of its first sentence: beyond that nobody sees the original. */
function isSentence(model: Model, tokens: readonly GeneratedToken[]): boolean {
  return firstSentence(tokens.map(({ id }) => model.tokenizer.tokenText(id)).join('')) >= 0;
}

/** What a version expects next: known already, unless it has nothing to say. */
async function firstDistribution(
  model: Model,
  prompt: readonly number[],
  continuation: readonly GeneratedToken[],
  patches: PlacedPatches | undefined,
  watch: Watch,
): Promise<Float64Array> {
  if (continuation.length > 0) return continuation[0].logq;
  const [logq] = await nextDistributions(model, [prompt], patches, watch);
  return logq;
}

async function continueGreedily(
  model: Model,
  prompt: readonly number[],
  maxTokens: number,
  patches: PlacedPatches | undefined,
  watch: Watch,
  isEnough: (model: Model, tokens: readonly GeneratedToken[]) => boolean = () => false,
): Promise<GeneratedToken[]> {
  const { eosId } = model.tokenizer;
  const { signal } = watch;
  const options = { maxTokens, patches, stopIds: eosId === null ? [] : [eosId], watch: signal ? { signal } : {} };
  const tokens: GeneratedToken[] = [];
  for await (const token of generate(model, prompt, options)) {
    tokens.push(token);
    if (isEnough(model, tokens)) break;
  }
  return tokens;
}

/** What the untouched model expects in front of each edited token. */
async function distributionsAlong(
  model: Model,
  prompt: readonly number[],
  edited: readonly GeneratedToken[],
  { signal }: Watch,
): Promise<Float64Array[]> {
  if (edited.length === 0) return [];
  const row = [...prompt, ...edited.slice(0, -1).map(({ id }) => id)];
  const at = edited.map((_, i): [number, number] => [0, prompt.length - 1 + i]);
  const { logits } = await forwardRows(model, [row], { logits: at, watch: signal ? { signal } : {} });
  const { d_vocab } = model.description;
  return edited.map((_, i) => logSoftmax(logits?.data.subarray(i * d_vocab, (i + 1) * d_vocab) ?? []));
}

function firstDifference(a: readonly GeneratedToken[], b: readonly GeneratedToken[]): number {
  const longest = Math.max(a.length, b.length);
  for (let i = 0; i < longest; i++) if (a[i]?.id !== b[i]?.id) return i;
  return -1;
}

function candidatesOf(model: Model, before: Float64Array, after: Float64Array): Comparison['top'] {
  const half = CANDIDATES / 2;
  const ids = new Set([...topCandidates(after, half), ...topCandidates(before, half)].map(({ id }) => id));
  const rank = (logq: Float64Array, id: number) => logq.reduce((count, value) => count + (value > logq[id] ? 1 : 0), 0);
  return [...ids].map((id) => ({
    id,
    text: model.tokenizer.tokenText(id),
    before: Math.exp(before[id]),
    after: Math.exp(after[id]),
    rankBefore: rank(before, id),
    rankAfter: rank(after, id),
  }));
}

function toEvent(model: Model, { id, logp }: GeneratedToken): TokenEvent {
  return { id, text: model.tokenizer.tokenText(id), probability: Math.exp(logp) };
}
