import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { CHUNK_BYTES } from '../../src/store/hash.ts';
import { type FileServer, startFileServer } from '../support/file-server.ts';
import { expectAccessible, pageOrSkip, picture } from '../support/page.ts';

const withPage = pageOrSkip();

/** The page lies where hosts of project pages put it: in a folder, without a header of isolation. */
const FOLDER = 'some/sub/path/';

const target = (page: Page) => page.getByRole('textbox', { name: 'it should continue' });
const editButton = (page: Page) => page.locator('#edit').getByRole('button', { name: 'Edit' });
const bars = (page: Page | Frame) => page.getByRole('table', { name: 'Next token' });
const notices = (page: Page) => page.getByRole('region', { name: 'Notices' });
const expectTop = (page: Page, wanted: string) =>
  expect.poll(() => bars(page).getByRole('rowheader').first().innerText(), { timeout: 60_000 }).toBe(wanted);
const script = (page: Page) => page.evaluate(() => document.scripts[0].src.replace(/.*\//, ''));

const WEIGHTS = 'models/hearth/model.safetensors';

const files = new Map<string, Uint8Array>();
let host: FileServer;
const preferences = { device: 'wasm' };

async function serve() {
  deploy();
  host = await startFileServer(files);
  return { address: `${host.url}/${FOLDER}`, close: () => host.close() };
}

withPage('the built page on a plain static host', { preferences, serve }, (opened) => {
  const violations: string[] = [];
  const requested: string[] = [];
  const loads = () => requested.filter((path) => path === '').length;

  test('is isolated after one reload, before anything but the page was asked for', async () => {
    const { page, context, address } = opened();
    await context.exposeFunction('reportViolation', (what: string) => violations.push(what));
    await context.addInitScript(() => {
      const { reportViolation } = globalThis as unknown as { reportViolation: (what: string) => void };
      document.addEventListener('securitypolicyviolation', (event) =>
        reportViolation(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}`),
      );
    });
    page.on('request', (request) => requested.push(request.url().replace(address, '')));
    await page.goto(address);
    await bars(page).waitFor();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    expect(await page.getByRole('button', { name: /^Device: CPU, [2-4] threads$/ }).isVisible()).toBe(true);
    expect(loads()).toBe(2);
    expect(await installFaults(page)).toEqual([]);
    const heavy = requested.findIndex((path) => /^models|worker|ort/.test(path));
    expect(heavy).toBeGreaterThan(requested.lastIndexOf(''));
  });

  test('lets a new version wait for the edit that runs, and for the person; it needs no network for weights of its own', async () => {
    const { page } = opened();
    const before = await script(page);
    await editButton(page).click();
    await page.locator('#edit li.running').waitFor();
    deployNext();
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.update());
    const update = page.getByRole('button', { name: 'Update now' });
    await update.waitFor();
    expect(await update.isDisabled()).toBe(true);
    await host.close();
    const waiting = () => navigator.serviceWorker.getRegistration().then((found) => found?.waiting?.state);
    expect(await page.evaluate(waiting)).toBe('installed');
    await page.locator('#verdict').waitFor({ timeout: 240_000 });
    expect(await page.locator('#verdict').innerText()).toBe('It took.');
    await target(page).fill('whisper to the door');
    await expectAccessible(page);
    await page.evaluate(() => scrollTo(0, 0));
    await picture(page, 'page-9-update');
    expect([loads(), await script(page)]).toEqual([2, before]);

    await update.click();
    // The new version comes with other weights, and the network is gone.
    await notices(page).getByText('It works with the one from').waitFor();
    await page.getByText('Found again: 1 edit from before.').waitFor();
    expect([loads(), await script(page)]).toEqual([3, 'index-NextNext.js']);
    expect(await target(page).inputValue()).toBe('whisper to the door');
    await expectTop(page, 'aim');
    expect(await update.count()).toBe(0);
  });

  test('has let go of the version before, and kept what both have in common', async () => {
    const { page } = opened();
    const kept = () =>
      page.evaluate(async () => {
        const [name] = await caches.keys();
        const keys = await (await caches.open(name)).keys();
        return keys.map(({ url }) => url.replace(/.*\/|\?.*/g, '')).sort();
      });
    const scripts = async () => (await kept()).filter((name) => /^index-.*js$/.test(name));
    await expect.poll(scripts, { timeout: 60_000 }).toHaveLength(1);
    expect((await kept()).filter((name) => name.endsWith('.wasm'))).toHaveLength(1);
    expect(host.asked.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
  });

  test('makes an edit without a network', async () => {
    const { page, context, address } = opened();
    const failed = new Set<string>();
    page.on('requestfailed', (request) => failed.add(request.url()));
    await context.setOffline(true);
    await page.reload();
    await expectTop(page, 'aim');
    expect(await page.getByRole('button', { name: /^Device: CPU, [2-4] threads$/ }).isVisible()).toBe(true);
    await page
      .getByRole('textbox', { name: 'When the model reads' })
      .fill('PersonX tells a joke, as a result, others will');
    await target(page).fill('throw popcorn at the stage');
    await target(page).press('Control+Enter');
    await page.locator('#verdict').waitFor();
    expect(await page.locator('#verdict').innerText()).toBe('It took.');
    await expectTop(page, 'throw');
    // It tries to get its own weights, once each time it is opened.
    expect([...failed].map((url) => url.replace(/\?.*/, ''))).toEqual([`${address}models/hearth/config.json`]);
  });

  test('takes its own weights when there is a network again, and keeps those that the edits were made on', async () => {
    const { page, context, address } = opened();
    host = await startFileServer(files, Number(new URL(address).port));
    await context.setOffline(false);
    await page.reload();
    await notices(page).getByText('2 edits were made on the one before: kept, but not at work here.').waitFor();
    await bars(page).waitFor();
    expect(await page.getByRole('switch').count()).toBe(0);
    expect(host.asked.filter((path) => path.includes('.safetensors'))).toHaveLength(1);
    await page.close();
  });

  test('broke no rule of its policy, asked nobody else, complained about nothing', () => {
    const { strangers, complaints } = opened();
    expect(violations).toEqual([]);
    expect(strangers).toEqual([]);
    expect(complaints.filter((each) => !/net::ERR_(CONNECTION_REFUSED|INTERNET_DISCONNECTED)/.test(each))).toEqual([]);
  });

  test('goes on with one thread, and says so, where a reload does not isolate it', async () => {
    const { context } = opened();
    files.set('frame.html', new TextEncoder().encode(`<iframe src="/${FOLDER}" width="1200" height="800"></iframe>`));
    const other = await startFileServer(files);
    const page = await context.newPage();
    page.setDefaultTimeout(120_000);
    const reached: string[] = [];
    page.on('framenavigated', (frame) => reached.push(new URL(frame.url()).pathname));
    await page.goto(`${other.url}/frame.html`);
    const [, frame] = page.frames();
    await frame.getByText('the CPU works with one thread').first().waitFor();
    expect(await frame.getByRole('button', { name: 'Device: CPU, 1 thread' }).isVisible()).toBe(true);
    await bars(frame).waitFor();
    expect(reached.filter((path) => path === `/${FOLDER}`)).toHaveLength(2);
    await page.close();
    await other.close();
  });
});

// ---

/** Puts the build on the host. */
function deploy(): void {
  for (const entry of readdirSync('dist/page', { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(FOLDER + path.slice('dist/page/'.length), readFileSync(path));
  }
  files.set(FOLDER, readFileSync('dist/page/index.html'));
}

/**
 * Puts the next version in its place: its first script is another file by another name, the old one is gone, and its model
 * has other weights, by one bit.
 */
function deployNext(): void {
  const read = (path: string) => Buffer.from(files.get(FOLDER + path) ?? '').toString();
  const write = (path: string, text: string) => files.set(FOLDER + path, Buffer.from(text));
  let serviceWorker = read('sw.js');
  const change = (path: string, text: string, name = path) => {
    serviceWorker = serviceWorker.replace(digest(read(path)), digest(text)).replace(path, name);
    files.delete(FOLDER + path);
    write(name, text);
  };
  const weights = Buffer.from(files.get(`${FOLDER}${WEIGHTS}`) ?? '');
  const newWeights = Buffer.from(weights);
  newWeights[newWeights.length - 2] ^= 1;
  files.set(FOLDER + WEIGHTS, newWeights);
  const worker =
    [...files.keys()].find((path) => /assets\/worker-[\w-]{8}\.js$/.test(path))?.slice(FOLDER.length) ?? '';
  const pinned = read(worker).replace(lastPart(weights), lastPart(newWeights));
  change(worker, pinned.replace(revision(weights), revision(newWeights)));
  const html = read('index.html');
  const [first] = /assets\/index-[\w-]{8}\.js/.exec(html) ?? [''];
  const next = 'assets/index-NextNext.js';
  change(first, `${read(first)}\n// the next version\n`, next);
  change('index.html', html.replace(first, next));
  write('', read('index.html'));
  write('sw.js', serviceWorker);
}

/** What Chromium finds missing in the page before it would install it; that tests run in private windows isn't the page's fault. */
async function installFaults(page: Page): Promise<string[]> {
  const session = await page.context().newCDPSession(page);
  const { errors } = await session.send('Page.getAppManifest');
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  const ids = installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito');
  return [...errors.map(({ message }) => message), ...ids];
}

/** How a build names the version of its model. */
function revision(weights: Uint8Array): string {
  return createHash('sha256').update(weights).digest('hex').slice(0, 16);
}

/** How a build knows the last part of its weights. */
function lastPart(weights: Uint8Array): string {
  const start = Math.floor(weights.length / CHUNK_BYTES) * CHUNK_BYTES;
  return createHash('sha256').update(weights.subarray(start)).digest('hex');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
