import { expect, test } from 'vitest';
import { abortError } from '../../src/base/errors.ts';
import type { Watch } from '../../src/base/tasks.ts';
import { summarizeSet } from '../../src/locate/sets.ts';
import { Sets } from '../../src/ui/sets.svelte.ts';
import type { MeasuredSets, RelationPrompt } from '../../src/worker/api-locate.ts';
import type { EngineClient } from '../../src/worker/client.ts';

// Many prompts over an engine that measures as many of them as it is told to.

const PROMPTS: RelationPrompt[] = [
  { prompt: 'PersonX waits', subject: 'waits', relation: 'xNeed', kind: 'commonsense' },
];

/** What the engine measures anew; all else is known. */
let fresh = 0;
let stops = false;

async function open(): Promise<Sets> {
  const none = summarizeSet([]);
  const part = {
    ...{ file: null, stamp: '', settings: {}, asked: 1, askedVariants: 0, relations: [] },
    ...{
      kinds: { fact: none, commonsense: none, own: none },
      decoupling: { named: none, personX: none, removed: none },
    },
  } as unknown as MeasuredSets;
  const client = {
    modelPrompts: () => Promise.resolve({ file: null, prompts: PROMPTS }),
    keptSets: () => Promise.resolve(null),
    storedSets: () => Promise.resolve(null),
    keepSets: () => Promise.resolve(),
    measureSets: async (...[, , onPart, watch]: [unknown, unknown, (part: MeasuredSets) => void, Watch]) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (stops || watch.signal?.aborted) throw abortError('measure sets');
      for (let i = 0; i < fresh; i++) onPart(part);
      return part;
    },
  } as unknown as EngineClient;
  const sets = new Sets(client, () => undefined);
  await sets.load();
  return sets;
}

test('what it took stays with what was measured, however later runs end', async () => {
  const sets = await open();
  fresh = 1;
  await sets.run();
  const { took, measuredAt } = sets;
  expect(took.fresh).toBe(1);
  expect(took.seconds).toBeGreaterThan(0);
  stops = true;
  await sets.run();
  expect([sets.took, sets.measuredAt]).toEqual([took, measuredAt]);
});

test('figures that were all kept from before are not taken for new ones', async () => {
  [fresh, stops] = [0, false];
  const sets = await open();
  await sets.run();
  expect(sets.measured).not.toBeNull();
  expect(sets.took.fresh).toBe(0);
});
