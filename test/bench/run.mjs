// npm run bench: figures of this machine, as ratios where they must mean something elsewhere. Chromium, WASM with two
// threads, a worker: what a page has. `npm run bench -- ratio` runs only the parts named; `npm run bench -- locate webgpu`
// runs them on the graphics adapter, and on SwiftShader's where `swiftshader` is added.
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { BROWSER_FLAGS, findBrowser } from '../tools/find-browser.mjs';
import { measureHover } from './hover.mjs';
import { measureMemory } from './memory.mjs';
import { measurePage } from './page.mjs';

const parts = process.argv.slice(2);
const browser = findBrowser();
if (!browser.path) {
  console.error(`cannot run the benchmark: ${browser.reason}`);
  process.exit(1);
}

if (parts.length === 0 || parts.includes('page')) {
  console.log('── page');
  await measurePage(browser.path, BROWSER_FLAGS);
  if (parts.length === 1) process.exit(0);
}

if (parts.length === 0 || parts.includes('hover')) {
  console.log('── hover');
  await measureHover(browser.path, BROWSER_FLAGS);
  if (parts.length === 1) process.exit(0);
}

// `npm run bench -- memory 100`: alone, because a hundred edits take minutes.
if (parts[0] === 'memory') {
  console.log('── memory');
  await measureMemory(browser.path, BROWSER_FLAGS, Number(parts[1] ?? 20));
  process.exit(0);
}

await build({
  configFile: false,
  root: 'test/bench',
  base: './',
  logLevel: 'warn',
  worker: { format: 'es' },
  define: { __APP_VERSION__: '"bench"' },
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  build: { outDir: resolve('dist/bench'), emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 2000 },
});

const gpuFlags = parts.includes('webgpu') ? ['--enable-unsafe-webgpu', '--enable-features=Vulkan'] : [];
if (parts.includes('swiftshader')) gpuFlags.push('--use-webgpu-adapter=swiftshader');
const server = await serve();
const engine = await chromium.launch({ executablePath: browser.path, args: [...BROWSER_FLAGS, ...gpuFlags] });
const page = await engine.newPage();
page.on('console', (message) => console.log(message.text()));
page.on('pageerror', (error) => console.error(error.message));
await page.goto(
  `http://localhost:${server.address().port}/#${parts.filter((part) => part !== 'swiftshader').join(',')}`,
);
await page.waitForFunction(() => document.title === 'done' || document.title === 'failed', null, {
  timeout: 1_800_000,
});
const failed = (await page.title()) === 'failed';
await engine.close();
server.close();
process.exit(failed ? 1 : 0);

/** The built benchmark, and the models it reads, with the headers that give threads. */
function serve() {
  const folders = {
    '/': resolve('dist/bench'),
    '/shipped/': resolve('public/models/hearth'),
    '/atomic/': resolve('../shared/fixtures/models/atomic-lm'),
    '/atomic-bench/': resolve('../shared/fixtures/golden/atomic-lm/bench'),
  };
  const types = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.mjs': 'text/javascript',
    '.wasm': 'application/wasm',
    '.json': 'application/json',
  };
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const prefix = Object.keys(folders)
      .filter((each) => path.startsWith(each))
      .sort((a, b) => b.length - a.length)[0];
    const file = join(folders[prefix], path.slice(prefix.length) || 'index.html');
    if (!file.startsWith(folders[prefix] + sep) || !existsSync(file)) return response.writeHead(404).end();
    const headers = {
      'Content-Type': types[extname(file)] ?? 'application/octet-stream',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    };
    response.writeHead(200, headers).end(await readFile(file));
  });
  return new Promise((done) => server.listen(0, () => done(server)));
}
