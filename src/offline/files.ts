import { HEADERS } from './headers.ts';

/** A file of the built page. */
export interface PageFile {
  /** From the page's folder on: "assets/worker-CtYb7Km6.js". */
  readonly path: string;
  /** What it holds, as browsers check it: "sha256-…". */
  readonly integrity: string;
}

/**
 * Under which address a file is kept. The content is part of it: versions of the page share one cache, and what two of
 * them have in common is there once.
 *
 * @param scope address of the page's folder, with the slash
 */
export function keyOf({ path, integrity }: PageFile, scope: string): string {
  return `${scope}${path}?${encodeURIComponent(integrity)}`;
}

/** Which file of the page an address means: its path in the page's folder, or null for one outside. */
export function pathOf(url: string, scope: string): string | null {
  const [address] = url.split(/[?#]/, 1);
  return address.startsWith(scope) ? address.slice(scope.length) || 'index.html' : null;
}

/**
 * What has to be fetched so that this version works without a network. ONNX Runtime's WASM comes in three builds of 14 to
 * 27 MB, of which a browser runs one or two: only those count that it has used, in whatever version.
 *
 * @param kept     keys of what is here, of this version and of others
 * @param fallback the build for the CPU counts too: any device may have to give way to it
 */
export function missingFiles(
  files: readonly PageFile[],
  kept: readonly string[],
  scope: string,
  fallback: boolean,
): PageFile[] {
  const has = new Set(kept);
  const builds = new Set(kept.map((key) => buildOf(pathOf(key, scope) ?? '')));
  if (fallback) builds.add(CPU_BUILD);
  return files.filter((file) => {
    const build = buildOf(file.path);
    return !has.has(keyOf(file, scope)) && (build === null || builds.has(build));
  });
}

/** Keys of what is kept and doesn't belong to this version. */
export function strangeKeys(files: readonly PageFile[], kept: readonly string[], scope: string): string[] {
  const own = new Set(files.map((file) => keyOf(file, scope)));
  return kept.filter((key) => !own.has(key));
}

/**
 * An answer as this page needs it, whatever the host says: with the headers of isolation, and with the right type, because
 * a module or a WebAssembly program of another one isn't run and not every host knows theirs.
 */
export function dress({ body, status, headers }: Response, path: string): Response {
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? headers.get('Content-Type') ?? '';
  return new Response(body, { status, headers: { ...HEADERS, 'Content-Type': type } });
}

// ---

const CPU_BUILD = 'assets/ort-wasm-simd-threaded';

/** Which build of ONNX Runtime a WASM is, in every version: its path without the hash. Null for every other file. */
function buildOf(path: string): string | null {
  return /^(.*)-[\w-]{8}\.wasm$/.exec(path)?.[1] ?? null;
}

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml',
  wasm: 'application/wasm',
  webmanifest: 'application/manifest+json',
};
