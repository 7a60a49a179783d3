// npm test: everything, in this order; the last lines say what ran and what was skipped.
//
//   format and lint → types → house rules → unit → engine (ORT's WASM in Node) → WGSL (a real adapter) → the built page (Chromium)
//
// `npm test -- unit ort` runs only the steps named. Under CI=true a missing browser or adapter is a failure, elsewhere a
// skip with its reason.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { findAdapter } from './tools/find-adapter.mjs';
import { findBrowser } from './tools/find-browser.mjs';

const ci = process.env.CI === 'true';
const only = process.argv.slice(2);
const lines = [];
let failed = false;

/** Runs a program with its output shown; returns whether it succeeded. */
function run(program, args, env = {}) {
  const result = spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  return result.status === 0;
}

const tool = (name) => `node_modules/.bin/${name}`;

function step(name, work) {
  if (only.length && !only.includes(name)) return;
  console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`);
  const start = Date.now();
  const outcome = work();
  const seconds = Math.round((Date.now() - start) / 1000);
  failed ||= !outcome.ok;
  lines.push(
    `${outcome.ok ? (outcome.skipped ? 'skip' : ' ok ') : 'FAIL'}  ${name.padEnd(8)} ${outcome.text} (${seconds} s)`,
  );
  for (const { reason, count } of outcome.reasons ?? []) lines.push(`        skipped ${count}: ${reason}`);
}

function missing(reason) {
  return ci ? { ok: false, text: reason } : { ok: true, skipped: true, text: `not run: ${reason}` };
}

/** One vitest project, with its counts. */
function tests(project, { env = {}, filter = [], args = [] } = {}) {
  const file = `.cache/tests/${project}${filter.length ? '-house' : ''}.json`;
  rmSync(file, { force: true });
  const ok = run(
    tool('vitest'),
    [
      'run',
      '--config',
      'vite.config.ts',
      '--project',
      project,
      '--reporter=default',
      '--reporter=./test/tools/summary-reporter.mjs',
      ...args,
      ...filter,
    ],
    { ...env, PALIMPSEST_SUMMARY: file },
  );
  if (!existsSync(file)) return { ok: false, text: 'the test runner did not finish' };
  const { passed, failed: broken, skipped, errors } = JSON.parse(readFileSync(file, 'utf8'));
  const reasons = new Map();
  for (const { reason } of skipped) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return {
    ok: ok && broken === 0 && errors === 0 && passed + skipped.length > 0,
    text: `${passed} passed, ${broken} failed, ${skipped.length} skipped`,
    reasons: [...reasons].map(([reason, count]) => ({ reason, count })),
  };
}

const said = (ok, text) => ({ ok, text: ok ? text : `${text}: see above` });

step('format', () => said(run(tool('prettier'), ['--check', '--log-level', 'warn', '.']), 'prettier'));
step('lint', () =>
  said(run(tool('eslint'), ['--config', 'test/eslint.config.js', '--max-warnings', '0', '.']), 'eslint'),
);
step('types', () =>
  said(
    run(tool('svelte-check'), ['--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human']),
    'svelte-check',
  ),
);
step('house', () => tests('unit', { filter: ['test/house.test.ts'] }));
step('unit', () => tests('unit'));
step('ort', () => tests('ort'));

const browser = findBrowser();
step('gpu', () => {
  const adapter = findAdapter({ browser: browser.path });
  if (!adapter.name) return missing(adapter.reason);
  console.log(`WebGPU adapter: ${adapter.name}`);
  return tests('gpu', { env: adapter.env });
});
step('page', () => {
  if (!browser.path) return missing(browser.reason);
  console.log(`browser: ${browser.path} (${browser.from})`);
  if (!run(tool('vite'), ['build', '--logLevel', 'warn'])) return { ok: false, text: 'the page does not build' };
  // A page's tests go on from one another: after a failure each of the rest would wait for what never comes.
  return tests('page', { env: { PALIMPSEST_BROWSER: browser.path }, args: ['--bail=1'] });
});

console.log(`\n── what ran ${'─'.repeat(51)}\n${lines.join('\n')}\n${failed ? 'FAILED' : 'all passed'}`);
process.exit(failed ? 1 : 0);
