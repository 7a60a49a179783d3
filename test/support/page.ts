import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
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
      });
      afterAll(async () => opened?.close());
      define(() => {
        if (!opened) throw new Error('the page is not open');
        return opened;
      });
    });
}

/** Runs axe-core on the page as it stands, in both themes; expects no violation of WCAG 2.2 A and AA or of best practice. */
export async function expectAccessible(page: Page): Promise<void> {
  // Not as a script of the page: its policy allows none but its own.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(readFileSync(AXE, 'utf8'));
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run: (what: Document) => Promise<AxeResults> } };
      const { violations: found } = await axe.run(document);
      return found.flatMap(({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
      );
    });
    expect(violations, colorScheme).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
}

/** Keeps a picture of the page for people to look at; nothing compares it. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `test/output/${name}.png` });
}

// ---

/** What of axe-core's answer is read. */
interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
  }[];
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

async function servePreview(): Promise<Host> {
  const server = await preview({ configFile: 'vite.config.ts', logLevel: 'error', preview: { port: 4270 } });
  return { address: server.resolvedUrls?.local[0] ?? '', close: () => server.close() };
}

async function open(executablePath: string, { flags = [], preferences, serve = servePreview }: PageOptions) {
  const host = await serve();
  const browser = await chromium.launch({ executablePath, args: [...BROWSER_FLAGS, ...flags] });
  try {
    return await openPage(host, browser, preferences);
  } catch (error) {
    await browser.close();
    await host.close();
    throw error;
  }
}

async function openPage(host: Host, browser: Browser, preferences: PageOptions['preferences']) {
  const { address } = host;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  if (preferences) {
    const kept = JSON.stringify(preferences);
    await context.addInitScript(
      (text) => localStorage.getItem('palimpsest') ?? localStorage.setItem('palimpsest', text),
      kept,
    );
  }
  const page = await context.newPage();
  page.setDefaultTimeout(240_000);
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
  const close = async () => {
    await browser.close();
    await host.close();
  };
  return { page, context, address, complaints, strangers, close };
}
