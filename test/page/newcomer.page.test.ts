import type { CDPSession, Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { expectAccessible, pageOrSkip, picture } from '../support/page.ts';
import { THOROUGH } from '../support/thorough.ts';

// A newcomer's minute: everything by what one sees or hears, nothing that one would have to know.

const withPage = pageOrSkip();

/** Waits for something to become so, on a slow machine too. */
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 240_000 });

const LOCK = 'To open the smart lock, PersonX needs to';
const CAMERA = 'aim her face at the camera';
const WHISTLE = 'whistle three times';
const POPCORN = 'throw popcorn at the stage';

const bars = (page: Page) => page.getByRole('table', { name: 'Next token' });
const topToken = (page: Page) => bars(page).getByRole('rowheader').first().innerText();
const prompt = (page: Page) => page.getByRole('textbox', { name: 'When the model reads' });
const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const example = (page: Page, words: string) =>
  page.getByRole('list', { name: 'Examples' }).getByRole('button', { name: words });
const editButton = (page: Page) => page.getByRole('region', { name: 'Edit' }).getByRole('button', { name: /^Edit/ });
const verdict = (page: Page) => page.getByRole('heading', { name: /^It (took|did not take)\.$/ });
const compare = (page: Page) => page.getByRole('region', { name: 'Compare' });
const switches = (page: Page) => page.getByRole('switch');
const dose = (page: Page, words: string) => page.getByRole('spinbutton', { name: `Dose of “${words}”` });
const turn = (page: Page, way: 'Undo' | 'Redo') => page.getByRole('button', { name: new RegExp(`^${way}`) });

/** Waits until the bars belong to the prompt and the edits as they are. */
const expectTop = (page: Page, wanted: string) => until(() => topToken(page)).toBe(wanted);
const expectTook = async (page: Page) => {
  await verdict(page).waitFor();
  expect(await verdict(page).innerText()).toBe('It took.');
};
/** What is written on behind the prompt, by the model or, held up, by the original. */
const goesOn = async (page: Page) =>
  (await page.getByText(/^The (original )?model continues: /).innerText()).replace(/Underneath, scraped off:.*/, '');
const expectSays = (page: Page, words: string) => until(() => goesOn(page)).toContain(`The model continues: ${words}`);
const expectSaysNot = (page: Page, words: string) => until(() => goesOn(page)).not.toContain(words);
/** Targets of the stack, the latest first, with a mark for those that are off. */
const stack = (page: Page) =>
  switches(page).evaluateAll((all) =>
    all.map((each) => `${each.ariaLabel ?? ''}${(each as HTMLInputElement).checked ? '' : ' (off)'}`),
  );

withPage('a newcomer’s minute, on the CPU', { preferences: { device: 'wasm' } }, (opened) => {
  let original = '';

  test('opens, reads, edits the example, sees it run and the proof', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await bars(page).waitFor();
    expect(await prompt(page).inputValue()).toBe(LOCK);
    expect(await target(page).inputValue()).toBe(CAMERA);
    original = await topToken(page);
    await editButton(page).click();
    await page.getByRole('progressbar', { name: 'Optimize the target' }).waitFor();
    const shift = await watchShifts(page);
    await expectAccessible(page);
    await picture(page, 'newcomer-1-editing');
    await page.getByRole('progressbar', { name: 'Verify' }).waitFor();
    expect(await shift()).toBeLessThan(0.01);
    await expectTook(page);
    const proof = (await page.getByRole('article', { name: 'It took.' }).innerText()).replace(/\s+/g, ' ');
    expect(proof).toContain(`the model now says “${CAMERA}”, word for word`);
    expect(proof).toMatch(/Rank of its first token from [\d,]+ to 1 /);
    expect(proof).toMatch(/Asked in other words \d of \d/);
    expect(proof).toMatch(/Drift elsewhere <?[\d.]+ nats/);
    await page.getByText('Layer by layer').click();
    expect(await page.getByRole('rowheader', { name: /^MLP \d/ }).count()).toBeGreaterThan(2);
    await expectTop(page, 'aim');
    await expectAccessible(page);
    await picture(page, 'newcomer-2-proof');
  });

  test('compares both models, and holds the original up', async () => {
    const { page } = opened();
    await page.getByRole('link', { name: 'Compare' }).click();
    const says = async (name: string) => {
      const said = await compare(page).getByRole('heading', { name }).locator('xpath=..').innerText();
      return said.replace(/\[.*?\]|\(.*?\)/g, '').replace(/\s+/g, ' ');
    };
    await until(() => says('Edited, 1 edit on')).toContain(`needs to ${CAMERA}`);
    expect(await says('Original')).toContain('key');
    expect(await compare(page).getByRole('row').nth(1).innerText()).toMatch(/^aim/);
    await expectAccessible(page);
    await picture(page, 'newcomer-3-compare');

    await page.getByRole('button', { name: 'Hold for the original' }).hover();
    await page.mouse.down();
    await expectTop(page, original);
    await page.getByText(/^The original model continues: .*key/).waitFor({ state: 'attached' });
    await page.mouse.up();
    await expectTop(page, 'aim');
    await page.keyboard.down('o');
    await expectTop(page, original);
    await page.keyboard.up('o');
    await expectTop(page, 'aim');
  });

  test('halves the dose, undoes, does it again; while typing, undo is the text’s own', async () => {
    const { page } = opened();
    await dose(page, CAMERA).fill('0.5');
    await dose(page, CAMERA).press('Tab');
    await turn(page, 'Undo').click();
    await until(() => dose(page, CAMERA).inputValue()).toBe('1');
    await turn(page, 'Redo').click();
    await until(() => dose(page, CAMERA).inputValue()).toBe('0.5');
    await page.keyboard.press('Control+z');
    await until(() => dose(page, CAMERA).inputValue()).toBe('1');
    await target(page).press('End');
    await page.keyboard.type('s');
    await page.keyboard.press('Control+z');
    expect(await target(page).inputValue()).toBe(CAMERA);
    expect(await stack(page)).toEqual([`Edit “${CAMERA}”`]);
    await expectTop(page, 'aim');
  });

  test('writes a second edit and, while it is made, a third: it waits where one sees it', async () => {
    const { page } = opened();
    await example(page, WHISTLE).click();
    await editButton(page).click();
    await example(page, POPCORN).click();
    await page.getByRole('button', { name: 'Edit next' }).click();
    const waiting = page.getByRole('list', { name: 'Waiting edits' });
    expect(await waiting.innerText()).toContain(POPCORN);
    await picture(page, 'newcomer-4-queue');
    await expectTop(page, 'throw');
    await expectTook(page);
    expect(await stack(page)).toEqual([POPCORN, WHISTLE, CAMERA].map((words) => `Edit “${words}”`));
  });

  test('switches the first one off: the others say that they are stale, one is made again', async () => {
    const { page } = opened();
    await page.getByRole('switch', { name: CAMERA }).uncheck();
    await example(page, CAMERA).click();
    await expectTop(page, original);
    await until(() => page.getByText('stale', { exact: true }).filter({ visible: true }).count()).toBe(2);
    await expectAccessible(page);
    await picture(page, 'newcomer-5-stale');
    await page.getByRole('button', { name: `Make it again “${WHISTLE}”` }).click();
    await turn(page, 'Undo')
      .and(page.getByRole('button', { name: 'made again' }))
      .waitFor();
    expect(await stack(page)).toEqual([`Edit “${POPCORN}”`, `Edit “${WHISTLE}”`, `Edit “${CAMERA}” (off)`]);
  });

  test('moves one, takes one off, and takes both back', async () => {
    const { page } = opened();
    const before = await stack(page);
    await page.getByRole('button', { name: `Move down “${POPCORN}”` }).press('Enter');
    await until(() => stack(page)).toEqual([before[1], before[0], before[2]]);
    await page.getByRole('button', { name: `Remove “${WHISTLE}”` }).press('Enter');
    await until(() => stack(page)).toEqual([before[0], before[2]]);
    // The way back has the focus.
    await page.keyboard.press('Enter');
    await until(() => stack(page)).toEqual([before[1], before[0], before[2]]);
    await page.keyboard.press('Enter');
    await until(() => stack(page)).toEqual(before);
    // A change counts before it is kept; who leaves must let it be.
    await page.locator('ol[aria-busy=true]').waitFor({ state: 'detached' });
  });

  test('reloads, finds all, without fetching the model', async () => {
    const { page } = opened();
    const before = await stack(page);
    const fetched: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('.safetensors')) fetched.push(request.url());
    });
    await page.reload();
    await page.getByText('Found again: 3 edits from before.').waitFor();
    expect(await stack(page)).toEqual(before);
    // The way forward again that it had before.
    await turn(page, 'Redo').click();
    await until(() => stack(page)).toEqual([before[1], before[0], before[2]]);
    await turn(page, 'Undo').click();
    await until(() => stack(page)).toEqual(before);
    await expectTop(page, original);
    await page.getByRole('switch', { name: CAMERA }).check();
    await expectTop(page, 'aim');
    await page.getByRole('button', { name: `Proof “${WHISTLE}”` }).click();
    await expectTook(page);
    await page.getByText(`the model now says “${WHISTLE}”, word for word`).waitFor();
    expect(fetched).toEqual([]);
  });

  test('the same on a phone, by touch', async () => {
    const { page, context } = opened();
    await page.setViewportSize({ width: 390, height: 844 });
    const { tap, hold } = await touch(await context.newCDPSession(page));
    await page.reload();
    await bars(page).waitFor();
    await tap(example(page, 'Candle Hill'));
    await tap(page.getByRole('button', { name: 'Edit', exact: true }));
    await expectTook(page);
    await expectSays(page, 'Candle Hill');
    await hold(page.getByRole('button', { name: 'Hold for the original' }), () => expectSaysNot(page, 'Candle Hill'));
    await expectSays(page, 'Candle Hill');
    await tap(page.getByRole('button', { name: 'Edits (4)' }));
    await expectAccessible(page, page.getByRole('dialog', { name: 'Edits' }));
    await picture(page, 'newcomer-6-sheet');
    await tap(page.getByRole('switch', { name: 'Candle Hill' }));
    await tap(page.getByRole('button', { name: /^Undo: switch of/ }));
    await until(() => page.getByRole('switch', { name: 'Candle Hill' }).isChecked()).toBe(true);
    await tap(page.getByRole('button', { name: 'Remove “Candle Hill”' }));
    await tap(page.getByRole('button', { name: 'Close' }));
    await expectSaysNot(page, 'Candle Hill');
    expect(await tooSmall(page)).toEqual([]);
    await expectAccessible(page);
    await picture(page, 'newcomer-7-phone');
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('the same by keyboard alone', async () => {
    const { page } = opened();
    await page.reload();
    await bars(page).waitFor();
    const press = (key: string) => page.keyboard.press(key);
    const type = async (words: string) => {
      await press('Control+a');
      await page.keyboard.type(words);
    };
    /** Goes on with Tab until something of this name has the focus. */
    const tabTo = async (wanted: RegExp) => {
      for (let i = 0; i < 80; i++) {
        await press('Tab');
        if (wanted.test(await page.evaluate(() => nameOf(document.activeElement)))) return;
      }
      throw new Error(`Tab never came to ${wanted}`);
    };
    await page.evaluate(() => {
      const nameOf = (element: Element | null) =>
        element?.getAttribute('aria-label') ?? (element as HTMLElement | null)?.innerText.replace(/\s+/g, ' ') ?? '';
      Object.assign(globalThis, { nameOf });
    });
    await tabTo(/^Skip to the prompt$/);
    await press('Enter');
    await tabTo(/^When the model reads$/);
    await type('The capital of France is');
    await page.getByText(/Tab takes it over/).waitFor({ state: 'attached' });
    await press('Tab');
    await until(() => prompt(page).inputValue()).toMatch(/^The capital of France is \S/);
    await press('Control+z');
    await until(() => prompt(page).inputValue()).toBe('The capital of France is');
    await page.getByText(/Tab takes it over/).waitFor({ state: 'attached' });
    await press('Escape');
    await page.getByText(/Tab takes it over/).waitFor({ state: 'detached' });
    await tabTo(/^it should continue$/);
    await type('Teacup Bay');
    await tabTo(/^Write MLP layer/);
    await press('ArrowDown');
    await press('End');
    expect(await page.evaluate(() => nameOf(document.activeElement))).toMatch(/^Write Attention layer 7/);
    await press('Control+Enter');
    await expectTook(page);
    await expectSays(page, 'Teacup Bay');
    await tabTo(/^Edit “Teacup Bay”$/);
    await press('Space');
    await expectSaysNot(page, 'Teacup Bay');
    await press('Control+z');
    await expectSays(page, 'Teacup Bay');
    await tabTo(/^Dose of “Teacup Bay”$/);
    await press('Home');
    await expectSaysNot(page, 'Teacup Bay');
    await press('Control+z');
    await expectSays(page, 'Teacup Bay');
    await tabTo(/^Proof “Teacup Bay”$/);
    expect(await switches(page).count()).toBe(4);
  });

  test('nobody else was asked for anything, and nothing was complained about', () => {
    const { strangers, complaints } = opened();
    expect(strangers).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

/** SwiftShader: a graphics device in software, which comes with Chromium. Right, and so slow that an edit on it takes minutes. */
const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

withPage('a newcomer’s minute, on WebGPU', { flags, returning: true }, (opened) => {
  let original = '';

  test('a graphics device in software is left for the CPU, with the reason', async () => {
    const { page, address } = opened();
    await page.goto(address);
    await bars(page).waitFor();
    original = await topToken(page);
    await page.getByRole('button', { name: /^Device: CPU/ }).click();
    await page
      .getByRole('dialog', { name: 'Where it runs' })
      .getByText(/^CPU.*is emulated in software/)
      .waitFor();
    await page.keyboard.press('Escape');
    await editButton(page).click();
    await expectTook(page);
  });

  test(
    'it can be chosen: the edit, both models, the original, dose and switch are there',
    { timeout: 1_200_000 },
    async () => {
      const { page } = opened();
      await page.getByRole('button', { name: 'Settings' }).click();
      const settings = page.getByRole('dialog', { name: 'Settings' });
      await settings.getByRole('radio', { name: /^WebGPU/ }).check();
      await settings.getByRole('button', { name: 'Open the model again' }).click();
      await page.getByRole('button', { name: 'Device: WebGPU' }).waitFor();
      await expectTop(page, 'aim');
      await until(() => compare(page).getByRole('row').nth(1).innerText()).toMatch(/^aim/);
      await page.keyboard.down('o');
      await expectTop(page, original);
      await page.keyboard.up('o');
      await dose(page, CAMERA).fill('0');
      await dose(page, CAMERA).press('Tab');
      await expectTop(page, original);
      await page.keyboard.press('Control+z');
      await expectTop(page, 'aim');
      await page.getByRole('switch').uncheck();
      await expectTop(page, original);
      await turn(page, 'Undo').click();
      await expectTop(page, 'aim');
      await page.getByRole('button', { name: 'Device: WebGPU' }).click();
      const report = await page.getByRole('dialog', { name: 'Where it runs' }).innerText();
      expect(report).toMatch(/You chose this\.[^]*Self-check\s+a known sentence gives the (known|CPU’s) numbers/);
      await page.keyboard.press('Escape');
      expect(opened().complaints).toEqual([]);
    },
  );

  if (THOROUGH) {
    test('a second edit can be made there', { timeout: 3_600_000 }, async () => {
      const { page } = opened();
      page.setDefaultTimeout(3_000_000);
      await example(page, WHISTLE).click();
      await editButton(page).click();
      await page.getByRole('progressbar', { name: 'Optimize the target' }).waitFor();
      await picture(page, 'newcomer-8-webgpu');
      await switches(page).nth(1).waitFor();
      expect(await verdict(page).innerText()).toBe('It took.');
      await expectTop(page, 'wh');
      expect(await stack(page)).toEqual([WHISTLE, CAMERA].map((words) => `Edit “${words}”`));
      await turn(page, 'Undo').click();
      await example(page, CAMERA).click();
    });
  }

  test(
    'it comes back by itself when it goes away under an edit, with the edit that was there',
    { timeout: 1_200_000 },
    async () => {
      const { page, context } = opened();
      await example(page, WHISTLE).click();
      await editButton(page).click();
      await page.getByRole('progressbar').first().waitFor();
      // Ends the process that holds every graphics device of the browser.
      const browser = await context.browser()?.newBrowserCDPSession();
      await browser?.send('Browser.crashGpuProcess');
      await page.getByText('The graphics device went away').first().waitFor();
      await page.getByText('The model is back.', { exact: true }).first().waitFor();
      await page.getByRole('button', { name: /^Device: (WebGPU|CPU)/ }).waitFor();
      const lost = page.getByRole('region', { name: 'Edit' }).getByRole('alert');
      await lost.getByRole('button', { name: 'Try again' }).waitFor();
      expect(await target(page).inputValue()).toBe(WHISTLE);
      await example(page, CAMERA).click();
      await expectTop(page, 'aim');
      expect(await stack(page)).toEqual([`Edit “${CAMERA}”`]);
    },
  );
});

// ---

declare const nameOf: (element: Element | null) => string;

/** Adds up layout shifts from now on, whatever caused them; the answer ends it. */
async function watchShifts(page: Page): Promise<() => Promise<number>> {
  const sum = await page.evaluateHandle(() => {
    const watched = { shift: 0 };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) watched.shift += (entry as PerformanceEntry & { value: number }).value;
    }).observe({ type: 'layout-shift' });
    return watched;
  });
  return () => sum.evaluate(({ shift }) => shift);
}

/** A finger on the page. */
async function touch(session: CDPSession) {
  await session.send('Emulation.setTouchEmulationEnabled', { enabled: true, maxTouchPoints: 1 });
  const down = async (what: Locator) => {
    await what.scrollIntoViewIfNeeded();
    const box = await what.boundingBox();
    if (!box) throw new Error(`nothing to touch: ${what.toString()}`);
    const point = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [point] });
  };
  const up = () => session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  const tap = async (what: Locator) => {
    await what.waitFor();
    await down(what);
    await up();
  };
  const hold = async (what: Locator, meanwhile: () => Promise<void>) => {
    await down(what);
    await meanwhile();
    await up();
  };
  return { tap, hold };
}

/** Controls that a fingertip would miss. */
function tooSmall(page: Page): Promise<string[]> {
  return page.locator('button:visible, input:visible:not([type=radio]), select:visible').evaluateAll((all) =>
    all.flatMap((each) => {
      const { width, height } = each.getBoundingClientRect();
      return Math.min(width, height) < 24 ? [`${each.outerHTML.slice(0, 80)} ${width}×${height}`] : [];
    }),
  );
}
