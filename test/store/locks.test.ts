import { expect, test } from 'vitest';
import { exclusively, hold, isHeld } from '../../src/store/locks.ts';

test('work of one name goes one after the other, also after a failure; of another name beside it', async () => {
  const said: string[] = [];
  const work =
    (what: string, fails = false) =>
    async () => {
      said.push(`${what} begins`);
      await new Promise((resolve) => setTimeout(resolve));
      said.push(`${what} ends`);
      if (fails) throw new Error(what);
      return what;
    };
  const first = exclusively('a', work('first', true));
  const second = exclusively('a', work('second'));
  const other = exclusively('b', work('other'));
  await expect(first).rejects.toThrow('first');
  expect(await Promise.all([second, other])).toEqual(['second', 'other']);
  const ofA = said.filter((each) => !each.startsWith('other'));
  expect(ofA).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  expect(said.indexOf('other begins')).toBeLessThan(said.indexOf('second begins'));
});

test.each<[LockMode, LockMode, boolean]>([
  ['exclusive', 'exclusive', false],
  ['exclusive', 'shared', false],
  ['shared', 'exclusive', false],
  ['shared', 'shared', true],
])('while one is %s, another that is %s gets it: %s; once it is let go of, yes', async (held, wanted, gets) => {
  const name = `${held} ${wanted}`;
  const release = await hold(name, held);
  const other = await hold(name, wanted);
  expect(other !== null).toBe(gets);
  other?.();
  release?.();
  expect(await hold(name, wanted)).not.toBe(null);
});

test('who holds one alone is seen by all who ask, as long as it is held', async () => {
  const release = await hold('asked for');
  expect(await Promise.all([isHeld('asked for'), isHeld('asked for'), isHeld('another')])).toEqual([true, true, false]);
  release?.();
  expect(await Promise.all([isHeld('asked for'), isHeld('asked for')])).toEqual([false, false]);
});
