// The built page in Chromium on the CPU: from its first byte to the first finished edit, with an empty profile (cold)
// and again (warm); bytes of the first load; memory afterwards; from a switch or a dose to the bars; the longest task of
// the main thread while an edit runs; how far the page shifts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

export async function measurePage(executablePath, args) {
  await build({ configFile: 'vite.config.ts', logLevel: 'warn' });
  const server = await preview({ configFile: 'vite.config.ts', logLevel: 'error', preview: { port: 4280 } });
  const profile = mkdtempSync(join(tmpdir(), 'palimpsest-'));
  try {
    for (const round of ['cold', 'warm, with the edit of before switched off']) {
      console.log(`${round}: ${await openAndEdit(server.resolvedUrls.local[0], executablePath, args, profile)}`);
    }
  } finally {
    rmSync(profile, { recursive: true, force: true });
    await server.close();
  }
}

async function openAndEdit(address, executablePath, args, profile) {
  const context = await chromium.launchPersistentContext(profile, { executablePath, args });
  await context.addInitScript(() => localStorage.setItem('palimpsest', JSON.stringify({ device: 'wasm' })));
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  const bytes = new Map();
  context.on('response', async (response) => {
    const { pathname } = new URL(response.url());
    const kind = /\.(wasm|mjs)$/.test(pathname) ? 'runtime' : pathname.includes('/models/') ? 'model' : 'page';
    const { responseBodySize = 0 } = await response
      .request()
      .sizes()
      .catch(() => ({}));
    // What comes from the service worker has no body on the wire: −1.
    bytes.set(kind, (bytes.get(kind) ?? 0) + Math.max(0, responseBodySize));
  });
  const start = performance.now();
  const since = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  await page.goto(address);
  const text = page.getByRole('textbox', { name: 'When the model reads' });
  await text.waitFor();
  const shown = since();
  await page.getByRole('table', { name: 'Next token' }).waitFor();
  const answered = since();
  for (const box of await page.getByRole('switch').all()) await box.uncheck();
  await page.evaluate(watchMainThread);
  const pressed = performance.now();
  await page.locator('#edit').getByRole('button', { name: 'Edit' }).click();
  await page.locator('#verdict').waitFor();
  const edited = since();
  const verdict = await page.locator('#verdict').innerText();
  const alone = ((performance.now() - pressed) / 1000).toFixed(1);
  const { longest, shift } = await page.evaluate(() => globalThis.watched);
  await page.locator('#compare .result:not(.stale)').waitFor();
  const bars = await page.evaluate(measureBars, ROUNDS);
  const heap = await page.evaluate(async () => {
    const { bytes } = await performance.measureUserAgentSpecificMemory();
    return bytes;
  });
  await context.close();
  const loaded = [...bytes].map(([kind, count]) => `${kind} ${(count / 1e6).toFixed(2)} MB`).join(', ');
  return `page after ${shown}, answers after ${answered}, edited after ${edited} (the edit itself ${alone} s: ${verdict}); loaded ${loaded}; memory afterwards ${(heap / 1e6).toFixed(0)} MB
  while it edits: longest task ${longest.toFixed(0)} ms, layout shift ${shift.toFixed(4)}
  to new bars, median (worst) of ${ROUNDS}: ${bars}`;
}

/** How often each act is measured. */
const ROUNDS = 15;

/** In the page: the longest task and the sum of layout shifts that no act explains, from now on. */
function watchMainThread() {
  globalThis.watched = { longest: 0, shift: 0 };
  const observe = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: false });
  observe('longtask', ({ duration }) => (globalThis.watched.longest = Math.max(globalThis.watched.longest, duration)));
  observe('layout-shift', ({ value, hadRecentInput }) => (globalThis.watched.shift += hadRecentInput ? 0 : value));
}

/** In the page: milliseconds from an act on the latest edit to the frame that shows other bars. */
async function measureBars(rounds) {
  const bars = document.querySelector('#ask table tbody');
  const toggle = document.querySelector('input[role=switch]');
  const slider = document.querySelector('input[type=range]');
  const dose = (alpha) => {
    slider.value = alpha;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
  };
  const acts = {
    'switched off': () => toggle.click(),
    'switched on': () => toggle.click(),
    // A dose that was never asked for has to be computed; what is gone back to is known.
    'dosed anew': (round) => dose(0.2 + 0.05 * round),
    restored: () => dose(1),
  };
  const times = Object.fromEntries(Object.keys(acts).map((name) => [name, []]));
  const settle = () => new Promise((done) => setTimeout(done, 1500));
  for (let i = 0; i < rounds; i++) {
    for (const [name, act] of Object.entries(acts)) {
      await settle();
      const before = bars.innerText;
      const start = performance.now();
      const changed = new Promise((done) => {
        new MutationObserver((_, observer) => {
          if (bars.innerText === before) return;
          observer.disconnect();
          requestAnimationFrame(() => setTimeout(done));
        }).observe(bars, { subtree: true, childList: true, characterData: true });
      });
      act(i);
      await changed;
      times[name].push(performance.now() - start);
    }
  }
  return Object.entries(times)
    .map(([name, all]) => {
      all.sort((a, b) => a - b);
      return `${name} ${all[Math.floor(all.length / 2)].toFixed(0)} (${all.at(-1).toFixed(0)}) ms`;
    })
    .join(', ');
}
