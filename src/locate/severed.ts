import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { readMany } from '../device/memory.ts';
import { scope, type Scope } from '../device/scope.ts';
import { floats } from '../model/batch.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import { everyRow, type Picked, type Tail } from '../model/resume.ts';
import type { LocateCase } from './case.ts';
import { startTrace, Tails, type TargetScore, type Trace } from './trace.ts';

/**
 * One token's hidden state restored behind each layer while all its MLPs, or all its attentions, keep putting out what they
 * put out in the corrupted run: how much of the effect passes through them. Compare with the scores that aren't severed.
 * [methods.md 8.1]
 *
 * @param token prompt token, of the subject's first on; published: the subject's last
 * @param noise [draws, subject tokens, d_model], of the run in which the outputs are recorded
 * @param again noise of the run in which they are put back; the same when absent, which the published code missed
 * @returns     by layer
 */
export async function severedScores(
  model: Model,
  item: LocateCase,
  kind: SiteKind,
  token: number,
  noise: FloatTensor,
  again?: FloatTensor,
  watch?: Watch,
  patches?: PlacedPatches,
): Promise<TargetScore[]> {
  return scope(async (s) => {
    const recorded = s.add(await startTrace(model, item, noise, patches, watch));
    const trace = again ? s.add(await startTrace(model, item, again, patches, watch)) : recorded;
    const forced = { kind, states: recorded.states, row: ({ row }: Tail) => row };
    const tails = s.add(new Tails(trace, [token]));
    const scores: TargetScore[] = [];
    let x = tails.enter(0);
    for (const layer of model.blocks.keys()) {
      throwIfAborted(watch, 'locate');
      x = await tails.pass(s, layer, x, forced);
      scores.push(...(await tails.toTop(layer + 1, await restoreFirst(s, trace, x, layer + 1, token), forced)));
    }
    return scores;
  });
}

// ---

/** Tails of one token, with the token's clean state in front of each. */
async function restoreFirst(s: Scope, trace: Trace, x: Picked, layer: number, token: number): Promise<Picked> {
  const { model, states, draws } = trace;
  const [tails, clean] = (await readMany([x.from, states.streams[layer]])) as FloatTensor[];
  const [rows, d] = tails.shape;
  const restored = floats(tails.dtype, tails.data, tails.shape);
  for (let b = 0; b < draws; b++) {
    restored.data.set(clean.data.subarray(token * d, (token + 1) * d), (b * rows * d) / draws);
  }
  return { from: s.add(model.device.place(restored, 'restored')), rows: everyRow(rows) };
}
