import { EditorError } from '../base/errors.ts';
import { makeRandom } from '../base/random.ts';
import type { Watch } from '../base/tasks.ts';
import { measureLayers } from '../edit/cosines.ts';
import type { Hparams } from '../edit/hparams.ts';
import { candidateLayers, chooseLayers } from '../edit/rank.ts';
import { validateRequests } from '../edit/request.ts';
import { encodePrompt, promptIds } from '../edit/rows.ts';
import { generate, type GenerateOptions } from '../model/generate.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { nextDistributions, topCandidates } from '../model/score.ts';
import type { EditRequest, LayerPreview, Prediction, TokenEvent, TokenView } from './api.ts';

/** A text as tokens. */
export function cutText(model: Model, text: string): TokenView[] {
  const { tokenizer } = model;
  const { ids, offsets } = encodePrompt(model, text);
  return ids.map((id, i) => ({ id, text: tokenizer.tokenText(id), start: offsets[i][0], end: offsets[i][1] }));
}

/** A prompt as tokens and what should follow it; nothing follows nothing. */
export async function predictNext(
  model: Model,
  prompt: string,
  count: number,
  patches: PlacedPatches | undefined,
  watch: Watch,
): Promise<Prediction> {
  const tokens = cutText(model, prompt);
  const limit = model.description.n_ctx;
  if (tokens.length === 0) return { tokens, editedToken: -1, limit, top: [] };
  const [logq] = await nextDistributions(model, [promptIds(model, prompt)], patches, watch);
  const top = topCandidates(logq, count).map((each) => ({ ...each, text: model.tokenizer.tokenText(each.id) }));
  return { tokens, editedToken: tokens.length - 1, limit, top };
}

/**
 * What follows a prompt, token by token.
 *
 * @throws EditorError `invalid-request` for an empty prompt
 */
export async function continuePrompt(
  model: Model,
  prompt: string,
  options: Omit<GenerateOptions, 'stopIds'>,
  onToken: (token: TokenEvent) => void,
): Promise<void> {
  const { eosId } = model.tokenizer;
  const stopIds = eosId === null ? [] : [eosId];
  for await (const { id, logp } of generate(model, requiredIds(model, prompt), { ...options, stopIds })) {
    onToken({ id, text: model.tokenizer.tokenText(id), probability: Math.exp(logp) });
  }
}

/** What the rule sees in each layer, and what it takes. */
export async function rankLayers(
  model: Model,
  request: EditRequest,
  hparams: Hparams,
  watch: Watch,
): Promise<LayerPreview> {
  const { n_layers } = model.description;
  const [{ query }] = validateRequests(request);
  const [{ cosines }] = await measureLayers(model, [requiredIds(model, query)], hparams.cosine, watch);
  const [mlp, attn] = (['mlp', 'attn'] as const).map((kind) => candidateLayers(hparams, kind, n_layers));
  const layers = chooseLayers(hparams, [cosines], n_layers, makeRandom(hparams.seed));
  return { scores: cosines, layers, candidates: { mlp, attn } };
}

/**
 * The ids of a prompt.
 *
 * @throws EditorError `invalid-request` when there are none
 */
export function requiredIds(model: Model, prompt: string): number[] {
  const ids = promptIds(model, prompt);
  if (ids.length > 0) return ids;
  throw new EditorError('invalid-request', 'read the prompt', 'it is empty', 'write a prompt');
}
