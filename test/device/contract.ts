import { expect, test } from 'vitest';
import { f32, i64, zeros } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { expectFault, faultOf } from '../support/faults.ts';
import { failingProgram, linearProgram, noWeights, scaledIdentity } from '../support/programs.ts';

const X = f32([1, 2, 3, 4, 5, 6], [2, 3]);

/** What both back ends promise, whatever they do inside. */
export function deviceContract(open: () => Device): void {
  test('runs any graph of a program with its weights, on host numbers and on placed ones', async () => {
    const device = open();
    const program = await device.load(linearProgram(), scaledIdentity(3));
    const placed = device.place(X);
    for (const x of [X, placed]) {
      expect(await (await program.run('double', { x }, ['y'])).y.read()).toEqual(f32([7, 14, 21, 28, 35, 42], [2, 3]));
      expect(await (await program.run('square', { x }, ['y'])).y.read()).toEqual(
        f32([9, 36, 81, 144, 225, 324], [2, 3]),
      );
    }
    await program.dispose();
  });

  test('takes no rows for what they are', async () => {
    const program = await open().load(linearProgram(), scaledIdentity(3));
    const { y } = await program.run('double', { x: zeros('float32', [0, 3]) }, ['y']);
    expect(await y.read()).toEqual(f32([], [0, 3]));
    await program.dispose();
  });

  test('programs of one graph keep their own weights, and an output is the input of the next', async () => {
    const device = open();
    const [twice, tenfold] = [
      await device.load(linearProgram('twice'), scaledIdentity(2)),
      await device.load(linearProgram('tenfold'), scaledIdentity(10)),
    ];
    const { y } = await twice.run('double', { x: X }, ['y']);
    const { y: z } = await tenfold.run('double', { x: y }, ['y']);
    expect(await z.read()).toEqual(f32([105, 210, 315, 420, 525, 630], [2, 3]));
    await twice.dispose();
    expect(await (await tenfold.run('double', { x: X }, ['y'])).y.read()).toEqual(
      f32([21, 42, 63, 84, 105, 126], [2, 3]),
    );
    await tenfold.dispose();
  });

  test('many calls at once come back each with its own numbers', async () => {
    const program = await open().load(linearProgram(), scaledIdentity(1));
    const runs = Array.from({ length: 20 }, async (_, i) => {
      const { y } = await program.run('double', { x: f32([i, 2 * i, 3 * i], [1, 3]) }, ['y']);
      return (await y.read()).data[1];
    });
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 20 }, (_, i) => 6 * i));
    await program.dispose();
  });

  test('feeds are checked before anything runs, and the message names the feed and both shapes', async () => {
    const program = await open().load(linearProgram('checked'), scaledIdentity(1));
    const shape = 'the feed x is float32 [2], it takes float32 [n, 3]';
    await expectFault(() => program.run('double', {}, ['y']), 'internal', 'run checked.double: the feed x is missing');
    await expectFault(() => program.run('double', { x: f32([1, 2], [2]) }, ['y']), 'internal', shape);
    await expectFault(() => program.run('double', { x: i64([1, 2, 3], [1, 3]) }, ['y']), 'internal', 'is int64 [1, 3]');
    await expectFault(() => program.run('double', { x: X }, ['z' as 'y']), 'internal', 'it has no output z');
    await expectFault(() => program.run('triple', { x: X }, ['y']), 'internal', 'it has double, square');
    await program.dispose();
  });

  test('a weight of another shape, and one that can’t be read, are refused', async () => {
    const load = (read: () => Promise<ReturnType<typeof f32>>) => open().load(linearProgram('w'), read);
    await expectFault(
      () => load(() => Promise.resolve(f32([1], [1, 1]))),
      'internal',
      'the weight w is float32 [1, 1]',
    );
    await expect(load(() => Promise.reject(new Error('the disk is gone')))).rejects.toThrow('the disk is gone');
  });

  test('a run that fails tells so and harms no other', async () => {
    const device = open();
    const [good, bad] = [
      await device.load(linearProgram(), scaledIdentity(1)),
      await device.load(failingProgram(), noWeights),
    ];
    const pick = (rows: number, shape: readonly number[]) => {
      const x = f32(
        Array.from({ length: 2 * rows }, (_, i) => i),
        [rows, 2],
      );
      return bad.run('pick', { x, shape: i64(shape) }, ['y']);
    };
    expect(await (await pick(3, [2, 3])).y.read()).toEqual(f32([1, 2, 3, 4, 5, 6], [2, 3]));
    const results = await Promise.allSettled([
      pick(3, [4, 4]),
      good.run('double', { x: X }, ['y']),
      pick(2, [1, 4]),
      pick(5, [1, 1]),
      pick(2, [4, 1]),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    const read = (i: number) => (results[i] as Extract<(typeof results)[1], { status: 'fulfilled' }>).value.y.read();
    expect(await read(1)).toEqual(f32([3, 6, 9, 12, 15, 18], [2, 3]));
    expect(await read(2)).toEqual(f32([1, 2, 3, 4], [1, 4]));
    expect(await read(4)).toEqual(f32([1, 2, 3, 4], [4, 1]));
    expect((await faultOf(() => pick(3, [4, 4]))).message).toMatch(/^cannot run failing\.pick: .*reshape/i);
    await good.dispose();
    await bad.dispose();
  });

  test('what was disposed can’t be run', async () => {
    const program = await open().load(linearProgram(), scaledIdentity(1));
    await program.dispose();
    await expectFault(() => program.run('double', { x: X }, ['y']), 'internal', 'disposed');
  });

  test('the event loop gets its turns while runs follow one another', async () => {
    const program = await open().load(linearProgram(), scaledIdentity(1));
    let heard = false;
    setTimeout(() => (heard = true), 0);
    for (let i = 0; i < 20_000 && !heard; i++) (await program.run('double', { x: X }, ['y'])).y.dispose();
    expect(heard).toBe(true);
    await program.dispose();
  });
}
