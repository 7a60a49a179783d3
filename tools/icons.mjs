// node tools/icons.mjs: draws public/icon.svg, by Chromium, into the PNGs that systems ask for.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { findBrowser } from '../test/tools/find-browser.mjs';

const ICON = readFileSync('public/icon.svg', 'utf8');

/** Without the rounded corners, for systems that cut a shape of their own. */
const SQUARE = ICON.replace(' rx="10"', '');

/** With a margin, too: a mask may be a circle of 80 % of the width, and the letters stay within it. */
const MASKABLE = SQUARE.replace('0 0 64 64', '-8 -8 80 80').replace(
  '<rect width="64" height="64"',
  '<rect x="-8" y="-8" width="80" height="80"',
);

const { path: executablePath, reason } = findBrowser();
if (!executablePath) throw new Error(reason);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
for (const [svg, size, file] of [
  [SQUARE, 180, 'icon-180'],
  [ICON, 192, 'icon-192'],
  [ICON, 512, 'icon-512'],
  [MASKABLE, 512, 'icon-maskable-512'],
]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  await page.setContent(`<style>body { margin: 0 } svg { display: block }</style>${svg}`);
  await page.screenshot({ path: `public/${file}.png`, omitBackground: true });
  await page.close();
}
await browser.close();
