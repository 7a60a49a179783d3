import type { Device } from '../../src/device/device.ts';
import { readCase, type LocateCase } from '../../src/locate/case.ts';
import { locate, LOCATION_KINDS, type CellBlock } from '../../src/locate/location.ts';
import { drawNoise } from '../../src/locate/noise.ts';
import { usualWindow, windowAt } from '../../src/locate/windows.ts';
import { loadModel } from '../../src/model/load.ts';
import { httpSource } from '../../src/model/source.ts';
import { naivePass } from '../support/naive-location.ts';
import { GPT2_SMALL, randomModel } from '../support/tiny.ts';

/** Twelve tokens with their subject at the beginning: the most that there is to run. */
const WHOLE = {
  prompt: 'PersonX rides the bicycle to work, which means PersonX needs to',
  subject: 'PersonX rides the bicycle to work',
};

/** The page's default example: the subject in the middle, free text of several tokens. */
const EXAMPLE = {
  prompt: 'To open the smart lock, PersonX needs to',
  subject: 'the smart lock',
  target: 'aim her face at the camera',
};

const ROUNDS = 2;

/** A full map on the shipped model: when its first cells come, when each kind is done; with the published windows and with those for its depth. */
export async function measureLocate(device: Device, say: (line: string) => void): Promise<void> {
  const model = await loadModel(httpSource(new URL('/shipped', location.href).href, { name: 'shipped' }), device);
  const windows = [10, usualWindow(model.description.n_layers)];
  for (const request of [WHOLE, { ...WHOLE, target: 'strap on a helmet' }, EXAMPLE]) {
    const { ids, subjectRange, targetIds } = await readCase(model, request);
    const size = `${ids.length} tokens, the subject ${subjectRange.join('–')}, ${targetIds.length} of target`;
    for (let round = 0; round < ROUNDS; round++) {
      for (const window of windows) {
        const start = performance.now();
        const since = () => `${(performance.now() - start).toFixed(0)} ms`;
        const marks: Record<string, string> = {};
        const cells = ({ kind }: CellBlock) => {
          marks['first cells'] ??= since();
          marks[`last of ${kind}`] = since();
        };
        await locate(model, await readCase(model, request), { window }, { cells });
        const stages = Object.entries(marks).map(([stage, time]) => `${stage} ${time}`);
        say(`the shipped model, ${size}, windows of ${window}: ${stages.join(', ')}`);
      }
    }
  }
  await model.dispose();
  await measureRatio(device, say);
}

// ---

const PASSES = 2;

/**
 * The loop of the published code against going on from kept states, on GPT-2 small's shape with random weights: 12 tokens,
 * the subject's 4 of them first, 12 layers, windows of 10, one token of target. Every pass of the loop computes the same
 * whatever it restores, so a few stand for all.
 */
async function measureRatio(device: Device, say: (line: string) => void): Promise<void> {
  const model = await randomModel(GPT2_SMALL, device);
  const { n_layers, d_model } = model.description;
  const item: LocateCase = {
    prompt: '',
    subject: '',
    target: '',
    targetFrom: 'request',
    ids: Array.from({ length: 12 }, (_, i) => 1000 + 37 * i),
    tokens: [],
    subjectRange: [0, 4],
    targetIds: [262],
  };
  const noise = drawNoise([10, 4, d_model], 0.1, 1);
  const passes: Record<string, number> = {};
  let worst = 0;
  for (const kind of LOCATION_KINDS) {
    const start = performance.now();
    const map = await locate(model, item, { kinds: [kind], noise });
    const fast = performance.now() - start;
    for (let pass = 0; pass < PASSES; pass++) {
      const [token, layer] = [4 * pass, 3 * pass + 2];
      const window = kind === 'hidden' ? { start: layer, end: layer + 1 } : windowAt(layer, 10, n_layers);
      for (const everywhere of [true, false]) {
        const from = performance.now();
        const { probability } = await naivePass(model, item, noise, { kind, token, window }, undefined, everywhere);
        const key = `${kind} ${everywhere}`;
        passes[key] = Math.min(passes[key] ?? Infinity, performance.now() - from);
        const found = map.kinds[kind]?.probability[token * n_layers + layer] ?? NaN;
        worst = Math.max(worst, Math.abs(found / probability - 1));
      }
    }
    // What a module puts out is found by a run of its own here; a hook in the loop would not need it, so it isn't counted.
    const cells = item.ids.length * n_layers;
    const [all, few] = [true, false].map((everywhere) => (cells * passes[`hidden ${everywhere}`]) / fast);
    say(
      `GPT-2 small, ${kind}: ${(fast / 1000).toFixed(1)} s, the loop ${((cells * passes['hidden true']) / 1000).toFixed(0)} s: ${all.toFixed(1)} times, with few logits ${few.toFixed(1)} times`,
    );
  }
  say(`  furthest apart, relative: ${worst.toExponential(1)}`);
  await model.dispose();
}
