import { EditorError } from '../base/errors.ts';
import type { Site } from '../model/hooks.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type { Place, Reading, SuffixPlan } from '../model/suffix-plan.ts';
import type { StepResult } from '../model/suffix.ts';
import { rowsOfRequests, type EditRows } from './rows.ts';

/** Parts of the loss of one request at one evaluation. */
export interface LossParts {
  /** Mean over rows and target tokens of −log q, without its factor. */
  readonly nll: number;
  /** klFactor · KL(edited ‖ original) */
  readonly kl: number;
  /** weightDecay · Σ ‖δ‖ / ‖v₀‖² */
  readonly decay: number;
  readonly loss: number;
}

/** The rows of some requests as the loss reads them: first those of their templates, then their KL rows. */
export interface LossRows {
  readonly rows: EditRows;
  /** Request of each row. */
  readonly owners: readonly number[];
  readonly readings: readonly (Reading & { readonly request: number; readonly kl: boolean })[];
}

/** The rows of these requests, which are numbered from 0 from here on. */
export function makeLossRows(all: EditRows, requests: readonly number[]): LossRows {
  const rows = rowsOfRequests(all, requests);
  const targets = rows.rows.flatMap(({ request, queryLast }, row) =>
    rows.targets[request].map((label, t) => ({ row, position: queryLast + t, label, request, kl: false })),
  );
  const kls = rows.klRows.map(({ request, position }, i) => {
    return { row: rows.rows.length + i, position, label: 0, request, kl: true };
  });
  return { rows, owners: [...rows.rows, ...rows.klRows].map(({ request }) => request), readings: [...targets, ...kls] };
}

/** What a suffix needs to know of these rows. The KL row is edited too, with the request's first slot. */
export function lossPlan(
  { rows: { rows, klRows, firstSlot, slots }, readings }: LossRows,
  options: { readonly sites: readonly Site[]; readonly patches?: PlacedPatches | undefined; readonly naive?: boolean },
): SuffixPlan {
  const edited = rows.flatMap(({ request, edited: positions }, row) =>
    positions.map((position, i) => ({ row, position, slot: firstSlot[request] + i })),
  );
  const kls = klRows.map(({ request, position }, i) => ({ row: rows.length + i, position, slot: firstSlot[request] }));
  return {
    rows: [...rows, ...klRows].map(({ ids }) => ids),
    sites: options.sites,
    slots,
    injections: [...edited, ...kls],
    readings,
    patches: options.patches,
    naive: options.naive ?? false,
  };
}

/** The edited tokens of each request's clean row (its first, where none is clean), in slot order. */
export function cleanPlaces({ rows: { rows, targets } }: LossRows): Place[] {
  return targets.flatMap((_, request) => {
    const own = rows.flatMap((row, i) => (row.request === request ? [{ ...row, row: i }] : []));
    const { row, edited } = own.find((each) => each.clean) ?? own[0];
    return edited.map((position) => ({ row, position }));
  });
}

/** Weight of each reading's NLL in the summed loss: a mean over a request's rows and target tokens, times its factor. */
export function nllWeights(view: LossRows, factors: readonly number[]): number[] {
  return view.readings.map(({ request, kl }) => (kl ? 0 : factors[request] / readingCount(view, request)));
}

/** Weight of each reading's KL in the summed loss. */
export function klWeights({ readings }: LossRows, klFactor: number): number[] {
  return readings.map(({ kl }) => (kl ? klFactor : 0));
}

/**
 * The loss of one request from a step's numbers, and whether every target token is the likeliest in every row
 * (methods.md 3.2, as an integer test).
 *
 * @throws EditorError `not-finite`
 */
export function measureLoss(
  view: LossRows,
  request: number,
  { nll, kl, best }: StepResult,
  factor: number,
  klFactor: number,
  decay: number,
): { parts: LossParts; allBest: boolean } {
  const own = view.readings.map((reading, i) => ({ ...reading, i })).filter((reading) => reading.request === request);
  const targets = own.filter((reading) => !reading.kl);
  const sum = (values: Float64Array, readings: readonly { i: number }[]) =>
    readings.reduce((total, { i }) => total + values[i], 0);
  const meanNll = sum(nll, targets) / targets.length;
  const scaledKl =
    klFactor *
    sum(
      kl,
      own.filter((reading) => reading.kl),
    );
  const loss = factor * meanNll + scaledKl + decay;
  if (!Number.isFinite(loss)) {
    throw new EditorError(
      'not-finite',
      'optimize the target',
      `the loss became ${loss} (NLL ${meanNll}, KL ${scaledKl})`,
      'lower the step size, or run on the CPU',
      { loss: String(loss) },
    );
  }
  const allBest = targets.every(({ i, label }) => best[i] === label);
  return { parts: { nll: meanNll, kl: scaledKl, decay, loss }, allBest };
}

// ---

function readingCount({ readings }: LossRows, request: number): number {
  return readings.filter((reading) => reading.request === request && !reading.kl).length;
}
