import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';

/** The floors, from the ground up: a file imports only from a lower floor or from its own folder. Types count too. */
const FLOORS = [
  ['base'],
  ['graph'],
  ['device'],
  ['kernels'],
  ['store'],
  ['text'],
  ['model'],
  ['edit'],
  ['locate'],
  ['eval'],
  ['worker'],
  ['offline'],
  ['headless', 'ui'],
];

/** Third parties and platform doors, with the only places that may open them. */
const DOORS: [pattern: RegExp, allowed: RegExp][] = [
  [/from 'onnxruntime-web|import\('onnxruntime-web/, /^src\/device\/ort(-node)?\.ts$/],
  [/navigator\.gpu/, /^src\/(device\/gpu|headless\/runtime)\.ts$/],
  [/from 'idb'/, /^src\/store\/database\.ts$/],
  [/from 'comlink'/, /^src\/worker\/(worker|client)\.ts$/],
  [/from '@huggingface\/tokenizers'/, /^src\/text\/tokenizer\.ts$/],
  [/from 'svelte/, /^src\/ui\//],
  [/navigator\.serviceWorker/, /^src\/offline\/client\.ts$/],
  [/from 'node:/, /^src\/headless\//],
  [/from 'webgpu'|import\('webgpu'\)/, /^src\/headless\//],
];

/** A page talks to the worker and nothing below it. */
const UI_SEES = /^src\/(base|(offline|worker)\/(api|client)|ui)\b/;

const SMELL = 260;

const files = sourceFiles('src').filter((file) => /\.(ts|svelte)$/.test(file));
const text = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));
const imports = new Map(files.map((file) => [file, importsOf(file)]));

describe('floors', () => {
  test('every folder of src has a floor', () => {
    const folders = new Set(files.filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1]));
    expect([...folders].filter((folder) => floorOf(folder) < 0)).toEqual([]);
  });

  test('no file imports from a higher floor, types included', () => {
    const upward = pairs().filter(([from, to]) => {
      const [here, there] = [from, to].map((file) => file.split('/')[1]);
      return here !== there && floorOf(there) >= floorOf(here);
    });
    expect(upward).toEqual([]);
  });

  test('no import cycle', () => {
    expect(findCycle()).toEqual([]);
  });

  test('the page sees the worker’s client and words, nothing below', () => {
    const seen = pairs().filter(([from, to]) => from.startsWith('src/ui/') && !UI_SEES.test(to));
    expect(seen).toEqual([]);
  });
});

describe('doors', () => {
  test.each(DOORS.map(([pattern, allowed]) => [String(pattern), pattern, allowed] as const))(
    '%s is used only where it belongs',
    (_, pattern, allowed) => {
      expect(files.filter((file) => pattern.test(text.get(file) ?? '') && !allowed.test(file))).toEqual([]);
    },
  );
});

describe('files', () => {
  test('no file outgrows the smell limit', () => {
    const long = files
      .filter((file) => file.endsWith('.ts'))
      .map((file) => [file, (text.get(file) ?? '').split('\n').length] as const)
      .filter(([file, lines]) => lines > (LONGER.get(file) ?? SMELL));
    expect(long).toEqual([]);
  });

  test('no catch-all names', () => {
    expect(files.filter((file) => /(utils?|helpers?|common|misc|manager|handler)\.(ts|svelte)$/i.test(file))).toEqual(
      [],
    );
  });

  test('every exported function, class and type has a doc comment', () => {
    const bare = files.filter((file) => file.endsWith('.ts')).flatMap(undocumented);
    expect(bare).toEqual([]);
  });

  test('no machine paths, no other hosts in the page’s code', () => {
    expect(files.filter((file) => /\/work\/|\/home\/|\/tmp\//.test(text.get(file) ?? ''))).toEqual([]);
  });
});

describe('README', () => {
  const readme = readFileSync('README.md', 'utf8');

  test('the map names every source file and shader', () => {
    const all = [...files, ...sourceFiles('shaders')];
    expect(all.filter((file) => !readme.includes(mapName(file)))).toEqual([]);
  });

  test('the map names no file that is gone', () => {
    const named = [...readme.matchAll(/`((?:src|shaders|test|tools|public)\/[\w./-]+)`/g)].map((match) => match[1]);
    const gone = named.filter((file) => !exists(file));
    expect(gone).toEqual([]);
  });

  test('the folders of the map come in the order data flows', () => {
    const places = FLOORS.flat().map((folder) => [folder, readme.indexOf(`\`src/${folder}/`)] as const);
    expect(places.filter(([, place]) => place < 0)).toEqual([]);
  });
});

// ---

/** Catalogues: one entry after another, which splitting would only scatter. */
const LONGER = new Map([
  ['src/ui/messages.ts', 400],
  ['src/ui/english.ts', 520],
]);

/** The map writes paths as they are. */
function mapName(file: string): string {
  return `\`${file}\``;
}

function exists(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      return entry.isDirectory() ? sourceFiles(path) : [path];
    })
    .sort();
}

function floorOf(folder: string): number {
  return FLOORS.findIndex((floor) => floor.includes(folder));
}

/** Relative imports of one file, as paths from the top. */
function importsOf(file: string): string[] {
  const found = (text.get(file) ?? '').matchAll(/(?:from|import|new URL\()\s*\(?'(\.[^']+)'/g);
  return [...found]
    .map((match) => join(dirname(file), match[1].replace(/\?.*$/, '')))
    .filter((path) => path.startsWith('src/'));
}

function pairs(): [string, string][] {
  return [...imports].flatMap(([from, to]) => to.map((path): [string, string] => [from, path]));
}

function findCycle(): string[] {
  const state = new Map<string, 'open' | 'done'>();
  const walk = (file: string, path: string[]): string[] => {
    if (state.get(file) === 'done') return [];
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    state.set(file, 'open');
    for (const next of imports.get(file) ?? []) {
      const cycle = walk(next, [...path, file]);
      if (cycle.length) return cycle;
    }
    state.set(file, 'done');
    return [];
  };
  for (const file of files) {
    const cycle = walk(file, []);
    if (cycle.length) return cycle;
  }
  return [];
}

/** Exported declarations without a doc comment right above them. */
function undocumented(file: string): string[] {
  const lines = (text.get(file) ?? '').split('\n');
  return lines.flatMap((line, i) => {
    const declared = /^export (?:async )?(?:abstract )?(?:function\*?|class|interface|type|const) (\w+)/.exec(line);
    if (!declared) return [];
    const above = (lines[i - 1] ?? '').trim();
    return above.endsWith('*/') ? [] : [`${file}: ${declared[1]}`];
  });
}
