import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { pageOrSkip } from '../support/page.ts';

const withPage = pageOrSkip();

/** SwiftShader: a graphics device in software, which comes with Chromium. */
const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

const bars = (page: Page) => page.getByRole('table', { name: 'Next token' });
const top = (page: Page) => bars(page).getByRole('rowheader').first().innerText();
const expectTop = (page: Page, wanted: string) => expect.poll(() => top(page), { timeout: 60_000 }).toBe(wanted);

withPage('the built page, on WebGPU', { flags }, (opened) => {
  test('is left for the CPU when it is software, with the reason', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await bars(page).waitFor();
    await page.getByRole('button', { name: /^Device: CPU/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Where it runs' });
    expect(await dialog.innerText()).toContain('The only graphics device is emulated in software');
    await page.keyboard.press('Escape');
  });

  test('can be chosen, and says what the CPU says, with an edit that the CPU wrote', async () => {
    const { page } = opened();
    await page.locator('#edit').getByRole('button', { name: 'Edit' }).click();
    await page.locator('#verdict').waitFor();
    await expectTop(page, 'aim');

    await page.getByRole('button', { name: /^Device: CPU/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Where it runs' });
    await dialog.getByRole('radio', { name: /^WebGPU/ }).check();
    await dialog.getByRole('button', { name: 'Open again' }).click();
    await page.getByRole('button', { name: 'Device: WebGPU' }).waitFor();
    await bars(page).waitFor();
    await expectTop(page, 'aim');
    await page.getByRole('switch').uncheck();
    await expect.poll(() => top(page), { timeout: 60_000 }).not.toBe('aim');
    await page.getByRole('switch').check();
    await page.getByRole('button', { name: 'Device: WebGPU' }).click();
    expect(await dialog.innerText()).toMatch(
      /You chose this\.[^]*Self-check\s+a known sentence gives the (known|CPU’s) numbers/,
    );
    await page.keyboard.press('Escape');
    expect(opened().complaints).toEqual([]);
  });

  test('comes back by itself when the device goes away, and the edit is still there', async () => {
    const { page, context } = opened();
    // Ends the process that holds every graphics device of the browser.
    const browser = await context.browser()?.newBrowserCDPSession();
    await browser?.send('Browser.crashGpuProcess');
    await page.getByText('The graphics device went away').first().waitFor();
    await page.getByRole('button', { name: /^Device: (WebGPU|CPU)/ }).waitFor();
    await expectTop(page, 'aim');
    expect(await page.getByRole('switch').isChecked()).toBe(true);
  });
});
