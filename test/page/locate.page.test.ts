import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { readCase } from '../../src/locate/case.ts';
import { locate } from '../../src/locate/location.ts';
import { shippedModel } from '../support/models.ts';
import { expectAccessible, pageOrSkip, picture, refuseWrites } from '../support/page.ts';

const withPage = pageOrSkip();

/** Waits for something to become so, on a slow machine too. */
const until = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 60_000 });

const step = (page: Page) => page.locator('#locate');
const grid = (page: Page) => page.getByRole('grid', { name: /^Location/ });
const done = (page: Page) => step(page).getByText(/^Computed now on this model, at/);

const prompt = (page: Page) => page.getByRole('textbox', { name: 'When the model reads' });
const subject = (page: Page) => page.getByRole('textbox', { name: /^What the prompt is about/ });
const answer = (page: Page) => page.getByRole('textbox', { name: /^The answer/ });
const cost = (page: Page) => page.locator('#locate-cost');
const relations = (page: Page) => step(page).getByRole('table', { name: /^\S+, relation by relation|^Relation by/ });

/** Writes the default example, which has 9 tokens, with as many words between as make it longer by so many tokens. */
async function writeTokens(page: Page, tokens: number): Promise<void> {
  await prompt(page).fill(`To open the smart lock,${' the'.repeat(tokens - 9)} PersonX needs to`);
}

/** What a screen reader says of the cell that the keys have come to. */
const here = (page: Page) =>
  grid(page).evaluate((node) => {
    const id = node.getAttribute('aria-activedescendant') ?? '';
    return document.getElementById(id)?.textContent ?? '';
  });

withPage('where it lives, on the CPU', { preferences: { device: 'wasm' }, returning: true }, (opened) => {
  test('shows the sets that came with the model, before anything is traced', async () => {
    const { page, address, context } = opened();
    await page.goto(`${address}#/locate/layers`);
    expect(await step(page).getByRole('radio', { name: 'Layers', exact: true }).isChecked()).toBe(true);
    await step(page)
      .getByText(/^Computed earlier, on/)
      .waitFor();
    await step(page)
      .getByRole('img', { name: /^MLP: .*facts n \d+, commonsense n \d+/ })
      .waitFor();
    await step(page).getByRole('radio', { name: 'Relations', exact: true }).check();
    const facts = page.getByRole('grid', { name: /^facts, MLP/ });
    await facts.focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await step(page)
      .locator('.explained')
      .getByText(/^\w+, layer 1: [\d.]+ ± [\d.]+, \d+ prompts$/)
      .waitFor();
    // What is said of a cell is about what is shown.
    const explained = () => step(page).locator('.explained').innerText();
    const cell = await explained();
    await step(page).getByRole('radio', { name: 'same words, in and out' }).check();
    await until(explained).not.toBe(cell);
    await step(page).getByRole('radio', { name: 'effect when put back' }).check();
    await until(explained).toBe(cell);
    await expectAccessible(page);
    await page.goBack();
    await step(page).getByRole('heading', { name: 'Facts and commonsense, layer by layer' }).waitFor();
    await page.goForward();
    await step(page).getByRole('heading', { name: 'Relation by relation' }).waitFor();
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await step(page).getByRole('button', { name: 'Copy link' }).click();
    await step(page).getByText('The link to this view is copied.').waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${address}#/locate/relations`);
  });

  test('layers are explained and taken in the charts, too, by keys and by dragging', async () => {
    const { page } = opened();
    await step(page).getByRole('radio', { name: 'Layers', exact: true }).check();
    const layers = page.getByRole('listbox', { name: /^MLP: .*layer by layer$/ });
    const taken = () => layers.getByRole('option', { selected: true }).allInnerTexts();
    const startsWith = (layer: number) => expect.stringContaining(`MLP, layer ${layer}: facts 0.`);
    await layers.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    expect(await taken()).toEqual([startsWith(1)]);
    await page.keyboard.press('Enter');
    await step(page)
      .locator('.explained')
      .getByText(/^MLP, layer 1: facts [\d.]+ ± [\d.]+ \(n \d+\) and commonsense [\d.]+ ± [\d.]+ \(n \d+\)$/)
      .waitFor();
    const center = async (layer: number) => {
      const box = await layers.getByRole('option').nth(layer).boundingBox();
      if (!box) throw new Error(`layer ${layer} has no place`);
      return [box.x + box.width / 2, box.y + box.height / 2] as const;
    };
    await layers.scrollIntoViewIfNeeded();
    await page.mouse.move(...(await center(3)));
    await page.mouse.down();
    await page.mouse.move(...(await center(5)), { steps: 4 });
    await page.mouse.up();
    expect(await taken()).toEqual([1, 3, 4, 5].map(startsWith));
    await expectAccessible(page);
    await picture(page, 'locate-layers-taken');
    await step(page).getByRole('button', { name: 'Use L1 L3 L4 L5 for the edit', exact: true }).waitFor();
    await step(page).getByRole('button', { name: 'Clear', exact: true }).click();
    expect(await taken()).toEqual([]);
    await step(page).getByRole('radio', { name: 'Relations', exact: true }).check();
  });

  test('puts relations in the order that is asked for, in table and picture, and shows their prompts', async () => {
    const { page } = opened();
    const table = relations(page);
    const head = (name: string) => table.getByRole('columnheader', { name, exact: true });
    const figures = async (column: number) =>
      (await table.locator(`tbody td:nth-child(${column})`).allInnerTexts()).map(Number);
    expect(await head('Knowledge').getAttribute('aria-sort')).toBe('ascending');
    await head('Spread').getByRole('button').focus();
    await page.keyboard.press('Enter');
    expect(await head('Spread').getAttribute('aria-sort')).toBe('descending');
    expect(await head('Knowledge').getAttribute('aria-sort')).toBeNull();
    const spreads = await figures(3);
    expect(spreads.length).toBeGreaterThan(20);
    expect(spreads).toEqual(spreads.toSorted((a, b) => b - a));
    await page.keyboard.press(' ');
    expect(await figures(3)).toEqual(spreads.toReversed());
    await head('L2').getByRole('button').click();
    const layer2 = await figures(7);
    expect(layer2).toEqual(layer2.toSorted((a, b) => b - a));
    const facts = table.getByRole('row').filter({ has: page.getByRole('cell', { name: 'facts', exact: true }) });
    const first = await facts.first().getByRole('rowheader').innerText();
    const drawn = page.getByRole('grid', { name: /^facts, MLP/ }).getByRole('rowheader');
    await page.getByRole('grid', { name: /^facts, MLP/ }).focus();
    await page.keyboard.press('PageUp');
    expect(await drawn.first().innerText()).toBe(first);
    await page.keyboard.press('Enter');
    await step(page)
      .getByRole('button', { name: `Show the 9 prompts of ${first}` })
      .click();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(first);
    await table.getByText('9 prompts').waitFor();
    expect(await table.getByRole('listitem').count()).toBe(9);
    await expectAccessible(page, step(page));
  });

  test('a prompt of a relation goes into the form, to be traced', async () => {
    const { page, address } = opened();
    const table = relations(page);
    await table.getByRole('button', { name: 'capital', exact: true }).focus();
    await page.keyboard.press('Enter');
    await table.getByText('fact: a capital: 9 prompts').waitFor();
    await table.getByText('Of single prompts no figures are kept here').waitFor();
    const ireland = table.getByRole('listitem').filter({ hasText: 'The capital of Ireland is Dublin' });
    await ireland.getByText('About “Ireland”; looked for: “Dublin”.').waitFor();
    await ireland.getByRole('button', { name: 'Trace this one “The capital of Ireland is”' }).click();
    await until(() => page.url()).toBe(`${address}#/locate/map`);
    expect([
      await prompt(page).inputValue(),
      await subject(page).inputValue(),
      await answer(page).inputValue(),
    ]).toEqual(['The capital of Ireland is', 'Ireland', 'Dublin']);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('locate-run');
    await answer(page).fill('');
    await page.getByRole('list', { name: 'Examples' }).getByRole('button').first().click();
    await page.goBack();
    await step(page).getByRole('heading', { name: 'Relation by relation' }).waitFor();
  });

  test('computes them here, and keeps what has come when it is stopped', async () => {
    const { page } = opened();
    await step(page).getByRole('combobox', { name: 'Prompts of each relation' }).selectOption('1');
    await step(page).getByRole('button', { name: 'Compute it here' }).click();
    await step(page).getByText('Being computed now on this model.').waitFor();
    await page.getByRole('region', { name: 'Running' }).getByRole('button', { name: 'Cancel' }).click();
    await step(page)
      .getByText(/^Computed now on this model, at/)
      .waitFor();
    await step(page)
      .getByText(/^Not finished: \d+ of \d+ prompts\.$/)
      .waitFor();
    // Of one prompt a relation has that prompt's figure.
    const first = relations(page).getByRole('row').nth(1);
    const spread = await first.getByRole('cell').nth(1).innerText();
    expect(spread).toMatch(/^0\.\d\d$/);
    await first.getByRole('button').click();
    await relations(page).getByRole('listitem').getByText(`Spread ${spread}.`).waitFor();
    await step(page).getByRole('radio', { name: 'Map', exact: true }).check();
  });

  test('measures prompts of one’s own: a file that is refused changes nothing, one that is taken is named', async () => {
    const { page } = opened();
    const give = (prompts: readonly object[]) =>
      step(page)
        .locator('input[type=file]')
        .setInputFiles({
          ...{ name: 'doors.json', mimeType: 'application/json' },
          buffer: Buffer.from(JSON.stringify(prompts)),
        });
    await step(page).getByRole('radio', { name: 'Relations', exact: true }).check();
    await give([{ prompt: 'To open the door, PersonX needs to' }, { prompt: 'The door', subject: 'the key' }]);
    await step(page)
      .getByText(
        'The prompts of doors.json cannot be used: prompt 1 has no subject; prompt 2 does not contain its subject “the key”. What was there is unchanged.',
      )
      .waitFor();
    await step(page)
      .getByText(/^Prompts: /)
      .waitFor();
    const doors = ['open', 'close'].map((verb) => ({
      ...{ prompt: `To ${verb} the door, PersonX needs to`, subject: 'the door', target: 'find the key' },
      relation: verb,
    }));
    await give(doors);
    await step(page)
      .getByText(/^2 prompts, up to \d/)
      .waitFor();
    await step(page).getByText('Relations: 2 of 2').click();
    await step(page)
      .getByRole('checkbox', { name: /^close/ })
      .uncheck();
    await step(page)
      .getByText(/^1 prompt, up to \d/)
      .waitFor();
    await step(page).getByRole('button', { name: 'Compute it here' }).click();
    await step(page).getByRole('heading', { name: 'doors.json, relation by relation' }).waitFor();
    await step(page).getByText('Prompts: 1 of your own, from doors.json; no edits.').waitFor();
    await done(page).waitFor();
    await expectAccessible(page);
    await step(page).getByRole('radio', { name: 'Layers', exact: true }).check();
    await step(page)
      .getByText(/^Highest: your own, MLP, in L\d/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'came with the model' }).first().check();
    await step(page).getByRole('radio', { name: 'who it is about' }).check();
    await step(page)
      .getByText(/^Against the same prompts about PersonX. MLP: with a name/)
      .waitFor();
    await expectAccessible(page);
    await step(page).getByRole('radio', { name: 'Map', exact: true }).check();
  });

  test('maps the default example: what it is about and what the model says are there', async () => {
    const { page, address } = opened();
    await page.goto(`${address}#/locate`);
    await page.getByRole('table', { name: 'Next token' }).waitFor();
    expect(await subject(page).inputValue()).toBe('the smart lock');
    await step(page).getByRole('button', { name: 'Find where it lives' }).click();
    await grid(page).waitFor();
    await done(page).waitFor();
    await step(page)
      .getByText(/ and “.*” comes back most, to \d/)
      .waitFor();
    await step(page)
      .getByText(/spread 0\.\d\d, top 3 cells \d+/)
      .waitFor();
    await picture(page, 'page-locate');
  });

  test('is walked by keys: cell by cell, explained, layers taken', async () => {
    const { page } = opened();
    await step(page).getByRole('radio', { name: 'MLP', exact: true }).check();
    await grid(page).focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight']) {
      await page.keyboard.press(key);
    }
    await until(() => here(page)).toMatch(/^“smart”, layer 2, MLP: [\d.]+\s?%, \d+ of 72$/);
    await page.keyboard.press('Enter');
    await step(page)
      .getByText(/^With “the smart lock” blurred, “.*” falls from .* the MLP outputs of layers 1 to 3 at “smart”/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'Attention', exact: true }).check();
    await step(page)
      .getByText(/ Putting back the attention outputs of layers 1 to 3 at “smart”/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'MLP', exact: true }).check();
    await grid(page).focus();
    await page.keyboard.press(' ');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await step(page).getByRole('button', { name: 'Use L2 L3 for the edit, MLP' }).click();
    await page.locator('#edit').getByText('chosen by you').waitFor();
    const chosen = page.locator('[data-cell^="mlp."][aria-pressed=true]');
    expect(await chosen.evaluateAll((cells) => cells.map((cell) => cell.getAttribute('data-cell')))).toEqual([
      ...['mlp.2', 'mlp.3'],
    ]);
    await expectAccessible(page);
  });

  test('writes as CSV what the engine computes', async () => {
    const { page } = opened();
    const answer = await step(page).locator('figcaption i').innerText();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      step(page).getByRole('button', { name: 'CSV' }).click(),
    ]);
    const [header, ...lines] = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
    const column = header.split(',').indexOf('probability') - header.split(',').length;
    const written = lines.filter((line) => line.includes(',hidden,')).map((line) => Number(line.split(',').at(column)));
    expect(lines).toHaveLength(3 * written.length);
    const model = await shippedModel();
    const request = { prompt: 'To open the smart lock, PersonX needs to', subject: 'the smart lock', target: answer };
    // One kind of the three: Node computes with one thread.
    const { kinds } = await locate(model, await readCase(model, request), { kinds: ['hidden'] });
    await model.dispose();
    const computed = [...(kinds.hidden?.probability ?? [])];
    expect(written).toHaveLength(computed.length);
    expect(Math.max(...written.map((value, i) => Math.abs(value - computed[i])))).toBeLessThan(1e-4);
  });

  test('puts a fact beside it, on one scale, and says so when there are two', async () => {
    const { page } = opened();
    await page
      .getByRole('combobox', { name: 'Beside it' })
      .selectOption({ label: 'fact: a capital: The capital of France is …' });
    await step(page)
      .getByText(/probability of “.*” and “Paris”, per token/)
      .waitFor();
    await page.getByRole('combobox', { name: 'Colors' }).selectOption('one per panel');
    await step(page).getByText('Each panel has a scale of its own').waitFor();
    const france = step(page).getByRole('figure').filter({ hasText: 'The capital of France is' });
    await france.getByText('probability of “Paris”, per token').waitFor();
    expect(
      await step(page)
        .getByRole('figure')
        .getByText(/^probability of “.*”, per token$/)
        .count(),
    ).toBe(2);
    await step(page).getByText('What exactly is shown').click();
    await step(page)
      .getByText(/standard deviation of [\d.]+ \(“the smart lock”\) and [\d.]+ \(“France”\), 3 times that of their/)
      .waitFor();
    await page.getByRole('grid', { name: /^Recall.*capital of France/ }).waitFor();
    await expectAccessible(page);
  });

  test('offers other words when the prompt is not about these', async () => {
    const { page } = opened();
    await subject(page).fill('the drawbridge');
    await step(page).getByRole('button', { name: 'Trace it again' }).click();
    await step(page).getByText('The prompt does not contain “the drawbridge”.').waitFor();
    await step(page).getByRole('button', { name: 'Take “to”' }).click();
    await grid(page).first().waitFor();
    await step(page).getByRole('button', { name: 'Stop tracing' }).click();
    await step(page).getByText('Stopped: what has come stays.').waitFor();
    expect(opened().complaints).toEqual([]);
  });

  test('an edit writes in the layers that were taken, and makes the map out of date', async () => {
    const { page } = opened();
    await page.locator('#edit').getByRole('button', { name: /^Edit/ }).click();
    await page.getByRole('switch').waitFor();
    await step(page).getByText('Out of date: the edits have changed since.').waitFor();
    await page.getByText('Layer by layer').click();
    const sites = await page.getByRole('rowheader', { name: /^MLP \d/ }).allInnerTexts();
    expect(sites.map((site) => site.trim())).toEqual(['MLP 2', 'MLP 3']);
  });

  test('shows what the edit has changed: in the map, in the lens, beside the cosines', async () => {
    const { page } = opened();
    await subject(page).fill('the smart lock');
    await step(page).getByRole('button', { name: 'Trace it again' }).click();
    await done(page).waitFor();
    await step(page).getByRole('radio', { name: 'what changed' }).check();
    await step(page)
      .getByText(/^The edits changed most at “.*”, layer \d: by [+−]\d\.\d\d/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'Lens' }).check();
    await step(page).getByRole('table', { name: 'At “to”, behind layer 7' }).waitFor();
    await step(page)
      .getByText(/It was .* before the edits and is/)
      .waitFor();
    await expectAccessible(page);
    await step(page).getByRole('radio', { name: 'Similarity' }).check();
    await step(page)
      .getByRole('img', { name: /Filled: the edit would write MLP 2 and 3, attention/ })
      .waitFor();
    await page.getByRole('listbox', { name: /^How much each layer changes/ }).focus();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await step(page)
      .locator('.explained')
      .getByText(/^MLP: −?\d\.\d\d before the edits, −?\d\.\d\d with them\.$/)
      .waitFor();
    await step(page)
      .locator('.explained')
      .getByText(/^Layer 6, change of the cosine, module: MLP ([+−]0\.\d\d|0)\b/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'as it is now' }).check();
    await step(page)
      .locator('.explained')
      .getByText(/^MLP of layer 6: \d+ of the 50 likeliest words are the same after it/)
      .waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      step(page).getByRole('button', { name: 'SVG' }).click(),
    ]);
    const written = (await readFile(await download.path(), 'utf8')).replace(/<[^>]+>|\s+/g, ' ').replace(/ +/g, ' ');
    expect(written).toMatch(/Palimpsest, .+, 1 edit, computed .*20\d\d/);
    expect(written).toContain('the 50 likeliest words');
    await step(page).getByRole('radio', { name: 'same words, no norm' }).check();
    await step(page)
      .locator('.explained')
      .getByText(/^Layer 6, same words, no norm: MLP [\d.]+\b.* and Attention [\d.]+/)
      .waitFor();
    await expectAccessible(page);
    expect(opened().complaints).toEqual([]);
  });

  test('shows what was traced and measured again after a reload', async () => {
    const { page } = opened();
    const spreads = () => step(page).locator('figure .figures').allInnerTexts();
    await step(page).getByRole('radio', { name: 'Map', exact: true }).check();
    await step(page).getByRole('radio', { name: 'as it is now' }).check();
    await step(page).getByRole('radio', { name: 'Hidden state' }).check();
    const before = await spreads();
    expect(before).toHaveLength(2);
    await page.reload();
    await step(page)
      .getByText(/^Computed earlier, on .*\.$/)
      .waitFor();
    await page.getByRole('grid', { name: /^Recall.*capital of France/ }).waitFor();
    expect(await spreads()).toEqual(before);
    expect(await step(page).getByText('Out of date').count()).toBe(0);
    await step(page)
      .getByText(/^\d+ cells, about \d/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'Relations', exact: true }).check();
    await step(page).getByRole('heading', { name: 'doors.json, relation by relation' }).waitFor();
    await step(page)
      .getByText(/^Computed earlier, on/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'Map', exact: true }).check();
  });

  test('says what the longest prompt costs, draws what is seen of it, and keeps what has come when it is stopped', async () => {
    const { page } = opened();
    await writeTokens(page, 128);
    await until(() => cost(page).innerText()).toMatch(
      /^A long prompt: 128 tokens make 3,072 cells, about .* You can stop at any time/,
    );
    await step(page).getByRole('button', { name: 'Trace it again' }).click();
    const table = grid(page).first();
    await table.waitFor();
    await step(page).getByRole('button', { name: 'Stop tracing' }).click();
    await step(page).getByText('Stopped: what has come stays.').waitFor();
    const box = table.locator('xpath=..');
    const [rows, canvas, height] = await Promise.all([
      table.evaluate((node) => Number(node.getAttribute('aria-rowcount'))),
      table.locator('canvas').evaluate((node) => node.getBoundingClientRect().height),
      box.evaluate((node) => node.getBoundingClientRect().height),
    ]);
    expect(rows).toBe(129);
    expect(canvas).toBeLessThan(24 * (rows - 1));
    expect(height).toBeLessThan(24 * (rows - 1));
    await table.focus();
    await page.keyboard.press('PageDown');
    await until(() => box.evaluate((node) => node.scrollTop)).toBeGreaterThan(0);
  });

  test('says of one token more that it is too long, and by how much, in the prompt as in the answer', async () => {
    const { page } = opened();
    const button = step(page).getByRole('button', { name: 'Trace it again' });
    await writeTokens(page, 129);
    await until(() => cost(page).innerText()).toBe(
      'Too long to be traced: 129 tokens, and the model reads at most 128 at once. Shorten the prompt.',
    );
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    await button.focus();
    await page.keyboard.press('Enter');
    await grid(page).first().waitFor();
    await writeTokens(page, 128);
    await until(() => cost(page).innerText()).toMatch(/^A long prompt: 128 tokens/);
    await answer(page).fill('find the key and turn it');
    await button.click();
    await step(page)
      .getByText(
        /^There are 13\d tokens, and the model reads at most 128 at once\. Shorten the prompt or the target\.$/,
      )
      .waitFor();
    await answer(page).fill('');
    await writeTokens(page, 9);
    expect(opened().complaints).toEqual([]);
  });

  test('a map that was stopped speaks of the cells that are there, and of no others', async () => {
    const { page } = opened();
    await step(page).getByRole('button', { name: 'Trace it again' }).click();
    await page
      .getByRole('region', { name: 'Running' })
      .getByText(/[1-9]\d* of 216 cells/)
      .waitFor();
    await step(page).getByRole('button', { name: 'Stop tracing' }).click();
    await step(page).getByRole('radio', { name: 'Attention', exact: true }).check();
    await step(page).getByText('None of the 72 cells is known: it ended before. Trace it again to see them.').waitFor();
    await step(page).getByRole('radio', { name: 'Hidden state', exact: true }).check();
    const said = /^Only (\d+) of 72 cells are known\. Of these, (?:the one at .*|none brings “.*” back); of the others/;
    const reading = await step(page).getByText(said).innerText();
    await step(page).getByText('Table', { exact: true }).first().click();
    const cells = await step(page)
      .getByRole('table', { name: /Hidden state$/ })
      .getByRole('cell')
      .allInnerTexts();
    expect(cells.filter((cell) => cell !== '–')).toHaveLength(Number(said.exec(reading)?.[1]));
    await step(page).getByText('spread not known, cells are missing').waitFor();
  });

  test('measures otherwise where that is asked for, and says so', async () => {
    const { page } = opened();
    const setting = (name: RegExp) => step(page).getByRole('spinbutton', { name });
    const run = step(page).getByRole('button', { name: 'Trace it again' });
    await step(page).getByText('Tracing settings').click();
    await setting(/^Draws/).fill('0');
    await setting(/^Words compared/).fill('5');
    await page.keyboard.press('Tab');
    await until(() => cost(page).innerText()).toBe('Draws is 0, it takes whole numbers from 1 to 100.');
    expect(await run.getAttribute('aria-disabled')).toBe('true');
    expect(await setting(/^Draws/).getAttribute('aria-invalid')).toBe('true');
    await expectAccessible(page, step(page));
    await setting(/^Draws/).fill('2');
    await page.keyboard.press('Enter');
    await done(page).waitFor();
    await step(page).getByText('2 draws and 5 words', { exact: true }).waitFor();
    await step(page).getByText('What exactly is shown').click();
    await step(page)
      .getByText(/, 3 times that of their embeddings, in 2 draws \(seed 1\), the same for every cell/)
      .waitFor();
    await step(page)
      .getByText(/^Recall compares the 5 likeliest words/)
      .waitFor();
    await step(page).getByRole('button', { name: 'Reset', exact: true }).click();
    await step(page).getByText('Of another prompt, answer or setting than the one above.').waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent.trim())).toBe('Tracing settings');
  });

  test('a store that refuses to write takes nothing from a map, and the page goes on', async () => {
    const { page } = opened();
    const shown = () => step(page).locator('figure').first().innerText();
    const before = await shown();
    await refuseWrites(page);
    // Another comparison is kept with the map at once.
    await page.getByRole('combobox', { name: 'Beside it' }).selectOption({ label: 'nothing' });
    await page
      .getByRole('region', { name: 'Notices' })
      .getByText(
        'From here on nothing is kept beyond this tab: the browser’s store refuses (UnknownError). Everything goes on from memory',
      )
      .waitFor();
    expect(await shown()).toBe(before);
    await step(page).getByRole('button', { name: 'Trace it again' }).click();
    await done(page).waitFor();
    await step(page)
      .getByText(/spread 0\.\d\d, top 3 cells \d+/)
      .waitFor();
    await step(page).getByRole('radio', { name: 'Lens' }).check();
    await step(page).getByRole('table', { name: 'At “to”, behind layer 7' }).waitFor();
    expect(opened().complaints).toEqual([]);
  });
});
