import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { pageOrSkip } from '../support/page.ts';

const withPage = pageOrSkip();

const LOCK = 'aim her face at the camera';
const SECOND = 'whistle twice';
const THIRD = 'clap her hands';

const bars = (page: Page) => page.getByRole('table', { name: 'Next token' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: 'Edit' });
const editSwitch = (page: Page, wanted: string) => page.getByRole('switch', { name: wanted });
const notices = (page: Page) => page.getByRole('region', { name: 'Notices' });
const running = (page: Page, stage: string) => page.locator('#edit li.running', { hasText: stage }).waitFor();
const ready = (page: Page) => bars(page).waitFor();

/** The worker ends without a word, as one does that the system kills for its memory. */
function killWorker(page: Page): void {
  const worker = page.workers().find((each) => /\/worker-[^/]*\.js$/.test(each.url()));
  if (!worker) throw new Error(`no engine among ${page.workers().map((each) => each.url()).join(', ')}`);
  void worker.evaluate(() => self.close()).catch(() => undefined);
}

withPage('the built page, when things go wrong while an edit runs', { preferences: { device: 'wasm' } }, (opened) => {
  test('a worker that is killed in the middle is told and replaced, and the edit can be made again', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await ready(page);
    await editButton(page).click();
    await running(page, 'Optimize');
    killWorker(page);
    await notices(page).getByText('The part that computes stopped').waitFor();
    await notices(page).getByText(`The edit “${LOCK}” was not finished: it can be made again below.`).waitFor();
    expect(await target(page).inputValue()).toBe(LOCK);
    expect(await page.getByRole('switch').count()).toBe(0);
  });

  test('a worker that is killed while it checks has lost nothing', async () => {
    const { page } = opened();
    await page.locator('#edit').getByRole('alert').getByRole('button', { name: 'Try again' }).click();
    await running(page, 'Verify');
    killWorker(page);
    await notices(page).getByText('The edit that was running had been written and saved').waitFor();
    await page.getByRole('complementary').getByText('took').waitFor();
    expect(await editSwitch(page, LOCK).isChecked()).toBe(true);
  });
});
