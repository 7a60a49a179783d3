import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Chromium as root in a container, and without its own errands on the network. */
export const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * A Chromium to drive: the environment variable, the usual places, Playwright's own download, and on Debian as root apt.
 *
 * @returns {{ path: string, from: string } | { path: null, reason: string }}
 */
export function findBrowser({ install = true } = {}) {
  const chosen = process.env.PALIMPSEST_BROWSER;
  if (chosen) {
    return existsSync(chosen)
      ? { path: chosen, from: 'PALIMPSEST_BROWSER' }
      : { path: null, reason: `PALIMPSEST_BROWSER names ${chosen}, which does not exist` };
  }
  const known = [...usualPlaces(), ...playwrightDownloads()].find((path) => existsSync(path));
  if (known) return { path: known, from: 'found on this machine' };
  if (install && isDebianRoot()) {
    process.stderr.write('no Chromium found: installing Debian’s package chromium\n');
    apt(['update']);
    apt(['install', '-y', '--no-install-recommends', 'chromium']);
    if (existsSync('/usr/bin/chromium')) return { path: '/usr/bin/chromium', from: 'installed with apt' };
  }
  return { path: null, reason: 'no Chromium or Chrome found: install one or set PALIMPSEST_BROWSER to its path' };
}

/** Debian's packages can be installed only as root, and only there. */
export function isDebianRoot() {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
}

/** Runs apt-get quietly; a failure is left to the caller's next look. */
export function apt(args) {
  try {
    execFileSync('apt-get', ['-q', ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    return true;
  } catch {
    return false;
  }
}

/** The name of Debian's release: "bookworm". */
export function debianRelease() {
  return /VERSION_CODENAME=(\w+)/.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
}

// ---

function usualPlaces() {
  return [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:/Program Files/Google/Chrome/Application/chrome.exe',
    'C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe',
  ];
}

function playwrightDownloads() {
  const roots = [
    process.env.PLAYWRIGHT_BROWSERS_PATH,
    join(homedir(), '.cache/ms-playwright'),
    join(homedir(), 'Library/Caches/ms-playwright'),
  ].filter((root) => root && existsSync(root));
  return roots.flatMap((root) =>
    readdirSync(root)
      .filter((name) => name.startsWith('chromium-'))
      .flatMap((name) => [
        join(root, name, 'chrome-linux/chrome'),
        join(root, name, 'chrome-linux64/chrome'),
        join(root, name, 'chrome-mac/Chromium.app/Contents/MacOS/Chromium'),
      ]),
  );
}
