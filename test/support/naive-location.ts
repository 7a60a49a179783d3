import type { FloatTensor } from '../../src/base/tensor.ts';
import { scope } from '../../src/device/scope.ts';
import type { LocateCase } from '../../src/locate/case.ts';
import type { LocationKind } from '../../src/locate/location.ts';
import type { LayerWindow } from '../../src/locate/windows.ts';
import { flatIndex, floats, rightPadded, type Batch } from '../../src/model/batch.ts';
import { embed, logitsAt, placeBatch, runBlock, type BlockOptions, type Deltas } from '../../src/model/forward.ts';
import { SITES, type SiteKind } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import type { PlacedPatches } from '../../src/model/patch.ts';
import { logSoftmax } from '../../src/model/score.ts';

/** One cell: a token restored behind the one layer of its window (hidden), or what a module puts out in all of them. */
export interface NaiveCell {
  readonly kind: LocationKind;
  readonly token: number;
  readonly window: LayerWindow;
}

/**
 * One pass of the published loop, as plainly as it can be said: all rows, the clean one first, through all layers, with one
 * cell of rows 1 … copied from row 0; and what the target's probability is then, averaged over these rows.
 *
 * A module's output is moved there by a delta, which a first run of the block finds. On WASM.
 *
 * @param cell       null to restore nothing
 * @param everywhere whether to compute logits at every token, as published, rather than where they are read
 */
export function naivePass(
  model: Model,
  item: LocateCase,
  noise: FloatTensor,
  cell: NaiveCell | null,
  patches?: PlacedPatches,
  everywhere = false,
): Promise<{ probability: number; logProbability: number }> {
  const { device, description, blocks } = model;
  const { d_model, d_vocab } = description;
  const ids = [...item.ids, ...item.targetIds.slice(0, -1)];
  const draws = noise.shape[0];
  const batch = rightPadded(description, device.float, Array<number[]>(draws + 1).fill(ids));
  return scope(async (s) => {
    const placed = s.add(placeBatch(device, batch));
    let x = withNoise(await readHost(embed(model, batch)), batch, item, noise);
    for (const layer of blocks.keys()) {
      const inside = cell !== null && layer >= cell.window.start && layer < cell.window.end;
      const options: BlockOptions = { patches };
      if (inside && cell.kind !== 'hidden') {
        const hook = SITES[cell.kind].value;
        const probe = await runBlock(model, layer, s.add(device.place(x)), placed, options, [hook]);
        const deltas = towardsClean((await probe[hook].read()) as FloatTensor, batch, cell.kind, cell.token);
        Object.assign(options, { deltas });
      }
      const out = runBlock(model, layer, s.add(device.place(x)), placed, options, ['hook_resid_post']);
      x = await readHost(out.then((found) => found.hook_resid_post));
      if (inside && cell.kind === 'hidden') copyClean(x, batch, cell.token);
    }
    const readings = item.targetIds.map((_, i) => item.ids.length - 1 + i);
    const rows = Array.from({ length: draws }, (_, draw) => readings.map((t) => flatIndex(batch, draw + 1, t)));
    const asked = everywhere ? Array.from({ length: batch.rows * batch.width }, (_, i) => i) : rows.flat();
    const logits = await logitsAt(model, s.add(device.place(x)), asked);
    const means = rows.map((row) => {
      const logp = row.map((index, i) => {
        const line = asked.indexOf(index) * d_vocab;
        return logSoftmax(logits.data.subarray(line, line + d_vocab))[item.targetIds[i]];
      });
      return mean(logp);
    });
    return { probability: mean(means.map(Math.exp)), logProbability: mean(means) };
  });

  function towardsClean(found: FloatTensor, { rows, width }: Batch, kind: SiteKind, token: number): Deltas {
    const sel = new Float64Array(rows * width * rows);
    const delta = new Float64Array(rows * d_model);
    for (let row = 1; row < rows; row++) {
      sel[(row * width + token) * rows + row] = 1;
      for (let j = 0; j < d_model; j++) {
        delta[row * d_model + j] = found.data[token * d_model + j] - found.data[(row * width + token) * d_model + j];
      }
    }
    const place = (data: Float64Array, shape: readonly number[]) => device.place(floats(device.float, data, shape));
    const none = place(new Float64Array(rows * d_model), [rows, d_model]);
    const moved = place(delta, [rows, d_model]);
    return { sel: place(sel, [rows * width, rows]), attn: none, mlp: none, [kind]: moved };
  }
}

// ---

async function readHost(tensor: ReturnType<typeof embed>): Promise<FloatTensor> {
  const { data, shape, dtype } = (await (await tensor).read()) as FloatTensor;
  return floats(dtype, data, shape);
}

function withNoise(x: FloatTensor, { width }: Batch, item: LocateCase, { data, shape }: FloatTensor): FloatTensor {
  const [draws, tokens, d] = shape;
  for (let draw = 0; draw < draws; draw++) {
    const from = ((draw + 1) * width + item.subjectRange[0]) * d;
    for (let i = 0; i < tokens * d; i++) x.data[from + i] += data[draw * tokens * d + i];
  }
  return x;
}

/** Writes into x. */
function copyClean(x: FloatTensor, { rows, width }: Batch, token: number): void {
  const d = x.shape[1];
  for (let row = 1; row < rows; row++) {
    x.data.copyWithin((row * width + token) * d, token * d, (token + 1) * d);
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
