import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { storageBindings, uniformFields, wgslType } from '../../src/device/binding.ts';
import type { KernelSpec } from '../../src/device/kernel.ts';
import { captureSpec } from '../../src/kernels/capture.ts';
import { choleskySpecs } from '../../src/kernels/cholesky.ts';
import { cosineSpec } from '../../src/kernels/cosine.ts';
import { gramSpec } from '../../src/kernels/gram.ts';
import { lowrankSpec } from '../../src/kernels/lowrank.ts';
import { solveSpec, updateSpec } from '../../src/kernels/triangular.ts';

const SPECS: readonly KernelSpec[] = [
  captureSpec,
  cosineSpec,
  gramSpec,
  lowrankSpec,
  solveSpec,
  updateSpec,
  ...Object.values(choleskySpecs),
];

/** What one binding is, in the words of a header: "1 keys read [n, d] f32". */
type Line = string;

describe.each(SPECS.map((spec) => [`${spec.file} ${spec.entry}`, spec] as const))('%s', (_, spec) => {
  test('the header, the binding record and the WGSL declarations say the same', () => {
    expect(declared(spec.source)).toEqual(recorded(spec));
    expect(titled(spec.source)).toEqual(recorded(spec));
  });

  test('the uniform struct has the fields of the record, in order, with their types', () => {
    expect(structOf(spec.source)).toEqual(uniformFields(spec.bindings));
  });

  test('the header gives the workgroup of its entry point', () => {
    expect(workgroupInHeader(spec)).toBe(workgroupInCode(spec));
  });

  test('the header begins with the name of the file', () => {
    expect(spec.source).toMatch(new RegExp(`^// ${spec.file.replace('.wgsl', '')}: .`));
  });
});

test('every shader, and every entry point in it, has its spec', () => {
  const files = readdirSync('shaders').sort();
  expect([...new Set(SPECS.map(({ file }) => file))].sort()).toEqual(files);
  for (const file of files) {
    const specs = SPECS.filter((spec) => spec.file === file);
    const entries = [...specs[0].source.matchAll(/@compute[^{]*?fn (\w+)/g)].map((match) => match[1]);
    expect(entries.sort()).toEqual(specs.map(({ entry }) => entry).sort());
  }
});

// ---

function recorded({ bindings }: KernelSpec): Line[] {
  const fields = uniformFields(bindings).map(([name]) => name);
  return [
    `0 params uniform { ${fields.join(', ')} }`,
    ...storageBindings(bindings).map(([name, binding], index) => {
      const type = binding.asBits ? 'bits' : wgslType(binding);
      return `${index + 1} ${name} ${binding.access} [${binding.shape.join(', ')}] ${type}`;
    }),
  ];
}

/** From the comment at the top. */
function titled(source: string): Line[] {
  const line = /^\/\/ +(\d+) +(\w+) +(uniform|read|read_write) +(\{[^}]*\}|\[[^\]]*\] +(?:f32|i32|bits))/gm;
  return [...source.matchAll(line)].map(([, index, name, access, rest]) =>
    `${index} ${name} ${access} ${rest}`.replace(/ +/g, ' '),
  );
}

/** From the WGSL itself; shapes are not part of it, so they come from the header. */
function declared(source: string): Line[] {
  const shapes = new Map(titled(source).map((line) => [line.split(' ')[1], /\[[^\]]*\]/.exec(line)?.[0]]));
  const fields = structOf(source).map(([name]) => name);
  const line = /@group\(0\) @binding\((\d+)\) var<(uniform|storage, (read|read_write))> (\w+): (\w+)(?:<(\w+)>)?;/g;
  return [...source.matchAll(line)].map(([, index, kind, access, name, , element]) =>
    kind === 'uniform'
      ? `${index} ${name} uniform { ${fields.join(', ')} }`
      : `${index} ${name} ${access} ${shapes.get(name)} ${element === 'u32' ? 'bits' : element}`,
  );
}

function structOf(source: string): [name: string, type: string][] {
  const struct = /struct Params \{([^}]*)\}/.exec(source)?.[1] ?? '';
  return [...struct.matchAll(/(\w+): (\w+)/g)].map(([, name, type]) => [name, type]);
}

function workgroupInHeader({ source, entry }: KernelSpec): string | undefined {
  return new RegExp(`^// entry ${entry}: workgroup ([\\d ×]*\\d)`, 'm').exec(source)?.[1];
}

function workgroupInCode({ source, entry }: KernelSpec): string | undefined {
  return new RegExp(`@workgroup_size\\(([^)]*)\\)\\s*fn ${entry}\\b`).exec(source)?.[1].replace(/, /g, ' × ');
}
