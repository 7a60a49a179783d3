import { expect, test } from 'vitest';
import type { Progress } from '../../src/base/tasks.ts';
import { memoryDatabase } from '../../src/store/database.ts';
import { createFileStore } from '../../src/store/files.ts';
import { shareDownloads } from '../../src/store/share.ts';

const BYTES = 1000;

/** A tab's store, and what it hears of others. */
function openTab() {
  const heard: Progress[] = [];
  const store = shareDownloads(createFileStore(memoryDatabase()), (progress) => heard.push(progress));
  return { store, heard };
}

test('a tab that waits hears how far another one is; one that downloads itself doesn’t; one that is closed neither', async () => {
  const [waiting, working, busy, closed] = Array.from({ length: 4 }, openTab);
  closed.store.close();
  const begun = await busy.store.write('other');
  await begun.restart({ bytes: 2 * BYTES, etag: null });
  await begun.append(new Uint8Array(BYTES));
  await expect.poll(() => waiting.heard).toHaveLength(1);

  const writer = await working.store.write('model');
  await writer.restart({ bytes: BYTES, etag: null });
  await writer.append(new Uint8Array(BYTES));
  expect(writer.received).toBe(BYTES);
  await expect.poll(() => waiting.heard).toHaveLength(2);
  expect(waiting.heard).toEqual([
    { stage: 'download', done: BYTES, total: 2 * BYTES, unit: 'bytes' },
    { stage: 'download', done: BYTES, total: BYTES, unit: 'bytes' },
  ]);
  expect((await writer.finish()).size).toBe(BYTES);
  expect([busy.heard, closed.heard]).toEqual([[], []]);
  for (const { store } of [waiting, working, busy]) store.close();
});
