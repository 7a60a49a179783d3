import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { expectAccessible, pageOrSkip, picture } from '../support/page.ts';

const withPage = pageOrSkip();

/** Waits for something to become so, on a slow machine too. */
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 60_000 });

/** What a person sees, by the names that a screen reader says. */
const prompt = (page: Page) => page.getByRole('textbox', { name: 'When the model reads' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: /^Edit/ });
const editSwitch = (page: Page) => page.getByRole('switch');
const continuation = (page: Page) => page.locator('#prompt-continues');
const text = async (page: Page, selector: string) => (await page.locator(selector).innerText()).replace(/\s+/g, ' ');

withPage('the built page, on the CPU', { preferences: { device: 'wasm' }, returning: true }, (opened) => {
  test('shows how far it is from its first frame on', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await until(() => page.getByRole('progressbar').isVisible()).toBe(true);
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
    await until(() => continuation(page).innerText()).toMatch(/^The model continues: .*\bkey\b.*\.$/);
    expect(await page.getByRole('table', { name: 'Next token' }).getByRole('row').count()).toBe(1 + 8);
    expect(await text(page, '#ask .edited')).toMatch(/to ?the edit begins here/);
    expect(await page.getByRole('button', { name: /^Device: CPU/ }).isVisible()).toBe(true);
  });

  test('ranks the layers before anything is edited, and takes a choice by hand', async () => {
    const { page } = opened();
    const cells = page.getByRole('button', { name: /^Write (MLP|Attention) layer \d, cosine −?\d\.\d\d/ });
    await until(() => cells.count()).toBe(16);
    const chosen = page.locator('[data-cell][aria-pressed=true]');
    const byRule = await chosen.count();
    expect(byRule).toBeGreaterThan(2);
    await page.locator('[data-cell="mlp.7"]').click();
    await until(() => chosen.count()).toBe(byRule + 1);
    await page.getByText('chosen by you').waitFor();
    await page.getByRole('button', { name: 'Back to the rule' }).click();
    await until(() => chosen.count()).toBe(byRule);
  });

  test('cuts what is typed into tokens as it is typed, and keeps own words when an example takes their place', async () => {
    const { page } = opened();
    const tokens = page.locator('#ask .chip');
    await prompt(page).fill('My dog 谢');
    await until(() => tokens.allInnerTexts()).toContain('·dog');
    // A character that the vocabulary lacks: its bytes, shown as one.
    expect((await tokens.last().innerText()).replace(/\s/g, '')).toMatch(/^谢\d/);
    await page.getByRole('button', { name: /whistle three times/ }).click();
    await page.getByRole('button', { name: /^your own words/ }).click();
    expect(await prompt(page).inputValue()).toBe('My dog 谢');
    await page.getByRole('button', { name: /To open the smart lock/ }).click();
    await until(() => continuation(page).innerText()).toMatch(/key/);
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
      ['Settings', 'Settings'],
    ] as const) {
      await page.getByRole('button', { name }).click();
      await expectAccessible(page, page.getByRole('dialog', { name: heading }));
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await page.keyboard.press('?');
    await expectAccessible(page, page.getByRole('dialog', { name: 'Keys' }));
    await page.keyboard.press('Escape');
  });

  test('keeps the theme and the seed', async () => {
    const { page, context, address } = opened();
    const settings = (of: Page) => of.getByRole('dialog', { name: 'Settings' });
    const seed = (of: Page) => settings(of).getByRole('spinbutton', { name: 'Seed' });
    await page.getByRole('button', { name: 'Settings' }).click();
    await settings(page).getByRole('radio', { name: 'dark' }).check();
    await seed(page).fill('-1');
    await settings(page)
      .getByText(/^A seed is a whole number/)
      .waitFor();
    await seed(page).fill('7');
    const later = await context.newPage();
    await later.goto(address);
    expect(await later.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await later.getByRole('button', { name: 'Settings' }).click();
    expect(await seed(later).inputValue()).toBe('7');
    await later.close();
    await settings(page).getByRole('radio', { name: 'as the system' }).check();
    await page.keyboard.press('Escape');
  });

  test('answers a cancel before the next frame, whatever the worker does', async () => {
    const { page } = opened();
    await editButton(page).click();
    await page.locator('#edit li.running').waitFor();
    const said = await page.evaluate(async () => {
      document.querySelector<HTMLButtonElement>('#edit .go .quiet')?.click();
      await new Promise(requestAnimationFrame);
      return document.querySelector('#edit-hint')?.textContent;
    });
    expect(said).toBe('Stopped. Nothing was written.');
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await editSwitch(page).count()).toBe(0);
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
    await note.getByText('Details', { exact: true }).click();
    await expectAccessible(page);
    await opened().context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await note.getByRole('button', { name: 'Copy details' }).click();
    await note.getByText('Copied.').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(
      /^invalid-hyperparameter [^]*\n\s*steps = is 0/,
    );
    // What is granted by name refuses all else, and the screen's lock is asked for without a word.
    await opened().context.clearPermissions();
    expect(await target(page).inputValue()).toBe('aim her face at the camera');
    await page.getByRole('button', { name: 'Reset all' }).click();
    await page.getByText('More settings').click();
  });

  test('draws another continuation when it is told to, and says the likeliest one again', async () => {
    const { page } = opened();
    const likeliest = await continuation(page).innerText();
    await page.getByText('Sampling').click();
    const field = (name: string) => page.locator('#ask').getByRole('spinbutton', { name: new RegExp(`^${name}`) });
    await field('Temperature').fill('2');
    await field('Seed').fill('1');
    await field('Seed').press('Tab');
    await until(() => continuation(page).innerText()).not.toBe(likeliest);
    await page.locator('#prompt-continues:not([aria-busy=true])').waitFor({ state: 'attached' });
    const first = await continuation(page).innerText();
    await page.getByRole('button', { name: 'Draw again' }).click();
    await until(() => continuation(page).innerText()).not.toBe(first);
    await field('Seed').fill('1');
    await field('Seed').press('Tab');
    await until(() => continuation(page).innerText()).toBe(first);
    await expectAccessible(page);
    await field('Temperature').fill('0');
    await field('Temperature').press('Tab');
    await until(() => continuation(page).innerText()).toBe(likeliest);
    await page.getByText('Sampling').click();
  });

  test('says that a text repeats itself, and lowers the dose with one click', async () => {
    const { page } = opened();
    await page.evaluate(() => {
      const { prototype } = WakeLock;
      const request = prototype.request;
      document.body.dataset['awake'] = '0';
      const count = (by: number) =>
        (document.body.dataset['awake'] = String(Number(document.body.dataset['awake']) + by));
      prototype.request = async function (type) {
        const lock = await request.call(this, type);
        count(1);
        lock.addEventListener('release', () => count(-1));
        return lock;
      };
    });
    const awake = () => page.evaluate(() => document.body.dataset['awake']);
    await target(page).fill('knock knock knock knock knock knock knock knock');
    await editButton(page).click();
    await until(awake).toBe('1');
    await page.locator('#verdict').waitFor();
    await until(awake).toBe('0');
    await page.getByRole('button', { name: /^Lower the dose of “knock knock .*” to 0\.75$/ }).click();
    await until(() => page.getByRole('spinbutton', { name: /^Dose of/ }).inputValue()).toBe('0.75');
    await page.getByRole('button', { name: /^Remove/ }).click();
    await page.getByRole('button', { name: /To open the smart lock/ }).click();
  });

  test('fits every screen from a phone to a projector', async () => {
    const { page } = opened();
    for (const width of [360, 390, 430, 800, 1080, 1920]) {
      await page.setViewportSize({ width, height: 780 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    }
    const strange = await page.evaluate(() => {
      const family = (element: Element) => getComputedStyle(element).fontFamily;
      const controls = [...document.querySelectorAll('button:not(.written), select')];
      return controls.filter((each) => family(each) !== family(document.body)).map((each) => each.textContent);
    });
    expect(strange).toEqual([]);
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, 'page-7-projector');
  });

  test('nobody else was asked for anything, and nothing was complained about', () => {
    const { strangers, complaints } = opened();
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('does not run into the same wall by itself: a tab that ended while it loaded is told', async () => {
    const { context, address } = opened();
    const doomed = await context.newPage();
    await doomed.goto(address);
    await doomed.getByRole('progressbar').first().waitFor();
    const ended = doomed.waitForEvent('crash');
    const session = await context.newCDPSession(doomed);
    void session.send('Page.crash').catch(() => undefined);
    await ended;
    const next = await context.newPage();
    await next.goto(address);
    const note = next.getByRole('alert').filter({ hasText: 'It ended while loading last time' });
    await note.waitFor();
    expect(await note.getByRole('button').allInnerTexts()).toEqual(['Try again', 'Try on the CPU']);
    await expectAccessible(next);
    await picture(next, 'page-8-crashed');
    await note.getByRole('button', { name: 'Try again' }).click();
    await next.getByRole('table', { name: 'Next token' }).waitFor();
  });
});
