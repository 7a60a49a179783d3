import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { memoryDatabase, openDatabase } from '../../src/store/database.ts';
import { withFallback } from '../../src/store/fallback.ts';
import type { KeptSets, KeptTracing, MeasuredSets, RelationPrompt, TracedAnswer } from '../../src/worker/api-locate.ts';
import { putRecord } from '../../src/store/keep.ts';
import {
  findSets,
  findTracing,
  keepSets,
  keepTracing,
  MOST_TRACINGS,
  type KeepingStudio,
} from '../../src/worker/kept.ts';
import { faultOf } from '../support/faults.ts';
import { goneDatabase } from '../support/gone.ts';

/** Of a model nothing matters here but its fingerprint. */
const of = (hash: string, database: KeepingStudio['database']) => ({ model: { hash }, database }) as KeepingStudio;

const HOW = { window: 3, draws: 4, seed: 2, sigmas: 1.5, topK: 20 };

/** A map of one cell. */
function traced(prompt: string, computedAt: number): TracedAnswer {
  const score = { probability: 0.5, logProbability: Math.log(0.5) };
  const cells = { probability: Float64Array.of(computedAt), logProbability: Float64Array.of(-1) };
  return {
    ...{ question: { prompt, subject: 'it', target: '', version: 'edited', how: HOW }, stamp: '', computedAt },
    item: {
      ...{ prompt, subject: 'it', target: ' so', targetFrom: 'model', ids: [1], tokens: ['it'] },
      ...{ subjectRange: [0, 1], targetIds: [2] },
    },
    map: { tokens: 1, layers: 1, high: score, low: score, draws: 4, noiseLevel: 0.3, kinds: { hidden: cells } },
    ...{ recalled: null, seen: null, seconds: 2, stopped: false },
  };
}

const kept = (prompt: string, computedAt: number, beside: TracedAnswer | null = null): KeptTracing => ({
  here: traced(prompt, computedAt),
  beside,
});

describe('what was traced', () => {
  test('is found again by its prompt, or else the latest, on the same model', async () => {
    const database = await openDatabase('tracings');
    const [one, other] = [of('a', database), of('b', database)];
    expect(await findTracing(one, 'it opens')).toBeNull();
    await keepTracing(one, kept('it opens', 1));
    await keepTracing(one, kept('it shuts', 2, traced('Paris', 3)));
    await keepTracing(other, kept('it opens', 4));
    expect(await findTracing(one, 'it opens')).toEqual(kept('it opens', 1));
    expect(await findTracing(one, 'it falls')).toEqual(kept('it shuts', 2, traced('Paris', 3)));
    expect((await findTracing(other, 'it falls'))?.here.map.kinds.hidden?.probability).toEqual(Float64Array.of(4));
  });

  test('gives way to what is traced of the same prompt, and to later prompts', async () => {
    const database = await openDatabase('few');
    const studio = of('a', database);
    for (let i = 1; i <= MOST_TRACINGS + 3; i++) await keepTracing(studio, kept(`it ${Math.max(3, i)}`, i));
    expect((await database.keys('records', 'tracings:')).length).toBe(MOST_TRACINGS);
    expect((await findTracing(studio, 'it 3'))?.here.question.prompt).toBe(`it ${MOST_TRACINGS + 3}`);
    expect((await findTracing(studio, 'it 5'))?.here.computedAt).toBe(5);
  });

  test('is not found where it was kept before it was said how it was measured', async () => {
    const studio = of('a', memoryDatabase());
    const key = `${'1'.padStart(15, '0')} a it opens`;
    await putRecord(studio.database, { name: 'tracings', version: 1 }, key, kept('it opens', 1));
    expect(await findTracing(studio, 'it opens')).toBeNull();
    await keepTracing(studio, kept('it opens', 2));
    expect(await findTracing(studio, 'it opens')).toEqual(kept('it opens', 2));
  });

  test('is refused with a code where nothing can be kept, and kept for the session behind a fallback', async () => {
    const closed = await openDatabase('closed');
    closed.close();
    expect(await faultOf(() => keepTracing(of('a', closed), kept('it', 1)))).toMatchObject({ code: 'quota' });
    const refusals: string[] = [];
    const studio = of(
      'a',
      withFallback({ ...memoryDatabase(), put: closed.put }, ({ code }) => refusals.push(code)),
    );
    await keepTracing(studio, kept('it', 1));
    expect((await findTracing(studio, 'it'))?.here.computedAt).toBe(1);
    expect(refusals).toEqual(['quota']);
  });
});

test('nothing is found where the store is gone, and that is no fault', async () => {
  const studio = of('a', await goneDatabase('kept, gone', (database) => keepTracing(of('a', database), kept('it', 1))));
  expect([await findTracing(studio, 'it'), await findSets(studio)]).toEqual([null, null]);
});

test('of sets the latest are kept', async () => {
  const studio = of('a', memoryDatabase());
  const sets = { stamp: '', asked: 3 } as unknown as MeasuredSets;
  const prompts: RelationPrompt[] = [{ prompt: 'it opens', subject: 'it', relation: 'xNeed', kind: 'commonsense' }];
  expect(await findSets(studio)).toBeNull();
  await keepSets(studio, { sets, prompts: [], computedAt: 1, secondsPerPrompt: null });
  await keepSets(studio, { sets: { ...sets, asked: 4 }, prompts, computedAt: 2, secondsPerPrompt: 0.5 });
  expect(await findSets(studio)).toMatchObject({ sets: { asked: 4 }, prompts, secondsPerPrompt: 0.5 });
  expect(await findSets(of('b', studio.database))).toBeNull();
  expect(await studio.database.keys('records', 'measured-sets:')).toHaveLength(1);
});

test('sets that were kept before it was said what they were measured on are found, without that', async () => {
  const studio = of('a', memoryDatabase());
  const old: Omit<KeptSets, 'prompts'> = { sets: { asked: 3 } as MeasuredSets, computedAt: 1, secondsPerPrompt: null };
  await putRecord(studio.database, { name: 'measured-sets', version: 1 }, `${'1'.padStart(15, '0')} a`, old);
  expect(await findSets(studio)).toEqual({ ...old, prompts: [] });
});
