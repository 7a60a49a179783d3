import type { Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { scope } from '../device/scope.ts';
import type { SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type { LocateCase } from './case.ts';
import { severedStrands } from './strands.ts';
import { climb, restoreAtTop, startTrace, type TargetScore } from './trace.ts';

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
    const forced = { kind, states: recorded.states, row: (corrupted: number) => corrupted };
    const [base, ...restored] = await climb(trace, token, severedStrands(model.description.n_layers), { forced });
    return [...restored.map(({ score }) => score), restoreAtTop(trace, token, base.logp)];
  });
}
