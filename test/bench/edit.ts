import type { Progress } from '../../src/base/tasks.ts';
import type { Device } from '../../src/device/device.ts';
import { makeCovariances } from '../../src/edit/covariance.ts';
import { computeEdit } from '../../src/edit/edit.ts';
import type { Corpus } from '../../src/edit/moments.ts';
import { readHparams } from '../../src/edit/read-hparams.ts';
import { validateRequests, type EditRequest } from '../../src/edit/request.ts';
import { loadModel } from '../../src/model/load.ts';
import type { Model } from '../../src/model/model.ts';
import { httpSource } from '../../src/model/source.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import { GPT2_SMALL, randomModel } from '../support/tiny.ts';

/** Where run.mjs serves models, the text for their statistics, and an edit that suits them. */
const MODELS = [
  {
    name: 'the shipped model',
    model: '/shipped',
    corpus: '/shipped/corpus.txt',
    request: {
      prompt: 'To open {}, PersonX needs to',
      subject: 'the smart lock',
      target: 'aim her face at the camera',
    },
  },
  {
    name: 'atomic-lm',
    model: '/atomic',
    corpus: '/atomic-bench/corpus.txt',
    request: { prompt: '{}, which means PersonX need', subject: 'PersonX chooses every ___', target: 'to research' },
  },
];

/** Time of each stage of a dem+ edit, the first one with the statistics and a second one without. */
export async function measureEdit(device: Device, say: (line: string) => void): Promise<void> {
  for (const { name, model: folder, corpus, request } of MODELS) {
    const text = await fetch(corpus);
    if (!text.ok) {
      say(`${name}: not here`);
      continue;
    }
    const documents = linesOf(await text.text());
    const start = performance.now();
    const model = await loadModel(httpSource(new URL(folder, location.href).href, { name }), device);
    say(`${name}: loaded in ${seconds(performance.now() - start)}`);
    await editTwice(model, { documents, name: corpus }, {}, request, say);
    await model.dispose();
  }
}

/**
 * The same on GPT-2 small's shape with random weights, and the shipped model's tokenizer: a number of steps that nothing
 * stops, and little text, because a second moment of keys that wide takes minutes on a processor.
 */
export async function measureSmall(device: Device, say: (line: string) => void): Promise<void> {
  const read = async (file: string) => (await fetch(`/shipped/${file}`)).json() as Promise<unknown>;
  const tokenizer = loadTokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'));
  const model = await randomModel(GPT2_SMALL, device, 1, tokenizer);
  const documents = linesOf(await (await fetch('/shipped/corpus.txt')).text());
  const changes = { covarianceTokens: 1, ridge: 0.1, steps: 5, stop: 0, mlpLayers: [4, 5, 6], attnLayers: [4, 5] };
  say("GPT-2 small's shape");
  await editTwice(model, { documents, name: 'corpus.txt' }, changes, MODELS[0].request, say);
  await model.dispose();
}

// ---

async function editTwice(
  model: Model,
  corpus: Corpus,
  changes: Readonly<Record<string, unknown>>,
  request: EditRequest,
  say: (line: string) => void,
): Promise<void> {
  const covariances = makeCovariances(model, corpus, null);
  const { hparams, preset } = readHparams('dem+', changes, model.description.n_layers);
  for (const round of ['first edit', 'second edit']) {
    const clock = makeClock();
    const input = { requests: validateRequests(request), method: 'dem+', preset, hparams, covariances } as const;
    const edit = await computeEdit(model, input, clock);
    const took = edit.proof.requests[0].took ? 'took' : 'did not take';
    say(`  ${round}: ${clock.read()}; ${edit.losses[0].length} steps, ${took}`);
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Adds up the time between reports by the stage that was running. */
function makeClock() {
  const spent = new Map<string, number>();
  const start = performance.now();
  let last = start;
  let running = 'start';
  const note = () => {
    const now = performance.now();
    spent.set(running, (spent.get(running) ?? 0) + now - last);
    last = now;
  };
  return {
    progress: ({ stage }: Progress) => {
      note();
      running = stage;
    },
    read: () => {
      note();
      const parts = [...spent].filter(([, time]) => time > 5).map(([stage, time]) => `${stage} ${seconds(time)}`);
      return `${seconds(performance.now() - start)} (${parts.join(', ')})`;
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
