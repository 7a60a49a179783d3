import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Locator, type Page, type Worker } from 'playwright-core';
import { preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROWSER_FLAGS, findBrowser } from '../tools/find-browser.mjs';

/** A page of its own in a browser of its own, with what it has said and asked for. */
export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly address: string;
  /** Errors and warnings of its console, and exceptions nobody caught. */
  readonly complaints: string[];
  /** Addresses outside its own origin that it asked for. */
  readonly strangers: string[];
}

/** How to open it. */
export interface PageOptions {
  /** Further switches of the browser. */
  readonly flags?: readonly string[];
  /** Written to the page's local storage before it runs. */
  readonly preferences?: Readonly<Record<string, unknown>>;
  /** Who serves it; without it, what `npm start` does. */
  readonly serve?: () => Promise<Host>;
  /**
   * The browser has been here before: it keeps page, model and the statistics that a first edit gathers, but no edits. For
   * tests that aren't about a first visit.
   */
  readonly returning?: boolean;
}

/** Where the page lies. */
export interface Host {
  readonly address: string;
  readonly close: () => Promise<unknown>;
}

/**
 * `describe` with the built page in a real Chromium; without a browser or a build, a group of one test, skipped with the
 * reason (failed under CI=true). The tests of the group share the page, in order: what one does the next one finds.
 */
export function pageOrSkip(): (name: string, options: PageOptions, define: (opened: () => OpenPage) => void) => void {
  const browser = findBrowser({ install: false });
  const reason = !existsSync('dist/page/index.html')
    ? 'the page is not built: run `npm run build`'
    : browser.path === null
      ? browser.reason
      : null;
  if (reason !== null) {
    return (name) =>
      describe(name, () =>
        test('needs the built page and a browser', ({ skip }) => {
          if (process.env.CI === 'true') throw new Error(reason);
          skip(reason);
        }),
      );
  }
  return (name, options, define) =>
    describe(name, () => {
      let opened: (OpenPage & { readonly close: () => Promise<void> }) | null = null;
      beforeAll(async () => {
        opened = await open(browser.path ?? '', options);
      }, 2 * WAIT);
      afterAll(async () => opened?.close());
      define(() => {
        if (!opened) throw new Error('the page is not open');
        return opened;
      });
    });
}

/**
 * Runs axe-core on the page as it stands, or on a part of it, in both themes; expects no violation of WCAG 2.2 A and AA or
 * of best practice.
 */
export async function expectAccessible(page: Page, part: Locator = page.locator(':root')): Promise<void> {
  // Not as a script of the page: its policy allows none but its own.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(readFileSync(AXE, 'utf8'));
  for (const [colorScheme, asked] of THEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const violations = await part.evaluate(async (element, options) => {
      const { axe } = globalThis as unknown as Axe;
      const { violations: found } = await axe.run(element, {
        ...options,
        resultTypes: ['violations'],
        selectors: false,
      });
      return found.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
      );
    }, asked);
    expect(violations, colorScheme).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

/** The worker that computes; its own threads are workers too. */
export function engineOf(page: Page): Worker {
  const engine = page.workers().find((each) => /\/worker-[^/]*\.js$/.test(each.url()));
  if (!engine) throw new Error(`no engine among ${page.workers().length} workers`);
  return engine;
}

/** From now on the browser's store takes nothing more from the engine, as on a disk that is gone. */
export async function refuseWrites(page: Page): Promise<void> {
  await engineOf(page).evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('the disk is gone', 'UnknownError');
    };
  });
}

/** Keeps a picture of the page for people to look at; nothing compares it. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `test/output/${name}.png` });
}

// ---

/** What of axe-core is used. */
interface Axe {
  readonly axe: { readonly run: (what: Element, options: object) => Promise<AxeResults> };
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

/** All rules in one theme; in the other one those about colors, which alone can then say something else. */
const THEMES = [
  ['light', {}],
  ['dark', { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } }],
] as const;

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

async function servePreview(): Promise<Host> {
  const server = await preview({ configFile: 'vite.config.ts', logLevel: 'error', preview: { port: 4270 } });
  return { address: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}

async function open(executablePath: string, options: PageOptions) {
  const { flags = [], preferences, serve = servePreview, returning = false } = options;
  const host = await serve();
  const folder = mkdtempSync(join(tmpdir(), 'palimpsest-'));
  try {
    if (returning) cpSync(await visitedProfile(executablePath, host), folder, { recursive: true });
    const context = await openBrowser(executablePath, folder, flags);
    return await openPage(host, context, preferences, async () => {
      await context.close();
      await host.close();
      rmSync(folder, { recursive: true, force: true });
    });
  } catch (error) {
    await host.close();
    throw error;
  }
}

function openBrowser(executablePath: string, folder: string, flags: readonly string[]): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    ...{ executablePath, args: [...BROWSER_FLAGS, ...flags], viewport: { width: 1280, height: 900 } },
    ...{ colorScheme: 'light', reducedMotion: 'reduce' },
  });
}

/** A browser's profile after a first visit to this build, until all is ready for an edit: made once, to be copied. */
async function visitedProfile(executablePath: string, { address }: Host): Promise<string> {
  const build = createHash('sha256').update(address).update(readFileSync('dist/page/sw.js')).digest('hex');
  const folder = join('.cache/profiles', build.slice(0, 16));
  if (existsSync(folder)) return folder;
  rmSync('.cache/profiles', { recursive: true, force: true });
  const begun = `${folder}-begun`;
  mkdirSync(begun, { recursive: true });
  const context = await openBrowser(executablePath, begun, []);
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  await page.goto(address);
  await page.getByText('Everything is ready for an edit').waitFor();
  await page.evaluate(() => localStorage.clear());
  await context.close();
  renameSync(begun, folder);
  return folder;
}

/** Milliseconds for anything that is waited for: no machine is so slow, and a wait is no assertion about speed. */
const WAIT = 240_000;

async function openPage(
  { address }: Host,
  context: BrowserContext,
  preferences: PageOptions['preferences'],
  close: () => Promise<void>,
) {
  if (preferences) {
    const kept = JSON.stringify(preferences);
    await context.addInitScript(
      (text) => localStorage.getItem('palimpsest') ?? localStorage.setItem('palimpsest', text),
      kept,
    );
  }
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(WAIT);
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text().slice(0, 300));
  });
  page.on('pageerror', (error) => complaints.push(error.message.slice(0, 300)));
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== new URL(address).origin) strangers.push(request.url());
  });
  return { page, context, address, complaints, strangers, close };
}
