import { norm } from '../base/linalg.ts';
import type { Watch } from '../base/tasks.ts';
import type { FloatTensor } from '../base/tensor.ts';
import { readMany, type DeviceTensor } from '../device/memory.ts';
import { scope } from '../device/scope.ts';
import { flatIndex, rightPadded } from '../model/batch.ts';
import { embed, placeBatch, walk } from '../model/forward.ts';
import { SITE_KINDS, type BlockHook, type SiteKind } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import type { Hparams } from './hparams.ts';
import type { LayerScores } from './rank.ts';

/** What one forward pass says of the layers, per request. */
export interface LayerMeasure {
  /** Cosine of each layer's modules at the query's last token. */
  readonly cosines: LayerScores;
  /** ‖residual stream‖ that enters each layer there: what step sizes are measured in. */
  readonly residualNorms: readonly number[];
}

/** The two vectors that each reading compares. */
export const PAIRS: Readonly<Record<Hparams['cosine'], Readonly<Record<SiteKind, readonly [BlockHook, BlockHook]>>>> = {
  module: { attn: ['hook_attn_in', 'hook_attn_out'], mlp: ['hook_mlp_in', 'hook_mlp_out'] },
  prenorm: { attn: ['hook_resid_pre', 'hook_attn_out'], mlp: ['hook_resid_mid', 'hook_mlp_out'] },
  residual: { attn: ['hook_resid_pre', 'hook_resid_mid'], mlp: ['hook_resid_mid', 'hook_resid_post'] },
  block: { attn: ['hook_resid_pre', 'hook_resid_post'], mlp: ['hook_resid_pre', 'hook_resid_post'] },
};

/**
 * How much each module turns its input, at the query's last token of the unedited model: near zero, its output has nothing
 * of its input's direction.   [methods.md 6.5, gaps 1 and 4; PMET's recall notebook]
 *
 * - `module`: module input (after its norm) against module output
 * - `prenorm`: the residual stream in front of that norm against module output
 * - `residual`: the stream before against after the module's output is added
 * - `block`: block input against block output, the same for both modules
 *
 * @param queries ids of each request's query
 */
export async function measureLayers(
  model: Model,
  queries: readonly (readonly number[])[],
  reading: Hparams['cosine'],
  watch?: Watch,
): Promise<LayerMeasure[]> {
  const { kernels, device, description } = model;
  const batch = rightPadded(description, device.float, queries);
  const last = Int32Array.from(queries, (ids, row) => flatIndex(batch, row, ids.length - 1));
  const pairs = PAIRS[reading];
  const hooks = [...new Set(SITE_KINDS.flatMap((kind) => pairs[kind]))];
  return scope(async (s) => {
    const found: { layer: number; kind: SiteKind; tensor: DeviceTensor }[] = [];
    const streams: DeviceTensor[] = [];
    const placed = s.add(placeBatch(device, batch));
    const top = await walk(model, placed, s.add(await embed(model, batch)), {
      to: description.n_layers,
      fetch: () => hooks.filter((hook) => hook !== 'hook_resid_pre'),
      visit: async (layer, outputs, layerScope) => {
        const rows = new Map<string, DeviceTensor>();
        for (const hook of hooks) rows.set(hook, layerScope.add(await kernels.capture(outputs[hook], last)));
        for (const kind of SITE_KINDS) {
          const [a, b] = pairs[kind].map((hook) => rows.get(hook) as DeviceTensor);
          found.push({ layer, kind, tensor: s.add(await kernels.cosine(a, b)) });
        }
        streams.push(s.add(await kernels.capture(outputs.hook_resid_pre, last)));
      },
      watch,
    });
    s.add(top);
    const read = (await readMany([...found.map(({ tensor }) => tensor), ...streams])) as FloatTensor[];
    return queries.map((_, i) => {
      const of = (kind: SiteKind) => {
        const cosines: number[] = [];
        found.forEach((each, j) => {
          if (each.kind === kind) cosines[each.layer] = read[j].data[i];
        });
        return cosines;
      };
      const norms = read
        .slice(found.length)
        .map(({ data, shape }) => norm(data.subarray(i * shape[1], (i + 1) * shape[1])));
      return { cosines: { mlp: of('mlp'), attn: of('attn') }, residualNorms: norms };
    });
  });
}
