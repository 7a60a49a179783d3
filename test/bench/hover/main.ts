import { mount } from 'svelte';
import { makeRandom } from '../../../src/base/random.ts';
import type { PanelView } from '../../../src/ui/location-view.ts';
import MapPanel from '../../../src/ui/MapPanel.svelte';
import '../../../src/ui/page.css';
import '../../../src/ui/theme.css';
import { Tracing } from '../../../src/ui/tracing.svelte.ts';
import { usualTracing } from '../../../src/worker/api-locate.ts';
import { EngineClient } from '../../../src/worker/client.ts';

/** The panel of a map with 40 tokens and 75 layers, all of it in the window: 3,000 cells of which each may be explained. */
const TOKENS = 40;
const LAYERS = 75;

const tracing = new Tracing(
  new EngineClient(
    () => undefined,
    () => undefined,
  ),
  () => undefined,
);
const random = makeRandom(1);
const cells = () => Float64Array.from({ length: TOKENS * LAYERS }, () => random());
const score = (probability: number) => ({ probability, logProbability: Math.log(probability) });
const tokens = Array.from({ length: TOKENS }, (_, i) => ` word${i}`);
const prompt = tokens.join('').trim();
const hidden = { probability: cells(), logProbability: cells() };
tracing.restore({
  question: {
    prompt,
    subject: 'word0',
    target: '',
    version: 'original',
    how: usualTracing({ n_layers: LAYERS, d_vocab: 50257 }),
  },
  item: {
    ...({ prompt, subject: 'word0', target: ' end', targetFrom: 'model', tokens } as const),
    ...({ ids: tokens.map((_, i) => i), subjectRange: [0, 1], targetIds: [0] } as const),
  },
  map: {
    ...{ tokens: TOKENS, layers: LAYERS, high: score(0.9), low: score(0.1), draws: 10, noiseLevel: 0.3 },
    kinds: { hidden, mlp: hidden, attn: hidden },
  },
  ...{ stamp: '', recalled: null, seen: null, computedAt: 0, seconds: 1, stopped: false },
});
const coloring = { scale: 'cividis', domain: { low: 0, high: 1 } } as const;
const view: PanelView = {
  ...{ tracing, relation: '', scores: hidden.probability, changed: null, before: null, coloring, legend: null },
  ...{ recallColoring: coloring, written: { location: () => false, recall: () => false } },
};
const target = document.getElementById('app');
const ignore = () => undefined;
if (target) {
  const props = {
    id: 'hover',
    view,
    kind: 'hidden' as const,
    layers: [],
    amount: String,
    onpick: ignore,
    onexplain: ignore,
  };
  mount(MapPanel, { target, props });
}
