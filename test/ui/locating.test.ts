import { beforeEach, describe, expect, test } from 'vitest';
import { abortError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import { english } from '../../src/ui/english.ts';
import { noiseLevels } from '../../src/ui/location-view.ts';
import { emptyMap } from '../../src/ui/location.ts';
import { Locating } from '../../src/ui/locating.svelte.ts';
import type { Example, Opened } from '../../src/worker/api.ts';
import type {
  KeptTracing,
  LocateRequest,
  MapSettings,
  TracedAnswer,
  TracingSettings,
} from '../../src/worker/api-locate.ts';
import type { EngineClient } from '../../src/worker/client.ts';

// The step of the page over an engine that only writes down what it was asked.

const PROMPT = 'To open the lock, PersonX needs to';
const USUAL: TracingSettings = { window: 3, draws: 10, seed: 1, sigmas: 3, topK: 50 };
const OTHER: TracingSettings = { window: 5, draws: 2, seed: 7, sigmas: 1.5, topK: 20 };
const FRANCE: Example = {
  ...{ prompt: 'The capital of {} is', subject: 'France', target: 'Rome' },
  ...{ relation: 'capital', kind: 'counter' },
};

let asked: { prompt: string; how: TracingSettings }[];
let requests: LocateRequest[];
let recalled: number[];
/** The edits that take part in what is computed, those after the map was, the continuation that the model says, and who waits to be answered. */
let stamp: string;
let later: string | null;
let said: string[];
let gate: Promise<void>;
let kept: KeptTracing | null;
let locating: Locating;

beforeEach(() => {
  [asked, requests, recalled, kept] = [[], [], [], null];
  [stamp, later, said, gate] = ['', null, [], Promise.resolve()];
  const client = {
    locate: async (
      request: LocateRequest,
      _: unknown,
      { kinds, ...how }: MapSettings,
      __: unknown,
      { signal }: Watch = {},
    ) => {
      const { prompt, subject, target = '', targetIds = [2] } = request;
      asked.push({ prompt, how });
      requests.push(request);
      expect(kinds).toHaveLength(3);
      await gate;
      if (signal?.aborted) throw abortError('locate');
      return { ...answer(prompt, how), stamp, item: { ...answer(prompt, how).item, subject, target, targetIds } };
    },
    recall: (_: unknown, __: unknown, topK: number) => {
      recalled.push(topK);
      return Promise.resolve({ stamp: later ?? stamp });
    },
    lens: () => Promise.resolve({ stamp: later ?? stamp }),
    generate: (...[, , , , onToken]: Parameters<EngineClient['generate']>) => {
      said.forEach((text, id) => onToken({ id, text, probability: 1 }));
      return Promise.resolve();
    },
    keepTracing: (tracing: KeptTracing) => Promise.resolve((kept = tracing)).then(() => undefined),
    keptTracing: () => Promise.resolve(kept),
  } as unknown as EngineClient;
  const model = { n_layers: 8, d_vocab: 500 } as Opened['model'];
  const draft = { prompt: PROMPT, target: '', subject: 'the lock' };
  locating = new Locating(client, { composer: { draft }, opened: { model } }, () => undefined);
});

/** What the engine would say, of three tokens. */
function answer(prompt: string, how: TracingSettings): TracedAnswer {
  const score = { probability: 0.5, logProbability: Math.log(0.5) };
  const map = emptyMap({ high: score, low: score, draws: how.draws, noiseLevel: how.sigmas / 10 }, 3, 8);
  return {
    question: { prompt, subject: 'the lock', target: '', version: 'edited', how },
    item: {
      ...{ prompt, subject: 'the lock', target: ' it', targetFrom: 'model', ids: [1, 2, 3], tokens: ['a', 'b', 'c'] },
      ...{ subjectRange: [0, 1], targetIds: [2] },
    },
    ...{ map, recalled: null, seen: null, stamp: '', computedAt: 1, seconds: 22, stopped: false },
  };
}

describe('how it is measured', () => {
  test('as usual, unless somebody says otherwise; a restored window stays when the rest is reset', () => {
    expect(locating.how).toEqual(USUAL);
    locating.measure({ draws: 4, window: 5 });
    expect(locating.how).toEqual({ ...USUAL, draws: 4, window: 5 });
    locating.measureAsUsual();
    expect(locating.how).toEqual({ ...USUAL, window: 5 });
  });

  test('every setting goes into the question, to the map and to recall', async () => {
    locating.measure(OTHER);
    await locating.run();
    expect(asked).toEqual([{ prompt: PROMPT, how: OTHER }]);
    expect(recalled).toEqual([20]);
    expect(locating.here.question?.how).toEqual(OTHER);
  });

  test.each(Object.keys(USUAL) as (keyof TracingSettings)[])('another %s is another question', async (name) => {
    await locating.run();
    const { question } = locating.here;
    expect(question && locating.isAsked(question)).toBe(true);
    locating.measure({ [name]: OTHER[name] });
    expect(question && locating.isAsked(question)).toBe(false);
    locating.measure({ [name]: USUAL[name] });
    expect(question && locating.isAsked(question)).toBe(true);
  });

  test.each(Object.keys(USUAL) as (keyof TracingSettings)[])(
    'what is beside is measured with the same %s',
    async (name) => {
      await locating.run();
      locating.measure({ [name]: OTHER[name] });
      await locating.compareWith(FRANCE);
      expect(asked.at(-1)).toEqual({ prompt: 'The capital of France is', how: USUAL });
      await locating.run();
      expect(asked.slice(2)).toEqual(
        [PROMPT, 'The capital of France is'].map((prompt) => ({ prompt, how: { ...USUAL, [name]: OTHER[name] } })),
      );
      await locating.run();
      expect(asked).toHaveLength(5);
      expect(kept?.beside?.question.how).toEqual(kept?.here.question.how);
    },
  );
});

describe('what the model says', () => {
  test.each([
    [
      [', PersonX', ' needs', ' a', ' key', '.', ' Then'],
      [0, 1, 2, 3],
    ],
    [
      [' use', ' the', ' key.'],
      [0, 1, 2],
    ],
    [['.'], undefined],
    [[], undefined],
  ])('%j is looked for token by token, without the end of its sentence', async (tokens, targetIds) => {
    said = tokens;
    await locating.run();
    expect(requests[0].targetIds).toEqual(targetIds);
    expect(requests[0].target).toBeUndefined();
  });

  test('the untouched model is asked for exactly the same tokens, again when it was stopped', async () => {
    said = [', it', '.'];
    await locating.run();
    const whole = open();
    const first = locating.show('before');
    locating.cancel();
    whole();
    await first;
    expect(locating.before.stopped).toBe(true);
    await locating.show('change');
    await locating.show('before');
    expect(requests.map(({ targetIds }) => targetIds)).toEqual([[0], [0], [0]]);
    expect(locating.before.map).not.toBeNull();
  });
});

describe('what is beside it', () => {
  test('is traced again when the edits have changed', async () => {
    await locating.run();
    await locating.compareWith(FRANCE);
    stamp = 'e·1';
    await locating.run();
    expect([locating.here.stamp, locating.beside.stamp]).toEqual(['e·1', 'e·1']);
  });

  test('is left as it is when the person stops', async () => {
    await locating.run();
    await locating.compareWith(FRANCE);
    locating.measure(OTHER);
    const whole = open();
    const again = locating.run();
    locating.cancel();
    whole();
    await again;
    expect(asked).toHaveLength(3);
    expect(locating.running).toBeNull();
  });

  test('what another state of the model says is not shown beside a map', async () => {
    later = 'e·1';
    await locating.run();
    expect(locating.here.map).not.toBeNull();
    expect([locating.here.recalled, locating.here.seen]).toEqual([null, null]);
    later = null;
    await locating.run();
    expect(locating.here.seen).not.toBeNull();
  });
});

/** Keeps answers back until the function is called. */
function open(): () => void {
  let whole!: () => void;
  gate = new Promise((resolve) => {
    whole = resolve;
  });
  return whole;
}

describe('an earlier visit', () => {
  beforeEach(async () => {
    kept = { here: answer(PROMPT, OTHER), beside: null };
    await locating.restore();
  });

  test('gives its settings back to the form', () => {
    expect(locating.how).toEqual(OTHER);
    expect(locating.here.question && locating.isAsked(locating.here.question)).toBe(true);
  });

  test('says what the next map will take: by tokens squared, and by draws beside the clean run', () => {
    expect(locating.secondsFor(3)).toBe(22);
    expect(locating.secondsFor(6)).toBe(88);
    locating.measure({ draws: 5 });
    expect(locating.secondsFor(3)).toBe(44);
  });
});

test('what the engine would refuse is said under the names of the form', () => {
  expect(locating.faults).toEqual([]);
  locating.measure({ draws: 0, seed: -1, sigmas: NaN, topK: 501 });
  expect(locating.faults.map(english.locate.settings.fault)).toEqual([
    'Draws is 0, it takes whole numbers from 1 to 100.',
    'Seed is -1, it takes whole numbers from 0 to 2147483647.',
    'Noise is no number, it takes numbers from 0.01 to 20.',
    'Words compared is 501, it takes whole numbers from 1 to 500.',
  ]);
});

test.each([
  ['2', '5', 'deviation of 0.3, 5 times that of their embeddings, in 2 draws (seed 9)', 'averaged over the draws'],
  ['1', '1', 'deviation of 0.3, that of their embeddings, in 1 draw (seed 9), the same', 'tokens: causal tracing'],
])('the definition says what was measured: %s draws, %s σ', (draws, sigmas, ...texts) => {
  const noise = [{ level: '0.3', subject: 'the door' }];
  const parts = { kind: 'mlp', noise, sigmas, draws, seed: '9', window: '3' } as const;
  for (const text of texts) expect(english.locate.definitionText(parts)).toContain(text);
});

test('the definition names the noise of each panel where they differ', () => {
  const panel = (level: number, subject: string) => {
    const { map, item } = answer(PROMPT, { ...USUAL, sigmas: 10 * level });
    return { map, item: { ...item, subject } };
  };
  expect(noiseLevels([panel(0.25, 'the door'), panel(0.25, 'France'), { map: null, item: null }])).toEqual([
    { level: 0.25, subject: 'the door' },
  ]);
  const noise = noiseLevels([panel(0.25, 'the door'), panel(0.5, 'France')]).map(({ level, subject }) => {
    return { level: String(level), subject };
  });
  const parts = { kind: 'mlp', noise, sigmas: '3', draws: '2', seed: '9', window: '3' } as const;
  expect(english.locate.definitionText(parts)).toContain(
    'deviation of 0.25 (“the door”) and 0.5 (“France”), 3 times that of their embeddings',
  );
});
