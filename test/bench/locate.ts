import type { Device } from '../../src/device/device.ts';
import { readCase, type LocateCase } from '../../src/locate/case.ts';
import { locate, LOCATION_KINDS, type CellBlock } from '../../src/locate/location.ts';
import { drawNoise } from '../../src/locate/noise.ts';
import { usualWindow, windowAt } from '../../src/locate/windows.ts';
import { loadModel } from '../../src/model/load.ts';
import { httpSource } from '../../src/model/source.ts';
import { naivePass } from '../support/naive-location.ts';
import { GPT2_SMALL, randomModel } from '../support/tiny.ts';
import { countedDevice, measureProducts } from './arithmetic.ts';

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

/** Seconds after which one map has told what there is to tell: of WebGPU in software. */
const PATIENCE = 60;

/**
 * A full map on the shipped model: when its first cells come, when each kind is done; with the published windows and with
 * those for its depth. Beside it, because a machine's speed changes from one moment to the next: how long the map's matrix
 * products alone would take at the speed found just before and just after it.
 */
export async function measureLocate(device: Device, say: (line: string) => void): Promise<void> {
  const counted = countedDevice(device);
  const model = await loadModel(
    httpSource(new URL('/shipped', location.href).href, { name: 'shipped' }),
    counted.device,
  );
  const windows = [10, usualWindow(model.description.n_layers)];
  for (const request of [WHOLE, { ...WHOLE, target: 'strap on a helmet' }, EXAMPLE]) {
    const { ids, subjectRange, targetIds } = await readCase(model, request);
    const size = `${ids.length} tokens, the subject ${subjectRange.join('–')}, ${targetIds.length} of target`;
    for (let round = 0; round < ROUNDS; round++) {
      for (const window of windows) {
        const item = await readCase(model, request);
        const before = await measureProducts(device);
        counted.taken();
        const start = performance.now();
        const since = () => `${(performance.now() - start).toFixed(0)} ms`;
        const marks: Record<string, string> = {};
        const cells = ({ kind }: CellBlock) => {
          marks['first cells'] ??= since();
          marks[`last of ${kind}`] = since();
        };
        await locate(model, item, { window }, { cells });
        const seconds = (performance.now() - start) / 1000;
        const work = counted.taken();
        const speed = (before + (await measureProducts(device))) / 2;
        const stages = Object.entries(marks).map(([stage, time]) => `${stage} ${time}`);
        say(`the shipped model, ${size}, windows of ${window}: ${stages.join(', ')}`);
        const products = `${billions(work)} GFLOP, ${((1000 * work) / speed).toFixed(0)} ms at ${billions(speed)} GFLOP/s`;
        say(`  ${products}: the map takes ${((seconds * speed) / work).toFixed(2)} times its matrix products`);
        if (seconds > PATIENCE) return model.dispose();
      }
    }
  }
  await model.dispose();
  await measureRatio(device, say);
}

// ---

function billions(value: number): string {
  return (value / 1e9).toFixed(1);
}

/** Passes of the loop before the fast way, and as many after it: a machine whose speed changes meanwhile favors neither. */
const PASSES = 2;

/** Cells that both ways compute. */
const CHECKED: readonly (readonly [token: number, layer: number])[] = [
  [0, 2],
  [4, 5],
];

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
  const cells = item.ids.length * n_layers;
  const noise = drawNoise([10, 4, d_model], 0.1, 1);
  let worst = 0;
  for (const kind of LOCATION_KINDS) {
    // With the logits of all tokens, as the published code has them, and with those alone that are read. A pass that restores
    // a module needs another run here to find what it puts out, which a hook would not: passes of hidden states are timed.
    const seconds = { all: 0, few: 0 };
    const runLoop = async () => {
      for (let pass = 0; pass < PASSES; pass++) {
        for (const logits of ['all', 'few'] as const) {
          const cell = { kind: 'hidden', token: pass, window: { start: pass, end: pass + 1 } } as const;
          const from = performance.now();
          await naivePass(model, item, noise, cell, undefined, logits === 'all');
          seconds[logits] += (cells * (performance.now() - from)) / 1000 / (2 * PASSES);
        }
      }
    };
    await runLoop();
    const start = performance.now();
    const map = await locate(model, item, { kinds: [kind], noise });
    const fast = (performance.now() - start) / 1000;
    await runLoop();
    for (const [token, layer] of CHECKED) {
      const window = kind === 'hidden' ? { start: layer, end: layer + 1 } : windowAt(layer, 10, n_layers);
      const { probability } = await naivePass(model, item, noise, { kind, token, window });
      worst = Math.max(
        worst,
        Math.abs((map.kinds[kind]?.probability[token * n_layers + layer] ?? NaN) / probability - 1),
      );
    }
    const times = (loop: number) => `${loop.toFixed(0)} s, ${(loop / fast).toFixed(1)} times`;
    say(
      `GPT-2 small, ${kind}: ${fast.toFixed(1)} s; the loop ${times(seconds.all)}; with few logits ${times(seconds.few)}`,
    );
  }
  say(`  furthest apart, relative: ${worst.toExponential(1)}`);
  await model.dispose();
}
