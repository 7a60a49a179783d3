import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import type { PageFile } from './src/offline/files.ts';
import { HEADERS } from './src/offline/headers.ts';
import type { Expected } from './src/store/files.ts';
import { CHUNK_BYTES } from './src/store/hash.ts';

const { 'Content-Security-Policy': policy, ...isolation } = HEADERS;

/**
 * Makes the page one that works without a network: puts its policy in, and builds the service worker, last, because that
 * knows every file by its digest. The model isn't among them; the engine keeps that.
 */
function offline(): Plugin {
  let outDir = '';
  return {
    name: 'palimpsest-offline',
    apply: 'build',
    configResolved: ({ root, build: { outDir: folder } }) => void (outDir = resolve(root, folder)),
    transformIndexHtml: () => [
      { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: policy }, injectTo: 'head-prepend' },
    ],
    async writeBundle() {
      const files = pageFiles(outDir);
      await build({
        configFile: false,
        publicDir: false,
        logLevel: 'warn',
        define: { __PAGE_FILES__: JSON.stringify(files) },
        build: {
          outDir,
          emptyOutDir: false,
          target: 'es2023',
          rolldownOptions: {
            input: 'src/offline/service-worker.ts',
            output: { format: 'iife', entryFileNames: 'sw.js' },
          },
        },
      });
    },
  };
}

function pageFiles(folder: string): PageFile[] {
  const filesIn = (inner: string) =>
    readdirSync(join(folder, inner), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => inner + name);
  const paths = [...filesIn(''), ...filesIn('assets/')].filter((path) => path !== README_PICTURE);
  return paths.sort().map((path) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('base64');
    return { path, integrity: `sha256-${digest}` };
  });
}

const README_PICTURE = 'screenshot.png';

/** Names the version of the shipped model, so that browsers which keep an older one fetch it anew. */
function shippedRevision(): string {
  const weights = join(SHIPPED, 'model.safetensors');
  return existsSync(weights) ? sha256(readFileSync(weights)).slice(0, 16) : 'none';
}

/** What every file of the shipped model is: the built page takes nothing else for it. */
function shippedFiles(): Record<string, Expected> {
  const files = existsSync(SHIPPED) ? readdirSync(SHIPPED).sort() : [];
  return Object.fromEntries(
    files.map((file) => {
      const content = readFileSync(join(SHIPPED, file));
      const chunks = Array.from({ length: Math.ceil(content.length / CHUNK_BYTES) }, (_, index) =>
        sha256(content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)),
      );
      return [file, { bytes: content.length, chunks }];
    }),
  );
}

const SHIPPED = 'public/models/hearth';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function appVersion(): string {
  return (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
}

/** Begins with the files that take longest, so that none of them is still running alone when all others are done. */
class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.includes(name));
      return index < 0 ? LONGEST.length : index;
    };
    return Promise.resolve([...files].sort((a, b) => place(a) - place(b) || a.moduleId.localeCompare(b.moduleId)));
  }
}

const LONGEST = ['edit/list', 'edit/golden', 'edit/atomic-bench', 'edit/shipped', 'headless/'];

/** Files a test needs decide its suffix, the suffix decides its project: see test/run.mjs. */
const project = (name: string, include: string, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include: [`test/**/*${include}`], environment: 'node', root: '.', ...options },
});

export default defineConfig(({ mode, command }) => ({
  root: 'src',
  publicDir: '../public',
  base: './',
  // What isn't there is a 404, as on any static host, not the page again.
  appType: 'mpa',
  cacheDir: '../.cache/vite',
  plugins: [svelte(), ...(mode === 'headless' ? [] : [offline()])],
  define: {
    __SHIPPED_REVISION__: JSON.stringify(shippedRevision()),
    __SHIPPED_FILES__: JSON.stringify(command === 'build' ? shippedFiles() : {}),
    __APP_VERSION__: JSON.stringify(appVersion()),
  },
  worker: { format: 'es' as const },
  // ONNX Runtime's WASM comes from our own folder, never from a CDN and never inlined.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers: isolation },
  preview: { headers: HEADERS, port: 4173 },
  build:
    mode === 'headless'
      ? {
          ssr: 'headless/main.ts',
          outDir: '../dist/headless',
          emptyOutDir: true,
          copyPublicDir: false,
          target: 'node20',
        }
      : { outDir: '../dist/page', emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 1000 },
  test: {
    // The engine tests compute on one thread each: two cores run two files.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    projects: [
      project('unit', '.test.ts', {
        exclude: ['test/**/*.{ort,gpu,page}.test.ts', 'node_modules/**'],
        testTimeout: 60_000,
      }),
      project('ort', '.ort.test.ts', { testTimeout: 120_000, hookTimeout: 120_000 }),
      project('gpu', '.gpu.test.ts', {
        testTimeout: 300_000,
        hookTimeout: 120_000,
        execArgv: ['--liftoff-only'],
        fileParallelism: false,
      }),
      project('page', '.page.test.ts', { testTimeout: 300_000, hookTimeout: 120_000, fileParallelism: false }),
    ],
  },
}));
