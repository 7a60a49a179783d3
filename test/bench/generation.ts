import { makeRandom } from '../../src/base/random.ts';
import { f32 } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { keyWidth } from '../../src/model/description.ts';
import { generate } from '../../src/model/generate.ts';
import type { Site } from '../../src/model/hooks.ts';
import type { Model } from '../../src/model/model.ts';
import { disposePatches, placePatches, type Patch } from '../../src/model/patch.ts';
import { GPT2_SMALL, randomModel } from '../support/tiny.ts';

const TOKENS = 24;

/** Tokens a second with no patch and with ten edits of rank 5 at eight sites each, on GPT-2 small's shape. */
export async function measureGeneration(device: Device, say: (line: string) => void): Promise<void> {
  const model = await randomModel(GPT2_SMALL, device);
  const edits = Array.from({ length: 10 }, (_, i) => randomPatches(model, i)).flat();
  for (const patches of [[], edits]) {
    const placed = placePatches(
      device,
      model.description,
      patches.map((patch) => ({ patch, alpha: 1 })),
    );
    const rates: number[] = [];
    for (let round = 0; round < 3; round++) {
      const start = performance.now();
      const tokens: number[] = [];
      for await (const { id } of generate(model, [1, 2, 3, 4, 5, 6, 7, 8], { maxTokens: TOKENS, patches: placed }))
        tokens.push(id);
      rates.push((1000 * tokens.length) / (performance.now() - start));
    }
    say(`${patches.length === 0 ? 'no patch' : '10 edits'}: ${Math.max(...rates).toFixed(1)} tokens/s`);
    disposePatches(placed);
  }
  await model.dispose();
}

// ---

function randomPatches(model: Model, seed: number): Patch[] {
  const random = makeRandom(seed);
  const { d_model } = model.description;
  const layers = [4, 5, 6, 7];
  return layers.flatMap((layer) =>
    (['attn', 'mlp'] as const).map((kind): Patch => {
      const site: Site = { kind, layer };
      const width = keyWidth(model.description, kind);
      const draw = (size: number) => Float32Array.from({ length: size }, () => 0.01 * (random() - 0.5));
      return { site, left: f32(draw(d_model * 5), [d_model, 5]), right: f32(draw(5 * width), [5, width]) };
    }),
  );
}
