// npm test: everything, in this order; the last lines say what ran and what was skipped.
//
//   format and lint → types → house rules → unit → engine (ORT's WASM in Node) → WGSL (a real adapter) → the built page (Chromium)
//
// `npm test -- unit ort` runs only the steps named. Under CI=true a missing browser or adapter is a failure, elsewhere a
// skip with its reason.
import { spawn, spawnSync } from 'node:child_process';
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

/** Starts a program that runs beside others; resolves to whether it succeeded, and to what it said. */
function start(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
    child.on('error', (error) => resolve({ ok: false, said: String(error), seconds: 0 }));
    const begun = Date.now();
    child.on('close', (code) => resolve({ ok: code === 0, said, seconds: (Date.now() - begun) / 1000 }));
  });
}

const tool = (name) => `node_modules/.bin/${name}`;
const isAsked = (name) => only.length === 0 || only.includes(name);

function step(name, work) {
  if (!isAsked(name)) return;
  console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 60 - name.length))}`);
  const begun = Date.now();
  const outcome = work();
  const seconds = Math.round(outcome.seconds ?? (Date.now() - begun) / 1000);
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

// Each of these uses one core: they run beside each other, and are told one after the other.
const CHECKS = {
  format: ['prettier', '--check', '--log-level', 'warn', '.'],
  lint: ['eslint', '--config', 'test/eslint.config.js', '--max-warnings', '0', '.'],
  types: ['svelte-check', '--tsconfig', './tsconfig.json', '--fail-on-warnings', '--output', 'human'],
};
const checks = await Promise.all(
  Object.entries(CHECKS)
    .filter(([name]) => isAsked(name))
    .map(async ([name, [program, ...args]]) => ({ name, program, ...(await start(tool(program), args)) })),
);
for (const { name, program, ok, said, seconds } of checks) {
  step(name, () => {
    process.stdout.write(said);
    return { ok, text: ok ? program : `${program}: see above`, seconds };
  });
}
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
