import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apt, debianRelease, isDebianRoot } from './find-browser.mjs';

/**
 * A Vulkan driver that Dawn in Node can open: what the machine has; else Mesa's lavapipe from Debian's backports (as root);
 * else the SwiftShader that travels with Chromium. `env` is what a test process needs to use it.
 *
 * @returns {{ name: string, env: Record<string, string> } | { name: null, reason: string }}
 */
export function findAdapter({ browser = null, install = true } = {}) {
  const here = probe({});
  if (here) return { name: here, env: {} };
  if (install && isDebianRoot()) {
    installLavapipe();
    const lavapipe = probe({});
    if (lavapipe) return { name: lavapipe, env: {} };
  }
  for (const icd of swiftshaderIcds(browser)) {
    const env = { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd };
    const name = probe(env);
    if (name) return { name, env };
  }
  return { name: null, reason: 'no WebGPU adapter for Node: install Mesa 24 or later (lavapipe), or Chromium' };
}

// ---

const opener = `
const { create, globals } = await import('webgpu');
Object.assign(globalThis, globals);
globalThis.gpu = create([]);
const adapter = await gpu.requestAdapter();
const device = adapter && (await adapter.requestDevice());
console.log(device ? adapter.info.description || adapter.info.device || adapter.info.vendor || 'an adapter' : '');
process.exit(0);
`;

/** Opens a device in a process of its own: a broken driver may crash instead of failing. */
function probe(env) {
  try {
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', opener], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return out.trim() || null;
  } catch {
    return null;
  }
}

/** Debian 12's own Mesa is too old for Dawn: its backports have one that works. */
function installLavapipe() {
  const release = debianRelease();
  process.stderr.write(`no WebGPU adapter found: installing Mesa's lavapipe from ${release}-backports\n`);
  const sources = '/etc/apt/sources.list.d/debian.sources';
  const stanza = existsSync(sources) ? readFileSync(sources, 'utf8').split(/\n\s*\n/)[0] : '';
  const backports = stanza
    .replace(/^#.*\n/gm, '')
    .replace(/^Suites:.*$/m, `Suites: ${release}-backports`);
  if (!backports.includes('Suites:')) return;
  writeFileSync('/etc/apt/sources.list.d/palimpsest-backports.sources', backports + '\n');
  apt(['update']);
  apt(['install', '-y', '--no-install-recommends', '-t', `${release}-backports`, 'mesa-vulkan-drivers', 'libvulkan1']);
}

function swiftshaderIcds(browser) {
  const places = ['/usr/lib/chromium/vk_swiftshader_icd.json'];
  if (browser) places.push(join(browser, '..', 'vk_swiftshader_icd.json'));
  return places.filter((path) => existsSync(path)).map(absoluteLibrary);
}

/** The file names its library relative to itself, which some loaders don't resolve: a copy with the whole path. */
function absoluteLibrary(icd) {
  const text = JSON.parse(readFileSync(icd, 'utf8'));
  const library = join(icd, '..', text.ICD.library_path);
  if (!existsSync(library)) return icd;
  text.ICD.library_path = library;
  const copy = join(mkdtempSync(join(tmpdir(), 'palimpsest-icd-')), 'icd.json');
  writeFileSync(copy, JSON.stringify(text));
  return copy;
}
