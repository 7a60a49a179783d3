// Frames while a pointer crosses a map of 3,000 cells: the page's own panel, in Chromium. What is under the pointer is
// marked and read out in words at every move.
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { chromium } from 'playwright-core';
import { build, preview } from 'vite';

const OUT = resolve('dist/bench-hover');

export async function measureHover(executablePath, args) {
  const config = { configFile: false, root: 'test/bench/hover', base: './', logLevel: 'warn' };
  await build({
    ...config,
    plugins: [svelte()],
    worker: { format: 'es' },
    define: { __APP_VERSION__: '"bench"', __SHIPPED_REVISION__: '"bench"', __SHIPPED_FILES__: '{}' },
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
    build: { outDir: OUT, emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 2000 },
  });
  const server = await preview({ ...config, build: { outDir: OUT }, preview: { port: 4281 } });
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1250 } });
    await page.goto(server.resolvedUrls.local[0]);
    const { x, y, width, height } = await page.getByRole('grid', { name: /^Location/ }).boundingBox();
    await page.evaluate(watchFrames);
    const { heard } = await cross(page, { x, y, width, height });
    const times = await page.evaluate(() => globalThis.frames);
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))].toFixed(1);
    const rate = (1000 * times.length) / times.reduce((sum, time) => sum + time, 0);
    console.log(
      `${MOVES} moves over 3,000 cells, ${heard} of them heard: ${rate.toFixed(1)} frames per second; ` +
        `a frame takes ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${at(1)} ms (longest)`,
    );
  } finally {
    await browser.close();
    await server.close();
  }
}

const MOVES = 1200;

/** Crosses the cells row by row, to and fro, a little further at each move. */
async function cross(page, { x, y, width, height }) {
  const lines = 30;
  const each = MOVES / lines;
  for (let i = 0; i < MOVES; i++) {
    const [line, along] = [Math.floor(i / each), (i % each) / each];
    const share = line % 2 === 0 ? along : 1 - along;
    await page.mouse.move(x + 2 + share * (width - 4), y + 2 + ((line + 0.5) / lines) * (height - 4));
  }
  return page.evaluate(() => ({ heard: globalThis.heard }));
}

/** In the page: milliseconds between frames, and how many moves were heard, from now on. */
function watchFrames() {
  globalThis.frames = [];
  globalThis.heard = 0;
  addEventListener('pointermove', () => (globalThis.heard += 1), { capture: true });
  let before = performance.now();
  requestAnimationFrame(function frame(now) {
    globalThis.frames.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  });
}
