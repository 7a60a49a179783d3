import type { Watch } from '../base/tasks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { scoreContinuations } from '../model/score.ts';
import { targetText, type ValidRequest } from './request.ts';
import { promptIds } from './rows.ts';

/** One question asked after the edit. */
export interface SpotCheck {
  readonly query: string;
  readonly target: string;
  /** Where it comes from: the request, a name in PersonX's place, or a prefix that the optimization hasn't seen. */
  readonly kind: 'paraphrase' | 'name' | 'prefix';
  /** Whether greedy decoding answers the target exactly. */
  readonly hit: boolean;
}

/** Names that stand in for PersonX: common ones, one token or two in most vocabularies. */
const NAMES = ['Anna', 'David'];

/**
 * Asks an edited model the same in other ways: the request's own paraphrases, names in PersonX's place, and prefixes that
 * the optimization hasn't seen. Questions that don't fit the context are left out.
 */
export async function spotCheck(
  model: Model,
  { query, target, paraphrases = [] }: ValidRequest,
  unseen: readonly string[],
  after: PlacedPatches,
  watch: Watch,
): Promise<SpotCheck[]> {
  const asked: Omit<SpotCheck, 'hit'>[] = paraphrases.map((text) => ({ query: text, target, kind: 'paraphrase' }));
  if (query.includes('PersonX')) {
    const named = (text: string, name: string) => text.replaceAll('PersonX', name);
    asked.push(
      ...NAMES.map((name) => ({ query: named(query, name), target: named(target, name), kind: 'name' as const })),
    );
  }
  for (const template of unseen) {
    asked.push({ query: template.replace('{}', () => query), target, kind: 'prefix' });
  }
  const items = asked.map((each) => ({
    prompt: promptIds(model, each.query),
    target: model.tokenizer.encode(targetText(each.target), { specialTokens: false }).ids,
  }));
  const fits = items.map(({ prompt, target: ids }) => prompt.length + ids.length <= model.description.n_ctx);
  const kept = asked.filter((_, j) => fits[j]);
  const scores = await scoreContinuations(
    model,
    items.filter((_, j) => fits[j]),
    after,
    watch,
  );
  return kept.map((each, j) => ({ ...each, hit: scores[j].rank.every((rank) => rank === 0) }));
}
