import { EditorError } from '../base/errors.ts';
import type { FloatTensor } from '../base/tensor.ts';
import type { Device } from '../device/device.ts';
import { scope } from '../device/scope.ts';
import { isRecord } from '../store/json.ts';
import { rightPadded } from './batch.ts';
import { embed, logitsAt, placeBatch, walk } from './forward.ts';
import { assembleModel, type Model } from './model.ts';

/** A sentence with the logits it must give: `check.json` beside a model. */
export interface StoredCheck {
  readonly ids: readonly number[];
  /** [id, logit] at the last position. */
  readonly top: readonly (readonly [id: number, logit: number])[];
  /** Largest relative difference that passes. */
  readonly tolerance: number;
}

/** How a device did. */
export interface CheckResult {
  /** Largest |difference| over the largest |logit|. */
  readonly difference: number;
  readonly tolerance: number;
  readonly against: 'stored' | 'cpu';
}

/** Differences of float32 sums in another order stay far below this; wrong numbers don't. */
const TOLERANCE = 1e-3;

/**
 * Runs a known sentence before a device is trusted: scrambled numbers come without any error.   [ux.md 2.7, 3.3]
 *
 * The sentence and its logits come with the model; where they don't, the model's ends and first block are run on the CPU
 * provider and compared.
 *
 * @param stored what `check.json` holds, if there is one
 * @param cpu    a CPU device to compare with; without it and without `stored` there is nothing to check
 * @throws EditorError `untrusted-device` with both numbers, `invalid-checkpoint` for a damaged `stored`
 */
export async function checkDevice(model: Model, stored: unknown, cpu: Device | null): Promise<CheckResult | null> {
  const check = readCheck(stored, model.description.d_vocab);
  const result = check ? await checkStored(model, check) : cpu && (await checkAgainst(model, cpu));
  if (!result || result.difference <= result.tolerance) return result;
  throw new EditorError(
    'untrusted-device',
    `trust this ${model.device.kind === 'webgpu' ? 'graphics device' : 'processor'}`,
    `a known sentence gives logits that are off by ${result.difference.toExponential(1)}, at most ${result.tolerance} is right`,
    'use CPU mode, or update the browser and the graphics driver',
    { difference: result.difference, tolerance: result.tolerance },
  );
}

// ---

/** A check that says nothing would trust any device, so a damaged file is a fault. */
function readCheck(stored: unknown, d_vocab: number): StoredCheck | null {
  if (stored === undefined || stored === null) return null;
  const { ids, top, tolerance = TOLERANCE } = isRecord(stored) ? stored : {};
  const isId = (id: unknown) => Number.isInteger(id) && Number(id) >= 0 && Number(id) < d_vocab;
  const isPair = (pair: unknown) => Array.isArray(pair) && isId(pair[0]) && Number.isFinite(pair[1]);
  const isList = (list: unknown, holds: (each: unknown) => boolean) =>
    Array.isArray(list) && list.length > 0 && list.every(holds);
  if (isList(ids, isId) && isList(top, isPair) && Number.isFinite(tolerance)) {
    return { ids, top, tolerance } as StoredCheck;
  }
  throw new EditorError(
    'invalid-checkpoint',
    'read check.json',
    `it must hold ids below ${d_vocab}, pairs of id and logit, and a tolerance`,
    'get the file again from where the model comes from',
  );
}

async function checkStored(model: Model, { ids, top, tolerance }: StoredCheck): Promise<CheckResult> {
  const logits = await lastLogits(model, ids, model.blocks.length);
  const scale = Math.max(...top.map(([, logit]) => Math.abs(logit)));
  const differences = top.map(([id, logit]) => Math.abs(logits.data[id] - logit) / scale);
  return { difference: worst(differences), tolerance, against: 'stored' };
}

async function checkAgainst(model: Model, cpu: Device): Promise<CheckResult> {
  const { name, tokenizer, checkpoint, description } = model;
  const first = await assembleModel({ name, tokenizer, checkpoint, description: { ...description, n_layers: 1 } }, cpu);
  try {
    const ids = tokenizer.encode('The quick brown fox jumps over the lazy dog.', { specialTokens: true }).ids;
    const [here, there] = [await lastLogits(model, ids, 1), await lastLogits(first, ids, 1)];
    let [size, difference] = [0, 0];
    for (const value of there.data) size = Math.max(size, Math.abs(value));
    here.data.forEach((value, i) => (difference = worst([difference, Math.abs(value - there.data[i]) / size])));
    return { difference, tolerance: TOLERANCE, against: 'cpu' };
  } finally {
    await first.dispose();
  }
}

/** NaN counts as infinitely wrong. */
function worst(differences: readonly number[]): number {
  return Math.max(0, ...differences.map((value) => (Number.isNaN(value) ? Infinity : value)));
}

/** Logits [1, d_vocab] after the last token when only the first `layers` blocks run. */
function lastLogits(model: Model, ids: readonly number[], layers: number): Promise<FloatTensor> {
  return scope(async (s) => {
    const batch = rightPadded(model.description, model.device.float, [ids]);
    const placed = s.add(placeBatch(model.device, batch));
    const x = await walk(model, placed, s.add(await embed(model, batch)), { to: layers });
    return logitsAt(model, s.add(x), [ids.length - 1]);
  });
}
