import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { expectAccessible, pageOrSkip, picture } from '../support/page.ts';

const withPage = pageOrSkip();

const prompt = (page: Page) => page.getByRole('textbox', { name: 'When the model reads' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const subject = (page: Page) => page.getByRole('textbox', { name: /^Subject/ });
const setting = (page: Page, name: string) => page.getByRole('spinbutton', { name: new RegExp(`^${name}`) });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: 'Edit' });
const verdict = (page: Page) => page.locator('#verdict');

const PROMPT = 'To open the smart lock, PersonX needs to';
const TARGET = 'whistle a tune';
/** 22 characters. */
const SENTENCE = 'a dog barks at a cat. ';
const BELL = String.fromCharCode(7);
/** Half of a character of two halves, as a cut may leave it. */
const HALF = String.fromCharCode(0xd83d);

withPage('whatever a person types, the built page', { preferences: { device: 'wasm' }, returning: true }, (opened) => {
  /** Writes a text, over and over if it shall be long, as a paste would. */
  const write = (field: Locator, text: string, times = 1) =>
    field.evaluate(
      (element, [codes, count]) => {
        const area = element as HTMLTextAreaElement;
        area.value = String.fromCharCode(...codes).repeat(count);
        area.dispatchEvent(new Event('input', { bubbles: true }));
      },
      [codesOf(text), times] as const,
    );
  const isHeld = (field: Locator, text: string, times = 1) =>
    field.evaluate(
      (element, [codes, count]) =>
        (element as HTMLTextAreaElement).value === String.fromCharCode(...codes).repeat(count),
      [codesOf(text), times] as const,
    );

  /** Waits for the note in a step: what it says, all of it. There is one, and the earlier edit stands. */
  async function expectNote(step: '#ask' | '#edit' | '#compare', wanted: RegExp): Promise<void> {
    const { page } = opened();
    const notes = page.locator(step).getByRole('alert');
    await expect.poll(() => notes.allInnerTexts(), { timeout: 60_000 }).toEqual([expect.stringMatching(wanted)]);
    const earlier = page.getByRole('switch', { name: 'Edit “hum a song”' });
    expect(await earlier.isChecked()).toBe(true);
  }

  const expectNoNote = (step: string) =>
    expect.poll(() => opened().page.locator(step).getByRole('alert').count(), { timeout: 60_000 }).toBe(0);

  test('is ready, with one edit', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await page.getByRole('table', { name: 'Next token' }).waitFor();
    await page.getByText('More settings').click();
    await setting(page, 'Steps').fill('3');
    await setting(page, 'Contexts').fill('0');
    await target(page).fill('hum a song');
    await target(page).press('Control+Enter');
    await verdict(page).waitFor({ timeout: 280_000 });
  });

  test('refuses a megabyte, pasted or dropped: what was there stays, and undo is as before', async () => {
    const { page, context } = opened();
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.evaluate((text) => navigator.clipboard.writeText(text), SENTENCE.repeat(50_000));
    for (const [field, step, name] of [
      [prompt(page), '#ask', 'the prompt'],
      [target(page), '#edit', 'the target'],
      [subject(page), '#edit', 'the subject'],
      [page.getByRole('textbox', { name: 'Ask both' }), '#compare', 'both'],
    ] as const) {
      await field.fill('To open');
      await field.press('End');
      await page.keyboard.type(' it');
      await field.press('Control+v');
      await expectNote(
        step,
        /^Too long for this model\s+That makes 1,100,010 characters, and 20,000 is the most\. Paste/,
      );
      expect(await field.inputValue(), name).toBe('To open it');
      await field.press('Control+z');
      expect('To open it'.startsWith(await field.inputValue()), name).toBe(true);
      expect(await field.inputValue(), name).not.toBe('To open it');
      await expectNoNote(step);
    }
    await drop(prompt(page), SENTENCE.repeat(1_000));
    await expectNote('#ask', /^Too long for this model\s+That makes 22,00\d characters/);
    expect((await prompt(page).inputValue()).length).toBeLessThan(10);
    await drop(prompt(page), ' it');
    expect(await prompt(page).inputValue()).toContain(' it');
  });

  test('says in the first step that a prompt is longer than the context', async () => {
    const { page } = opened();
    await write(prompt(page), SENTENCE, 40);
    await expectNote(
      '#ask',
      /^Too long for this model\s+There are \d+ tokens, and the model reads at most \d+ at once\. Shorten/,
    );
    expect(await page.locator('#edit').getByRole('alert').count()).toBe(0);
    expect(await isHeld(prompt(page), SENTENCE, 40)).toBe(true);
  });

  test.each<[string, { prompt?: string; target?: string; subject?: string; times?: number }, RegExp]>([
    ['no prompt', { prompt: '' }, /The prompt is empty\. Write something there\./],
    ['a prompt of spaces', { prompt: '  \n ' }, /The prompt is empty\./],
    [
      'a bell in the prompt',
      { prompt: `To ${BELL} open` },
      /The prompt has the control character U\+0007\. Delete it\./,
    ],
    [
      'a bell in the target',
      { target: `whistle ${BELL}` },
      /The target has the control character U\+0007\. Delete it\./,
    ],
    ['half a character', { target: `whistle ${HALF}` }, /The target has half a character, U\+D83D\. Delete it\./],
    ['a target beyond the context', { target: SENTENCE, times: 40 }, /^Too long for this model\s+There are \d+ tokens/],
    [
      'a place, no subject',
      { prompt: 'To open {}, she' },
      /The prompt has \{\} and no subject to put there\. Name the subject/,
    ],
    [
      'two places',
      { prompt: '{} and {} are', subject: 'Locks' },
      /The prompt has 2 places \{\} for one subject\. Mark its place with \{\}, once\./,
    ],
    [
      'two faults',
      { prompt: '{}', target: BELL },
      /The target has the control character .* Delete it\. The prompt has \{\} and no subject to put there\./,
    ],
  ])('says beside the button what cannot be edited: %s', async (_, form, wanted) => {
    const { page } = opened();
    const words = { prompt: PROMPT, target: TARGET, subject: '', ...form };
    await write(prompt(page), words.prompt);
    await write(target(page), words.target, form.times);
    await write(subject(page), words.subject);
    await target(page).press('Control+Enter');
    await expectNote('#edit', wanted);
    await expect.poll(() => page.locator('#edit').getByRole('alert').evaluate(isInView)).toBe(true);
    expect(await isHeld(prompt(page), words.prompt)).toBe(true);
    expect(await isHeld(target(page), words.target, form.times)).toBe(true);
    expect(await isHeld(subject(page), words.subject)).toBe(true);
  });

  test('says at the field that a subject does not occur, and why the button rests without a target', async () => {
    const { page } = opened();
    await write(prompt(page), PROMPT);
    await subject(page).fill('the drawbridge');
    await page.getByText('“the drawbridge” does not occur in the prompt').waitFor();
    expect(await subject(page).getAttribute('aria-invalid')).toBe('true');
    await subject(page).fill('');
    await write(target(page), ' ');
    await expect
      .poll(() => page.locator('#edit-hint').innerText(), { timeout: 60_000 })
      .toBe('Say how it should continue.');
    expect(await editButton(page).getAttribute('aria-disabled')).toBe('true');
  });

  test('names every faulty setting by its name on the screen, and marks it', async () => {
    const { page } = opened();
    const faults = { Steps: '0', 'Step size': '', 'λ, old knowledge': '-1' };
    for (const [name, value] of Object.entries(faults)) await setting(page, name).fill(value);
    await setting(page, 'Steps').press('Tab');
    await expectNote(
      '#edit',
      /^Some settings do not fit\s+Steps is 0, it takes whole numbers from 1 to 1000\. Step size is no number, .* λ, old knowledge is -1, it takes numbers from 0 /,
    );
    for (const name of Object.keys(faults)) expect(await setting(page, name).getAttribute('aria-invalid')).toBe('true');
    await expectAccessible(page);
    await picture(page, 'page-9-bad-settings');
    await page.getByRole('button', { name: 'Reset all' }).click();
    await expectNoNote('#edit');
    for (const name of Object.keys(faults)) expect(await setting(page, name).getAttribute('aria-invalid')).toBe(null);
  });

  test('says that nothing would be written when no layer is chosen', async () => {
    const { page } = opened();
    const chosen = page.locator('[data-cell][aria-pressed=true]');
    await expect.poll(() => chosen.count(), { timeout: 60_000 }).toBeGreaterThan(0);
    while ((await chosen.count()) > 0) await chosen.first().click();
    await expectNote('#edit', /Writing in the MLP is off, and so is attention: nothing would be written\./);
    await page.getByRole('button', { name: 'Back to the rule' }).click();
    await expectNoNote('#edit');
  });

  test('says in the third step that a prompt is too long', async () => {
    const { page } = opened();
    const own = page.getByRole('textbox', { name: 'Ask both' });
    await write(own, SENTENCE, 40);
    await own.press('Enter');
    await expectNote('#compare', /^Too long for this model/);
    await page.getByRole('button', { name: 'Back to the prompt above' }).click();
    await expectNoNote('#compare');
  });

  test('makes the next good edit, and the earlier one is as it was', async () => {
    const { page } = opened();
    await write(prompt(page), PROMPT);
    await write(target(page), TARGET);
    await setting(page, 'Steps').fill('3');
    await setting(page, 'Contexts').fill('0');
    await editButton(page).click();
    await verdict(page).waitFor({ timeout: 280_000 });
    expect(await page.getByRole('alert').count()).toBe(0);
    const switches = page.getByRole('switch');
    await expect.poll(() => switches.count(), { timeout: 60_000 }).toBe(2);
    for (const name of ['Edit “hum a song”', `Edit “${TARGET}”`]) {
      expect(await page.getByRole('switch', { name }).isChecked()).toBe(true);
    }
    const { strangers, complaints } = opened();
    expect({ strangers, complaints }).toEqual({ strangers: [], complaints: [] });
  });
});

// ---

/** Drops a text on a field, as if it were dragged there from elsewhere. */
async function drop(field: Locator, text: string): Promise<void> {
  await field.scrollIntoViewIfNeeded();
  const box = await field.boundingBox();
  if (!box) throw new Error('nothing to drop on');
  const session = await field.page().context().newCDPSession(field.page());
  const data = { items: [{ mimeType: 'text/plain', data: text }], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: box.x + 9, y: box.y + 9, data });
  }
}

/** Whether all of an element is seen as the page stands. */
function isInView(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
}

/** A text as code units: half a character would not survive the way to the browser. */
function codesOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}
