// The built page in Chromium on the CPU: memory of the page and its workers while edits are made and taken off again.
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

/** Memory is read this often, in cycles. */
const EVERY = 5;

export async function measureMemory(executablePath, args, cycles) {
  await build({ configFile: 'vite.config.ts', logLevel: 'warn' });
  const server = await preview({ configFile: 'vite.config.ts', logLevel: 'error', preview: { port: 4281 } });
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await openPage(browser, server.resolvedUrls.local[0]);
    // The first edit gathers statistics and fills every cache: growth counts from there.
    await editAndRemove(page);
    for (let cycle = 0; cycle <= cycles; cycle++) {
      if (cycle % EVERY === 0 || cycle === cycles) console.log(`after ${cycle} cycles: ${await memoryOf(page)}`);
      if (cycle < cycles) await editAndRemove(page);
    }
  } finally {
    await browser.close();
    await server.close();
  }
}

async function openPage(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  await context.addInitScript(() => localStorage.setItem('palimpsest', JSON.stringify({ device: 'wasm' })));
  const page = await context.newPage();
  page.setDefaultTimeout(300_000);
  await page.goto(address);
  await page.getByRole('table', { name: 'Next token' }).waitFor();
  // Fewer steps: what an edit leaves behind doesn't depend on their number.
  await page.getByText('More settings').click();
  await page.getByRole('spinbutton', { name: /^Steps/ }).fill('2');
  return page;
}

async function editAndRemove(page) {
  await page.locator('#edit').getByRole('button', { name: 'Edit' }).click();
  await page.locator('#verdict').waitFor();
  await page.getByRole('button', { name: /^Remove “/ }).click();
  await page.getByRole('switch').waitFor({ state: 'detached' });
}

/** Megabytes by what holds them, and what is in the document, after a garbage collection. */
async function memoryOf(page) {
  const { bytes, breakdown } = await page.evaluate(() => performance.measureUserAgentSpecificMemory());
  const megabytes = (isMeant) => {
    const parts = breakdown.filter(({ attribution, types }) =>
      isMeant(
        attribution.map(({ scope }) => scope),
        types,
      ),
    );
    return (parts.reduce((total, part) => total + part.bytes, 0) / 1e6).toFixed(1);
  };
  const session = await page.context().newCDPSession(page);
  const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
  await session.detach();
  return [
    `${(bytes / 1e6).toFixed(1)} MB in all`,
    `${megabytes((scopes) => scopes.some((scope) => scope.includes('Worker')))} in workers`,
    `${megabytes((_, types) => types.includes('WebAssembly'))} WebAssembly`,
    `${megabytes((scopes) => scopes.includes('Window'))} in the page`,
    `${nodes} nodes, ${jsEventListeners} listeners`,
  ].join(', ');
}
