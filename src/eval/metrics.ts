/** Mean of the numbers that are numbers; NaN when there is none. */
export function mean(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** n / Σ 1/x: the score of several metrics, 0 when any is 0.   [methods.md 9.5] */
export function harmonicMean(values: readonly number[]): number {
  if (values.some((value) => value <= 0)) return 0;
  return values.length / values.reduce((sum, value) => sum + 1 / value, 0);
}

/** Figures of one case, all but the divergences in [0, 1]; NaN where a case has no such question. [methods.md 9.5] */
export interface CaseScores {
  /** Greedy decoding of the query yields the target. */
  readonly exact: number;
  /** Share of the target's tokens that are likeliest, teacher-forced. */
  readonly efficacy: number;
  /** The same on the paraphrases. */
  readonly generalization: number;
  readonly generalizationExact: number;
  /** Share of neighbour questions answered no. */
  readonly specificity: number;
  /** Mean of the shares of true statements affirmed and of false ones denied. */
  readonly commonsense: number;
  /** Mean KL(before ‖ after) of the next token after neighbour queries, nats. */
  readonly leak: number;
  /** Mean KL(before ‖ after) per token of unrelated sentences, nats. */
  readonly drift: number;
}

/** Means over cases, and the harmonic mean of efficacy, generalization, specificity and commonsense. */
export function summarize(cases: readonly CaseScores[]): CaseScores & { readonly score: number } {
  const of = (key: keyof CaseScores) => mean(cases.map((each) => each[key]));
  const means: CaseScores = {
    exact: of('exact'),
    efficacy: of('efficacy'),
    generalization: of('generalization'),
    generalizationExact: of('generalizationExact'),
    specificity: of('specificity'),
    commonsense: of('commonsense'),
    leak: of('leak'),
    drift: of('drift'),
  };
  const { efficacy, generalization, specificity, commonsense } = means;
  return { ...means, score: harmonicMean([efficacy, generalization, specificity, commonsense]) };
}
