import { describe, expect, test } from 'vitest';
import { dress, keyOf, missingFiles, pathOf, strangeKeys, type PageFile } from '../../src/offline/files.ts';

const SCOPE = 'https://host.example/some/path/';
const CPU = 'assets/ort-wasm-simd-threaded';

describe('which file an address means', () => {
  test.each([
    [SCOPE, 'index.html'],
    [`${SCOPE}#/compare`, 'index.html'],
    [`${SCOPE}?from=somewhere`, 'index.html'],
    [`${SCOPE}index.html`, 'index.html'],
    [`${SCOPE}assets/a.js?v=1#there`, 'assets/a.js'],
    ['https://host.example/some/', null],
    ['https://host.example/some/path', null],
    ['https://elsewhere.example/some/path/index.html', null],
  ])('%s: %s', (url, path) => expect(pathOf(url, SCOPE)).toBe(path));

  test('also where it is a key', () => {
    expect(pathOf(keyOf(file('assets/a.js', 'a+/='), SCOPE), SCOPE)).toBe('assets/a.js');
  });
});

describe('what is missing', () => {
  const page = [file('index.html', 'new'), file('assets/worker-AAAAAAAA.js')];
  const runtime = [
    file(`${CPU}-Cc_c-ccc.wasm`),
    file(`${CPU}.jspi-Dddddddd.wasm`),
    file(`${CPU}.asyncify-Eeeeeeee.wasm`),
  ];
  const files = [...page, ...runtime];

  test.each<[string, PageFile[], boolean, PageFile[]]>([
    ['on a first visit: the page', [], false, page],
    ['once the model is open: the CPU’s runtime too', page, true, [runtime[0]]],
    ['of a new version: what has changed', [file('index.html', 'old'), page[1]], false, [page[0]]],
    [
      'of a new version with another runtime: the builds used before',
      [file(`${CPU}.jspi-00000000.wasm`)],
      false,
      [...page, runtime[1]],
    ],
    ['after that: nothing', [...page, runtime[1]], false, []],
  ])('%s', (_, kept, fallback, missing) => {
    const keys = kept.map((each) => keyOf(each, SCOPE));
    expect(missingFiles(files, keys, SCOPE, fallback)).toEqual(missing);
  });

  test('what is strange: other files, and other contents of the same', () => {
    const strange = [file('index.html', 'old'), file('assets/worker-BBBBBBBB.js')].map((each) => keyOf(each, SCOPE));
    const own = [page[0], runtime[2]].map((each) => keyOf(each, SCOPE));
    expect(strangeKeys(files, [...own, ...strange], SCOPE)).toEqual(strange);
  });
});

describe('an answer, dressed', () => {
  test.each([
    ['assets/ort.mjs', 'application/octet-stream', 'text/javascript; charset=utf-8'],
    ['assets/ort.wasm', 'text/plain', 'application/wasm'],
    ['LICENSE', 'text/plain', 'text/plain'],
  ])('%s of %s is %s', async (path, said, type) => {
    const dressed = dress(new Response('text', { headers: { 'Content-Type': said, Server: 'plain' } }), path);
    expect(Object.fromEntries(dressed.headers)).toEqual({
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'content-type': type,
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-opener-policy': 'same-origin',
    });
    expect(await dressed.text()).toBe('text');
  });

  test('stays a refusal', () => {
    expect(dress(new Response('gone', { status: 404 }), 'assets/a.js').status).toBe(404);
  });
});

// ---

function file(path: string, content = path): PageFile {
  return { path, integrity: `sha256-${content}` };
}
