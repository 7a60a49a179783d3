import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { expectAccessible, pageOrSkip, picture } from '../support/page.ts';

const withPage = pageOrSkip();

/** What a person sees, by the names that a screen reader says. */
const prompt = (page: Page) => page.getByRole('textbox', { name: 'When the model reads' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: 'Edit' });
const verdict = (page: Page) => page.locator('#verdict');
const editSwitch = (page: Page) => page.getByRole('switch');
const topToken = (page: Page) => page.getByRole('table', { name: 'Next token' }).getByRole('rowheader').first();
const continuation = (page: Page) => page.locator('#prompt-continues');
const text = async (page: Page, selector: string) => (await page.locator(selector).innerText()).replace(/\s+/g, ' ');

/** Waits until the bars belong to the prompt and the edits as they are, and says what comes first. */
async function expectTop(page: Page, wanted: string): Promise<void> {
  await expect.poll(() => topToken(page).innerText(), { timeout: 60_000 }).toBe(wanted);
}

withPage('the built page, on the CPU', { preferences: { device: 'wasm' } }, (opened) => {
  let original = '';

  test('shows how far it is from its first frame on', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await expect.poll(() => page.getByRole('progressbar').isVisible()).toBe(true);
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe(
      'Change what a language model finds obvious.',
    );
    await picture(page, 'page-1-opening');
  });

  test('says what the model makes of the example: something about a key', async () => {
    const { page } = opened();
    await page.getByRole('table', { name: 'Next token' }).waitFor();
    expect(await prompt(page).inputValue()).toBe('To open the smart lock, PersonX needs to');
    expect(await target(page).inputValue()).toBe('aim her face at the camera');
    await expect
      .poll(() => continuation(page).innerText(), { timeout: 60_000 })
      .toMatch(/^The model continues: .*\bkey\b.*\.$/);
    original = await topToken(page).innerText();
    expect(await page.getByRole('table', { name: 'Next token' }).getByRole('row').count()).toBe(1 + 8);
    expect(await text(page, '#ask .edited')).toMatch(/to ?the edit begins here/);
    expect(await page.getByRole('button', { name: /^Device: CPU/ }).isVisible()).toBe(true);
  });

  test('ranks the layers before anything is edited, and takes a choice by hand', async () => {
    const { page } = opened();
    const cells = page.getByRole('button', { name: /^Write (MLP|Attention) layer \d, cosine −?\d\.\d\d/ });
    await expect.poll(() => cells.count()).toBe(16);
    const chosen = page.locator('[data-cell][aria-pressed=true]');
    const byRule = await chosen.count();
    expect(byRule).toBeGreaterThan(2);
    await page.locator('[data-cell="mlp.7"]').click();
    await expect.poll(() => chosen.count()).toBe(byRule + 1);
    await page.getByRole('button', { name: 'Back to the rule' }).click();
    await expect.poll(() => chosen.count()).toBe(byRule);
  });

  test('is accessible when it is ready, and in every dialog', async () => {
    const { page } = opened();
    await picture(page, 'page-2-ready');
    await page.getByText('More settings').click();
    await expectAccessible(page);
    await page.getByText('More settings').click();
    for (const [name, heading] of [
      [/^Device/, 'Where it runs'],
      [/^Model/, /^Hearth/],
      ['Keyboard shortcuts', 'Keys'],
    ] as const) {
      await page.getByRole('button', { name }).click();
      await page.getByRole('dialog', { name: heading }).waitFor();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
  });

  test('answers a cancel before the next frame, whatever the worker does', async () => {
    const { page } = opened();
    await editButton(page).click();
    await page.locator('#edit li.running').waitFor();
    const said = await page.evaluate(async () => {
      document.querySelector<HTMLButtonElement>('#edit .go button')?.click();
      await new Promise(requestAnimationFrame);
      return document.querySelector('#edit-hint')?.textContent;
    });
    expect(said).toBe('Stopped. Nothing was written.');
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await editSwitch(page).count()).toBe(0);
  });

  test('edits: stages, a falling loss, a proof', async () => {
    const { page } = opened();
    await target(page).press('Control+Enter');
    await page.locator('#edit li.running', { hasText: /Gather statistics|Optimize|Write|Verify/ }).waitFor();
    await expectAccessible(page);
    await page.locator('path.nll').waitFor({ state: 'attached' });
    await picture(page, 'page-3-editing');
    await verdict(page).waitFor();
    expect(await verdict(page).innerText()).toBe('It took.');
    const proof = await text(page, '#edit article');
    expect(proof).toContain('the model now says “aim her face at the camera”, word for word');
    expect(proof).toMatch(/Rank of its first token from [\d,]+ to 1 /);
    expect(proof).toMatch(/Asked in other words \d of \d/);
    expect(proof).toMatch(/Drift elsewhere <?[\d.]+ nats/);
    await page.getByText('Layer by layer').click();
    expect(await page.getByRole('rowheader', { name: /^MLP \d/ }).count()).toBeGreaterThan(2);
    await expectAccessible(page);
    await picture(page, 'page-4-proof');
  });

  test('compares: both texts, where they part, what comes first', async () => {
    const { page } = opened();
    await page.locator('#compare').getByRole('table').waitFor();
    const texts = page.locator('#compare .continuation');
    await expect.poll(() => texts.nth(1).innerText()).toMatch(/first difference/);
    const said = async (i: number) =>
      (await texts.nth(i).locator('p').innerText())
        .replace(/\(.*?nats\)|\[first difference\]/g, '')
        .replace(/\s+/g, ' ');
    expect(await said(0)).toContain('key');
    expect(await said(1)).toMatch(/needs to aim her face at the camera/);
    const first = page.locator('#compare').getByRole('row').nth(1);
    expect(await first.innerText()).toMatch(/^aim/);
    await page.goto(`${page.url().replace(/#.*/, '')}#/compare`);
    await picture(page, 'page-5-compare');
    await expectAccessible(page);
  });

  test('switches the edit off and on, doses it, holds the original up', async () => {
    const { page } = opened();
    await expectTop(page, 'aim');
    await editSwitch(page).uncheck();
    await expectTop(page, original);
    await editSwitch(page).check();
    await expectTop(page, 'aim');
    const dose = page.getByRole('spinbutton', { name: /^Dose of/ });
    await dose.fill('0');
    await dose.press('Tab');
    await expectTop(page, original);
    await dose.fill('1');
    await dose.press('Tab');
    await expectTop(page, 'aim');
    await page.getByRole('button', { name: 'Hold for the original' }).waitFor();
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.down('o');
    await expect.poll(() => continuation(page).innerText()).toMatch(/^The original model continues: .*key/);
    await page.keyboard.up('o');
    await expect.poll(() => continuation(page).innerText()).toMatch(/^The model continues: aim her face/);
  });

  test('finds the edit again after a reload, without the network for the model', async () => {
    const { page } = opened();
    const fetched: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('.safetensors')) fetched.push(request.url());
    });
    await page.reload();
    await page.getByText('Found again: 1 edit from before.').waitFor();
    await expectTop(page, 'aim');
    expect(await editSwitch(page).isChecked()).toBe(true);
    expect(fetched).toEqual([]);
    await page.getByRole('button', { name: /^Model/ }).click();
    expect(await page.getByRole('dialog').innerText()).toContain('this browser’s store, no download');
    await page.keyboard.press('Escape');
  });

  test('says what is wrong near where it is wrong, and leaves the words alone', async () => {
    const { page } = opened();
    await page.getByText('More settings').click();
    await page.getByRole('textbox', { name: /^Subject/ }).fill('the drawbridge');
    await page.getByText('“the drawbridge” does not occur in the prompt').waitFor();
    await page.getByRole('textbox', { name: /^Subject/ }).fill('');
    await page.getByRole('spinbutton', { name: /^Steps/ }).fill('0');
    await editButton(page).click();
    const note = page.locator('#edit').getByRole('alert').last();
    await note.waitFor();
    expect(await note.innerText()).toMatch(/^Some settings do not fit\s+Steps is 0, it takes whole numbers from 1/);
    await note.scrollIntoViewIfNeeded();
    await picture(page, 'page-6-error');
    await expectAccessible(page);
    expect(await target(page).inputValue()).toBe('aim her face at the camera');
    await page.getByRole('button', { name: 'Reset all' }).click();
    await page.getByText('More settings').click();
  });

  test('fits a phone', async () => {
    const { page } = opened();
    for (const width of [360, 430]) {
      await page.setViewportSize({ width, height: 780 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    }
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, 'page-7-phone');
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Edits (1)' }).click();
    await page.getByRole('dialog', { name: 'Edits' }).waitFor();
    await picture(page, 'page-8-sheet');
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    const small = await page
      .locator('button:visible, input:visible:not([type=radio]), select:visible')
      .evaluateAll((all) =>
        all.flatMap((each) => {
          const { width, height } = each.getBoundingClientRect();
          return Math.min(width, height) < 24 ? [`${each.outerHTML.slice(0, 80)} ${width}×${height}`] : [];
        }),
      );
    expect(small).toEqual([]);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('can be used by keyboard alone: another prompt, another edit, its switch', async () => {
    const { page } = opened();
    await page.reload();
    await expectTop(page, 'aim');
    const press = (key: string) => page.keyboard.press(key);
    /** Goes on with Tab until the wanted element has the focus. */
    const tabTo = async (wanted: RegExp) => {
      for (let i = 0; i < 80; i++) {
        await press('Tab');
        const name = await page.evaluate(() => {
          const { activeElement: element } = document;
          return element?.getAttribute('aria-label') ?? (element as HTMLElement | null)?.innerText ?? '';
        });
        if (wanted.test(name)) return;
      }
      throw new Error(`Tab never came to ${wanted}`);
    };
    await tabTo(/^Skip to the prompt$/);
    await press('Enter');
    await tabTo(/^When the model reads$/);
    await press('Control+a');
    await page.keyboard.type('PersonX tells a joke, as a result, others will');
    await tabTo(/^it should continue$/);
    await press('Control+a');
    await page.keyboard.type('throw popcorn at the stage');
    await tabTo(/^Write MLP layer/);
    await press('ArrowDown');
    await press('End');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('data-cell'))).toBe('attn.7');
    await press('Control+Enter');
    await verdict(page).waitFor();
    expect(await verdict(page).innerText()).toBe('It took.');
    await expectTop(page, 'throw');
    await tabTo(/^Edit “throw popcorn at the stage”$/);
    await press('Space');
    await expect.poll(() => topToken(page).innerText(), { timeout: 60_000 }).not.toBe('throw');
    expect(await editSwitch(page).count()).toBe(2);
  });

  test('takes an edit off for good, once it is sure', async () => {
    const { page } = opened();
    await page.getByRole('button', { name: 'Remove “throw popcorn at the stage”' }).click();
    await page.getByText('Remove for good?').waitFor();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await expect.poll(() => editSwitch(page).count()).toBe(1);
  });

  test('nobody else was asked for anything, and nothing was complained about', () => {
    const { strangers, complaints } = opened();
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
  });
});
