import { appendFileSync, mkdirSync } from 'node:fs';

/** Where figures of a test run are gathered, one JSON line each; `npm test` prints the file's name at its end. */
export const FIGURES = '.cache/tests/figures.jsonl';

/** Notes figures that a person wants to see though no assertion fails: deviations from fixtures, scores of methods. */
export function reportFigures(what: string, figures: Readonly<Record<string, unknown>>): void {
  mkdirSync('.cache/tests', { recursive: true });
  appendFileSync(FIGURES, `${JSON.stringify({ what, ...figures })}\n`);
}

/** As `reportFigures`, for largest deviations: two digits are enough. */
export function reportDeviation(what: string, worst: Readonly<Record<string, number>>): void {
  const short = Object.entries(worst).map(([name, value]) => [name, Number(value.toExponential(1))] as const);
  reportFigures(what, Object.fromEntries(short));
}
