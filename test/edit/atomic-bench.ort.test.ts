import { beforeAll, describe, expect, test } from 'vitest';
import { makeCovariances, type Covariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import type { StackedEdit } from '../../src/edit/record.ts';
import type { MethodName, PresetName } from '../../src/edit/hparams.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { evaluateCase, type EvaluationCase } from '../../src/eval/evaluate.ts';
import { mean, summarize, type CaseScores } from '../../src/eval/metrics.ts';
import type { Model } from '../../src/model/model.ts';
import type { PlacedPatches } from '../../src/model/patch.ts';
import { fixtureModel } from '../support/models.ts';
import { reportFigures } from '../support/report.ts';
import { validRequest } from '../support/requests.ts';
import { readFixtureJson, readFixtureLines, sharedOrSkip } from '../support/shared.ts';
import { withStack } from '../support/stack.ts';
import { THOROUGH } from '../support/thorough.ts';

const FOLDER = 'golden/atomic-lm/bench';

interface BenchCase extends Omit<EvaluationCase, 'drift'> {
  readonly prompt: string;
  readonly subject: string;
}

/** What a method must reach on all 48, and what the reference calls it.   [dem-readings.md, ends of sections 8 and 8a] */
const METHODS: readonly [
  MethodName,
  PresetName,
  keyof Expected,
  Partial<Record<keyof CaseScores, readonly [number, number]>>,
][] = [
  [
    'dem+',
    'default',
    'dem+ default',
    {
      exact: [0.98, 1],
      generalization: [0.84, 0.91],
      specificity: [0.9, 0.94],
      commonsense: [0.9, 0.95],
      drift: [0, 0.004],
    },
  ],
  ['dem+', 'mlp-only', 'dem+ mlp-only', { exact: [0.98, 1], generalization: [0.86, 0.93], drift: [0, 0.001] }],
  [
    'dem',
    'recommended',
    'dem',
    {
      exact: [0.75, 0.9],
      efficacy: [0.92, 0.97],
      generalization: [0.4, 0.55],
      specificity: [0.9, 0.94],
      commonsense: [0.91, 0.95],
    },
  ],
];

const WHOLE = 48;

/** A run of all tests takes the first few. */
const LIMIT = THOROUGH ? WHOLE : 3;

/** The model as it came. */
const NONE: PlacedPatches = new Map();

/** `expected.json`: what PyTorch made of each case. */
type Expected = Readonly<
  Record<
    'dem+ default' | 'dem+ mlp-only' | 'dem',
    {
      readonly layers: readonly (readonly [attn: readonly number[], mlp: readonly number[]])[];
      readonly cases: readonly Readonly<Record<string, number | null>>[];
    }
  >
>;

/** Its names of the figures. */
const METRICS = {
  exact: 'em',
  efficacy: 'eff',
  generalization: 'gen',
  specificity: 'spec',
  commonsense: 'cs',
} as const satisfies Partial<Record<keyof CaseScores, string>>;

sharedOrSkip()('48 cases of atomic-lm', () => {
  let model: Model;
  let covariances: Covariances;
  beforeAll(async () => {
    model = await fixtureModel('atomic-lm');
    covariances = makeCovariances(model, { documents: readFixtureLines(`${FOLDER}/corpus.txt`), name: 'bench' }, null);
  }, 120_000);

  describe.each(METHODS)('%s %s', (method, preset, name, ranges) => {
    test('scores', { timeout: 3_600_000 }, async () => {
      const templates = readFixtureJson<string[][]>(`${FOLDER}/templates.json`);
      const cases = readFixtureJson<BenchCase[]>(`${FOLDER}/cases.json`);
      const { sentences, pick } = readFixtureJson<{ sentences: { ids: number[] }[]; pick: number[][] }>(
        `${FOLDER}/drift.json`,
      );
      const expected = readFixtureJson<Expected>(`${FOLDER}/expected.json`)[name];
      const { hparams } = readHparams(method, { preset, covarianceTokens: 30 }, model.description.n_layers);
      const scores: CaseScores[] = [];
      const clock = { edit: 0, evaluate: 0 };
      for (const [i, given] of cases.slice(0, LIMIT).entries()) {
        let start = performance.now();
        const requests = [validRequest(given)];
        const input = { requests, method, preset, hparams, covariances, templates, proof: 'brief' } as const;
        const edit = await computeEdit(model, input);
        clock.edit += performance.now() - start;
        const [attn, mlp] = expected.layers[i];
        expect(edit.layers.mlp, `MLP layers of case ${i}`).toEqual(mlp);
        if (hparams.editAttn) expect(edit.layers.attn, `attention layers of case ${i}`).toEqual(attn);
        start = performance.now();
        const drift = pick[i].map((index) => sentences[index].ids);
        const stack = [{ edit, alpha: 1 }];
        scores.push(await withStack(model, stack, (after) => evaluateCase(model, { ...given, drift }, NONE, after)));
        clock.evaluate += performance.now() - start;
      }
      const summary = summarize(scores);
      reportFigures(`${method} ${preset}, ${scores.length} cases of atomic-lm`, {
        ...rounded({ ...summary }),
        ...rounded(clock),
      });
      // One float32 run beside another: single cases move, means of all by 0.02 (so PyTorch's notes), of fewer by more.
      // The reference ran DEM for 25 steps, the preset has 40.
      const slack = (method === 'dem' ? 0.08 : 0.04) * Math.sqrt(WHOLE / scores.length);
      for (const [key, own] of Object.entries(METRICS)) {
        const reference = mean(expected.cases.slice(0, LIMIT).map((each) => each[own] ?? NaN));
        const found = summary[key as keyof CaseScores];
        expect(Math.abs(found - reference), `${key} is ${found}, PyTorch’s ${reference}`).toBeLessThan(slack);
      }
      if (scores.length < WHOLE) return;
      for (const [key, [low, high]] of Object.entries(ranges)) {
        expect(summary[key as keyof CaseScores], key).toBeGreaterThanOrEqual(low - 1e-9);
        expect(summary[key as keyof CaseScores], key).toBeLessThanOrEqual(high + 1e-9);
      }
    });
  });

  test('a sequence of edits, MLP only, with memory', { timeout: 3_600_000 }, async () => {
    const templates = readFixtureJson<string[][]>(`${FOLDER}/templates.json`);
    const sequence = readFixtureJson<{ prompt: string; subject: string; target: string; paraphrase: string }[]>(
      `${FOLDER}/sequence.json`,
    );
    const { sentences } = readFixtureJson<{ sentences: { ids: number[] }[] }>(`${FOLDER}/drift.json`);
    const { hparams } = readHparams('dem+', { preset: 'mlp-only', covarianceTokens: 30 }, model.description.n_layers);
    const stack: StackedEdit[] = [];
    const list = sequence.slice(0, THOROUGH ? 50 : LIMIT);
    for (const request of list) {
      const requests = [validRequest(request)];
      const memory = { method: 'dem+', preset: 'mlp-only', hparams, covariances, templates, stack } as const;
      stack.push({ edit: await computeEdit(model, { ...memory, requests, proof: 'brief' }), alpha: 1 });
    }
    const scores = await withStack(model, stack, async (after) => {
      const found: CaseScores[] = [];
      for (const [i, request] of list.entries()) {
        const { query, target } = validRequest(request);
        const drift = sentences.slice(i * 4, i * 4 + 4).map(({ ids }) => ids);
        const rest = { paraphrases: [request.paraphrase], neighbours: [], positives: [], negatives: [], leak: [] };
        found.push(await evaluateCase(model, { query, target, drift, ...rest }, NONE, after));
      }
      return found;
    });
    const { exact, generalization, drift } = summarize(scores);
    reportFigures(`dem+ mlp-only, ${list.length} in sequence on atomic-lm`, rounded({ exact, generalization, drift }));
    expect(exact).toBeGreaterThanOrEqual(0.96);
    expect(drift).toBeLessThanOrEqual(0.05);
    expect(mean(scores.map((score) => score.drift))).toBe(drift);
  });
});

// ---

function rounded(figures: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))]));
}
