import type { Watch } from '../base/tasks.ts';
import { driftOfRows } from '../edit/damage.ts';
import { targetText } from '../edit/request.ts';
import { promptIds } from '../edit/rows.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { divergence, nextDistributions, scoreContinuations, type Score } from '../model/score.ts';
import { mean, type CaseScores } from './metrics.ts';

/** Everything that one edit is asked before and after. Questions end where the answer begins. */
export interface EvaluationCase {
  readonly query: string;
  readonly target: string;
  readonly paraphrases: readonly string[];
  /** Yes/no questions about other events: no is right. */
  readonly neighbours: readonly string[];
  /** Yes/no questions about statements that the edit makes true, and that stay false. */
  readonly positives: readonly string[];
  readonly negatives: readonly string[];
  /** Queries of other events, whose next token shall stay. */
  readonly leak: readonly string[];
  /** Unrelated sentences as ids. */
  readonly drift: readonly (readonly number[])[];
}

/**
 * Asks one case of the model with some patches.   [methods.md 9.5]
 *
 * @param before patches of the model that leak and drift are measured against
 */
export async function evaluateCase(
  model: Model,
  given: EvaluationCase,
  before: PlacedPatches,
  after: PlacedPatches,
  watch?: Watch,
): Promise<CaseScores> {
  const target = model.tokenizer.encode(targetText(given.target), { specialTokens: false }).ids;
  const queries = [given.query, ...given.paraphrases];
  const items = queries.map((query) => ({ prompt: promptIds(model, query), target }));
  const [own, ...others] = await scoreContinuations(model, items, after, watch);
  const questions = [...given.neighbours, ...given.positives, ...given.negatives];
  const yes = await answerYes(model, questions, after, watch);
  const [nb, pos] = [given.neighbours.length, given.positives.length];
  const truths = mean(yes.slice(nb, nb + pos).map(Number));
  const denials = mean(yes.slice(nb + pos).map((answer) => Number(!answer)));
  const { kl } = await driftOfRows(model, given.drift, before, after, watch);
  return {
    exact: isExact(own),
    efficacy: accuracy(own),
    generalization: mean(others.map(accuracy)),
    generalizationExact: mean(others.map(isExact)),
    specificity: mean(yes.slice(0, nb).map((answer) => Number(!answer))),
    commonsense: (truths + denials) / 2,
    leak: await leakOf(model, given.leak, before, after, watch),
    drift: kl,
  };
}

/**
 * Whether the model says yes to questions that end where the answer begins: P(yes) > P(no), each the sum over the single
 * tokens that spell the word.   [methods.md 9.5]
 */
export async function answerYes(
  model: Model,
  questions: readonly string[],
  patches?: PlacedPatches,
  watch?: Watch,
): Promise<boolean[]> {
  const [yes, no] = [
    ['yes', 'Yes'],
    ['no', 'No'],
  ].map((words) => singleTokens(model, words));
  const found = await nextDistributions(
    model,
    questions.map((question) => promptIds(model, question)),
    patches,
    watch,
  );
  const mass = (logq: Float64Array, ids: readonly number[]) => ids.reduce((sum, id) => sum + Math.exp(logq[id]), 0);
  return found.map((logq) => mass(logq, yes) > mass(logq, no));
}

// ---

/** Ids of the words that are one token, with and without a space before them. */
function singleTokens({ tokenizer }: Model, words: readonly string[]): number[] {
  const spelled = words.flatMap((word) => [word, ` ${word}`]);
  const ids = spelled.map((text) => tokenizer.encode(text, { specialTokens: false }).ids);
  return [...new Set(ids.filter((each) => each.length === 1).flat())];
}

async function leakOf(
  model: Model,
  queries: readonly string[],
  before: PlacedPatches,
  after: PlacedPatches,
  watch?: Watch,
): Promise<number> {
  const prompts = queries.map((query) => promptIds(model, query));
  const [p, q] = [
    await nextDistributions(model, prompts, before, watch),
    await nextDistributions(model, prompts, after, watch),
  ];
  return mean(p.map((logp, i) => divergence(logp, q[i])));
}

function accuracy({ rank }: Score): number {
  return mean(rank.map((each) => Number(each === 0)));
}

function isExact({ rank }: Score): number {
  return Number(rank.every((each) => each === 0));
}
