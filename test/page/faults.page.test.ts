import type { CDPSession, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { engineOf, pageOrSkip, refuseWrites } from '../support/page.ts';

const withPage = pageOrSkip();

const LOCK = 'aim her face at the camera';
const SECOND = 'whistle twice';
const THIRD = 'clap her hands';
const FOURTH = 'ring the bell';
const FIFTH = 'wait for a friend';

const bars = (page: Page) => page.getByRole('table', { name: 'Next token' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: 'Edit' });
const editSwitch = (page: Page, wanted: string) => page.getByRole('switch', { name: wanted });
const notices = (page: Page) => page.getByRole('region', { name: 'Notices' });
const running = (page: Page, stage: string) => page.locator('#edit li.running', { hasText: stage }).waitFor();
const ready = (page: Page) => bars(page).waitFor();
const waiting = (page: Page) => page.getByRole('list', { name: 'Waiting edits' }).getByRole('listitem');

/** The worker ends without a word, as one does that the system kills for its memory. */
function killWorker(page: Page): void {
  void engineOf(page)
    .evaluate(() => self.close())
    .catch(() => undefined);
}

withPage('when things go wrong while an edit runs', { preferences: { device: 'wasm' }, returning: true }, (opened) => {
  test('a worker that is killed in any of the first stages is told and replaced, and the words stay', async () => {
    const { page, context, address } = opened();
    await context.addInitScript(keepEngines);
    await page.goto(address);
    await ready(page);
    // While it samples, statistics are being gathered beside it: the first one is killed in the middle of both.
    for (const stage of ['Sample contexts', 'Factor', 'Rank layers']) {
      await expectKilled(page, stage, `give up in ${stage}`);
    }
    expect(await targets(page)).toEqual([]);
  });

  test('a worker that is killed in the middle is told and replaced; what waits is made, what was lost can be made again', async () => {
    const { page, context, address } = opened();
    await page.reload();
    await ready(page);
    await target(page).fill(LOCK);
    await limitRoom(await context.newCDPSession(page), address, (await usedRoom(page)) + ROOM);
    await editButton(page).click();
    await running(page, 'Optimize');
    await quicken(page);
    await target(page).fill(SECOND);
    await editButton(page).click();
    killWorker(page);
    await notices(page).getByText('The part that computes stopped').waitFor();
    expect(await waiting(page).count()).toBe(1);
    await notices(page).getByText(`The edit “${LOCK}” was not finished: it can be made again below.`).waitFor();
    await editSwitch(page, SECOND).waitFor();
    expect(await targets(page)).toEqual([SECOND]);
    expect(await waiting(page).count()).toBe(0);
    expect(await target(page).inputValue()).toBe(SECOND);
  });

  test('a worker that is killed while it checks has lost nothing', async () => {
    const { page } = opened();
    await page.locator('#edit').getByRole('alert').getByRole('button', { name: 'Try again' }).click();
    await running(page, 'Verify');
    killWorker(page);
    await notices(page).getByText('The edit that was running had been written and saved').waitFor();
    const made = page
      .getByRole('complementary')
      .getByRole('listitem')
      .filter({ has: editSwitch(page, LOCK) });
    // With the settings it was asked for first, not with those that the form has by now.
    await made.getByText('took', { exact: true }).waitFor();
    expect(await editSwitch(page, LOCK).isChecked()).toBe(true);
  });

  test('a worker that is killed while it writes takes no finished edit with it', async () => {
    const { page } = opened();
    await expectKilled(page, 'Write', THIRD);
    expect(await targets(page)).toEqual([LOCK, SECOND]);
  });

  test('an edit that waits can be left out', async () => {
    const { page } = opened();
    await target(page).fill(THIRD);
    await editButton(page).click();
    await page.locator('#edit li.running').first().waitFor();
    await target(page).fill('hum a song');
    await page.locator('#edit').getByRole('button', { name: 'Edit next' }).click();
    expect(await waiting(page).innerText()).toMatch(/^Next\s+“hum a song”/);
    await waiting(page).getByRole('button', { name: 'Leave it out “hum a song”' }).click();
    expect(await waiting(page).count()).toBe(0);
    await editSwitch(page, THIRD).waitFor();
  });

  test('a second tab sees the same edits, and neither undoes what the other does', async () => {
    const { page, context, address } = opened();
    const other = await context.newPage();
    other.setDefaultTimeout(120_000);
    await other.goto(address);
    await ready(other);
    await editSwitch(other, LOCK).uncheck();
    await expect.poll(() => editSwitch(page, LOCK).isChecked(), { timeout: 60_000 }).toBe(false);
    await page.getByRole('button', { name: `Undo: edit “${THIRD}”` }).click();
    await expect.poll(() => targets(other), { timeout: 60_000 }).toEqual([LOCK, SECOND]);
    await page.getByRole('button', { name: `Redo: edit “${THIRD}”` }).click();
    await expect.poll(() => targets(other), { timeout: 60_000 }).toEqual([THIRD, LOCK, SECOND]);
    expect(await editSwitch(page, LOCK).isChecked()).toBe(false);
    await quicken(other);
    await target(other).fill(FOURTH);
    await editButton(other).click();
    await running(other, 'Verify');
    await other.close();
    await expect.poll(() => targets(page), { timeout: 120_000 }).toEqual(expect.arrayContaining([SECOND, THIRD]));
    await page.reload();
    await ready(page);
    expect((await targets(page)).sort()).toEqual([LOCK, SECOND, THIRD, FOURTH].sort());
    expect(await editSwitch(page, LOCK).isChecked()).toBe(false);
    const unchecked = page.getByRole('complementary').getByText('not checked yet');
    await expect.poll(() => unchecked.count(), { timeout: 60_000 }).toBe(0);
  });

  test('a damaged part of the weights is fetched again, alone', async () => {
    const { page } = opened();
    await damageChunk(page);
    const ranges: (string | undefined)[] = [];
    page.on('request', (request) => {
      if (request.url().includes('.safetensors')) ranges.push(request.headers()['range']);
    });
    await page.reload();
    await ready(page);
    expect(ranges).toEqual(['bytes=0-8388607']);
    expect((await targets(page)).length).toBe(4);
  });

  test('a full disk is told, and the edit goes on from memory', async () => {
    const { page, context, address } = opened();
    const browser = await context.newCDPSession(page);
    await target(page).fill(FIFTH);
    await quicken(page);
    await limitRoom(browser, address, 1);
    await expect.poll(() => isFull(page), { timeout: 120_000, interval: 1000 }).toBe(true);
    await editButton(page).click();
    await notices(page)
      .getByText('nothing is kept beyond this tab: the browser gives this page no more room')
      .waitFor();
    await page.locator('#verdict').waitFor();
    await editSwitch(page, FIFTH).uncheck();
    await editSwitch(page, FIFTH).check();
    await limitRoom(browser, address);
    await page.reload();
    await ready(page);
    expect((await targets(page)).sort()).toEqual([LOCK, SECOND, THIRD, FOURTH].sort());
    expect(await target(page).inputValue()).toBe(FIFTH);
  });

  test('a store that refuses to write is told, and switches work all the same', async () => {
    const { page } = opened();
    await refuseWrites(page);
    await editSwitch(page, LOCK).check();
    await notices(page).getByText('the browser’s store refuses (UnknownError)').waitFor();
    expect(await editSwitch(page, LOCK).isChecked()).toBe(true);
  });

  test('a newer version in another tab takes the store over: told, and this tab goes on', async () => {
    const { page } = opened();
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const request = indexedDB.open('palimpsest', 99);
          request.onsuccess = () => resolve(request.result.close());
        }),
    );
    await notices(page).getByText('the store now belongs to a newer version of this page').waitFor();
    await editSwitch(page, LOCK).uncheck();
    await page.getByRole('button', { name: /^Device/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Open the model again' }).click();
    await notices(page).getByText('reload the page to get its newer version').waitFor();
    await ready(page);
    expect(await target(page).inputValue()).toBe(FIFTH);
  });
});

// ---

declare global {
  var killIn: (stage: string) => void;
}

/** Fewer steps: whether these edits take is nothing to what is tested here. */
async function quicken(page: Page): Promise<void> {
  await page.getByText('More settings').click();
  await page.getByRole('spinbutton', { name: /^Steps/ }).fill('2');
  await page.getByText('More settings').click();
}

/** In the page, before it starts: `killIn` ends the engine as soon as the page shows that an edit has come to a stage, or past one that it could skip. */
function keepEngines(): void {
  const engines: InstanceType<typeof globalThis.Worker>[] = [];
  const Native = globalThis.Worker;
  globalThis.Worker = class extends Native {
    constructor(...args: ConstructorParameters<typeof Native>) {
      super(...args);
      engines.push(this);
    }
  };
  globalThis.killIn = (stage) => {
    const observer = new MutationObserver(() => {
      const stages = [...document.querySelectorAll('#edit ol[aria-label] li')];
      const at = stages.findIndex((each) => each.textContent.includes(stage));
      if (at < 0 || !stages.slice(at).some((each) => each.classList.contains('running'))) return;
      observer.disconnect();
      engines.at(-1)?.terminate();
    });
    observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
  };
}

/** Kills the engine in a stage of a new edit: that is told, what was typed stays, and there is another engine. */
async function expectKilled(page: Page, stage: string, words: string): Promise<void> {
  await target(page).fill(words);
  await page.evaluate((name) => globalThis.killIn(name), stage);
  await editButton(page).click();
  const told = notices(page).getByText(`The edit “${words}” was not finished`);
  const gaveUp = page.getByRole('alert').filter({ hasText: 'times within a minute' });
  await told.or(gaveUp).first().waitFor();
  if (await gaveUp.isVisible()) await gaveUp.getByRole('button', { name: 'Try again' }).click();
  expect(await target(page).inputValue()).toBe(words);
}

/** What the edits in the stack say. */
function targets(page: Page): Promise<string[]> {
  return page.getByRole('complementary').locator('li .target').allInnerTexts();
}

/** Bytes that these tests may need beyond what is kept already. */
const ROOM = 64e6;

function usedRoom(page: Page): Promise<number> {
  return page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
}

/** Bytes that the browser lets the page keep from now on; as many as it likes where none are given. */
async function limitRoom(browser: CDPSession, address: string, bytes?: number): Promise<void> {
  const { origin } = new URL(address);
  await browser.send('Storage.overrideQuotaForOrigin', { origin, ...(bytes !== undefined && { quotaSize: bytes }) });
}

/** Whether the browser refuses more than there can be room for: it looks at how much there is only then, or now and then. */
function isFull(page: Page): Promise<boolean> {
  return page.evaluate(
    (bytes) =>
      new Promise<boolean>((resolve, reject) => {
        const opening = indexedDB.open('probe');
        opening.onerror = () => resolve(opening.error?.name === 'QuotaExceededError');
        opening.onupgradeneeded = () => opening.result.createObjectStore('probes');
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('probes', 'readwrite');
          transaction.objectStore('probes').put(new Uint8Array(bytes), 'probe');
          transaction.oncomplete = () => resolve(false);
          transaction.onabort = () => resolve(transaction.error?.name === 'QuotaExceededError');
          opening.result.close();
        };
        opening.onblocked = () => reject(new Error('blocked'));
      }),
    ROOM,
  );
}

/** Changes one byte of the first part of the weights, as it lies in the browser's store. */
function damageChunk(page: Page): Promise<void> {
  return page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('no reason given'));
      });
    const database = await done(indexedDB.open('palimpsest'));
    const transaction = database.transaction('chunks', 'readwrite');
    const isKept = new Promise((resolve) => (transaction.oncomplete = resolve));
    const store = transaction.objectStore('chunks');
    const key = (await done(store.getAllKeys())).find((each) => String(each).includes('model.safetensors')) ?? '';
    const chunk = (await done(store.get(key))) as { bytes: Uint8Array };
    chunk.bytes[1000] ^= 1;
    store.put(chunk, key);
    await isKept;
    database.close();
  });
}
