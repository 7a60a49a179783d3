import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Cross-origin isolation: without it a page has no SharedArrayBuffer, and ONNX Runtime's WASM runs on one thread. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Names the version of the shipped model, so that browsers which keep an older one fetch it anew. */
function shippedRevision(): string {
  const weights = 'public/models/hearth/model.safetensors';
  return existsSync(weights) ? createHash('sha256').update(readFileSync(weights)).digest('hex').slice(0, 16) : 'none';
}

/** Files a test needs decide its suffix, the suffix decides its project: see test/run.mjs. */
const project = (name: string, include: string, options: Record<string, unknown> = {}) => ({
  extends: true as const,
  test: { name, include: [`test/**/*${include}`], environment: 'node', root: '.', ...options },
});

export default defineConfig(({ mode }) => ({
  root: 'src',
  publicDir: '../public',
  base: './',
  cacheDir: '../.cache/vite',
  plugins: [svelte()],
  define: { __SHIPPED_REVISION__: JSON.stringify(shippedRevision()) },
  worker: { format: 'es' as const },
  // ONNX Runtime's WASM comes from our own folder, never from a CDN and never inlined.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'] },
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  server: { headers: isolation },
  preview: { headers: isolation, port: 4173 },
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
    projects: [
      project('unit', '.test.ts', { exclude: ['test/**/*.{ort,gpu,page}.test.ts', 'node_modules/**'] }),
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
