// The built page in Chromium on the CPU: from its first byte to the first finished edit, with an empty profile (cold)
// and again (warm); bytes of the first load; memory afterwards.
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
    bytes.set(kind, (bytes.get(kind) ?? 0) + responseBodySize);
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
  const pressed = performance.now();
  await page.locator('#edit').getByRole('button', { name: 'Edit' }).click();
  await page.locator('#verdict').waitFor();
  const edited = since();
  const verdict = await page.locator('#verdict').innerText();
  const alone = ((performance.now() - pressed) / 1000).toFixed(1);
  const heap = await page.evaluate(async () => {
    const { bytes } = await performance.measureUserAgentSpecificMemory();
    return bytes;
  });
  await context.close();
  const loaded = [...bytes].map(([kind, count]) => `${kind} ${(count / 1e6).toFixed(2)} MB`).join(', ');
  return `page after ${shown}, answers after ${answered}, edited after ${edited} (the edit itself ${alone} s: ${verdict}); loaded ${loaded}; memory afterwards ${(heap / 1e6).toFixed(0)} MB`;
}
