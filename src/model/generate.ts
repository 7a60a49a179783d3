import { EditorError } from '../base/errors.ts';
import { throwIfAborted, breathe, type Watch } from '../base/tasks.ts';
import { makeRandom, type Random } from '../base/random.ts';
import { scope } from '../device/scope.ts';
import { continued } from './batch.ts';
import { embed, logitsAt, placeBatch, walk, type Past } from './forward.ts';
import type { Model } from './model.ts';
import type { PlacedPatches } from './patch.ts';
import { indexOfMax, indicesOfLargest, logSoftmax } from './score.ts';

/** How the next token is chosen from its distribution. */
export interface Sampling {
  /** 0 is greedy: the likeliest token, the lower id of equals. */
  readonly temperature: number;
  /** Keep the k likeliest; 0 keeps all. */
  readonly topK: number;
  /** Keep the likeliest until their probabilities sum to this; 1 keeps all. */
  readonly topP: number;
  readonly seed: number;
}

/** Always the likeliest token. */
export const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, seed: 0 };

/** One generated token. */
export interface GeneratedToken {
  readonly id: number;
  /** Log probability under the model, before temperature and cuts. */
  readonly logp: number;
  /** The whole distribution it was chosen from, as log probabilities [d_vocab]. */
  readonly logq: Float64Array;
}

/** What `generate` takes. */
export interface GenerateOptions {
  readonly maxTokens: number;
  readonly sampling?: Sampling;
  readonly patches?: PlacedPatches | undefined;
  /** Ids that end the text; they are not yielded. */
  readonly stopIds?: readonly number[];
  readonly watch?: Watch;
}

/**
 * Continues a prompt token by token with a KV cache. Ends at `maxTokens`, at a stop id, or when the context is full.
 *
 * @throws EditorError `invalid-request` for an empty prompt, `context-overflow` for one that doesn't fit, `aborted`
 */
export async function* generate(
  model: Model,
  prompt: readonly number[],
  { maxTokens, sampling = GREEDY, patches, stopIds = [], watch }: GenerateOptions,
): AsyncGenerator<GeneratedToken, void, void> {
  if (prompt.length === 0) {
    throw new EditorError('invalid-request', 'generate text', 'the prompt has no tokens', 'write a prompt');
  }
  const random = makeRandom(sampling.seed);
  const cache = makeCache(model, patches);
  try {
    let ids = prompt;
    for (let count = 0; count < maxTokens; count++) {
      throwIfAborted(watch, 'generate text');
      const logq = await cache.advance(ids, watch);
      const id = sampleToken(logq, sampling, random);
      if (stopIds.includes(id)) return;
      yield { id, logp: logq[id], logq };
      if (cache.length >= model.description.n_ctx) return;
      ids = [id];
      await breathe();
    }
  } finally {
    cache.dispose();
  }
}

/**
 * Draws one id from log probabilities: temperature first, then the k likeliest, then the likeliest up to p.
 *
 * @param logq [d_vocab]
 */
export function sampleToken(logq: Float64Array, { temperature, topK, topP }: Sampling, random: Random): number {
  if (temperature <= 0) return indexOfMax(logq);
  const highest = logq[indexOfMax(logq)];
  const scaled = logSoftmax(logq.map((value) => (value - highest) / temperature));
  const kept = indicesOfLargest(scaled, topK > 0 ? topK : scaled.length);
  const total = kept.reduce((sum, id) => sum + Math.exp(scaled[id]), 0);
  const nucleus: number[] = [];
  let mass = 0;
  for (const id of kept) {
    nucleus.push(id);
    mass += Math.exp(scaled[id]) / total;
    if (mass >= topP) break;
  }
  let draw = random() * mass;
  for (const id of nucleus) {
    draw -= Math.exp(scaled[id]) / total;
    if (draw < 0) return id;
  }
  return nucleus[nucleus.length - 1];
}

// ---

/** Keys and values of all tokens so far, by layer. */
function makeCache(model: Model, patches: PlacedPatches | undefined) {
  let pasts: readonly Past[] = [];
  let length = 0;
  const tensorsOf = (layers: readonly Past[]) => layers.flatMap(({ k, v }) => [k, v]);
  const replace = (grown: readonly Past[]) => {
    for (const tensor of tensorsOf(pasts)) tensor.dispose();
    pasts = grown;
  };
  return {
    get length() {
      return length;
    },
    /** Reads more tokens and returns the log probabilities of the next one. */
    advance(ids: readonly number[], watch: Watch | undefined): Promise<Float64Array> {
      const batch = continued(model.description, model.device.float, [ids], [length], length);
      return scope(async (s) => {
        const placed = s.add(placeBatch(model.device, batch));
        const grown: Past[] = [];
        const x = await walk(model, placed, s.add(await embed(model, batch)), {
          to: model.blocks.length,
          options: (layer) => ({ patches, past: pasts[layer] }),
          fetch: () => ['present_k', 'present_v'],
          visit: async (_, { present_k, present_v }, layerScope) => {
            grown.push({ k: s.add(layerScope.release(present_k)), v: s.add(layerScope.release(present_v)) });
          },
          watch,
        });
        s.add(x);
        for (const tensor of tensorsOf(grown)) s.release(tensor);
        replace(grown);
        length += ids.length;
        return logSoftmax((await logitsAt(model, x, [ids.length - 1])).data);
      });
    },
    dispose: () => replace([]),
  };
}
