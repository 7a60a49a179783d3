import { readdirSync, readFileSync } from 'node:fs';
import { parse, type AST } from 'svelte/compiler';
import { describe, expect, test } from 'vitest';
import { english } from '../../src/ui/english.ts';

const FOLDER = 'src/ui';
const components = readdirSync(FOLDER).filter((file) => file.endsWith('.svelte'));

/** Attributes whose value a person sees or hears. */
const SAID = new Set(['alt', 'aria-label', 'aria-description', 'aria-valuetext', 'placeholder', 'title', 'label']);

/** What the page is called in any language. */
const NAMES = new Set(['Palimpsest', 'rescriptus']);

test.each(components)('%s says nothing that is not in the catalogue', (file) => {
  expect(literalsOf(readFileSync(`${FOLDER}/${file}`, 'utf8'))).toEqual([]);
});

describe('the search for words', () => {
  test.each([
    ['<p>Edit</p>', ['Edit']],
    ['<p>{say.go} now</p>', ['now']],
    ['<p>{on ? "on" : say.off}</p>', ['on']],
    ['<p>{`step ${step}`}</p>', ['step ']],
    ['<button title="Close">{say.close}</button>', ['Close']],
    ['<button title="Close {name}">{say.close}</button>', ['Close ']],
    ['<Dialog label={open ? "Open" : say.close} />', ['Open']],
    ['<p class="faint" id="note">{say.edit} … “{name}”&nbsp;· 12</p>', []],
    ['<p>{count("rows")}</p>', []],
  ])('%s', (source, found) => {
    expect(literalsOf(source)).toEqual(found);
  });
});

test('the catalogue says nothing that no part of the page asks for', () => {
  const sources = readdirSync(FOLDER)
    .filter((file) => !/^(messages.*|english.*)\.ts$/.test(file))
    .map((file) => readFileSync(`${FOLDER}/${file}`, 'utf8'))
    .join('\n');
  const unused = keysOf(english).filter((key) => !new RegExp(`\\b${key}\\b`).test(sources));
  expect(unused).toEqual([]);
});

// ---

type Visited = Readonly<Record<string, unknown>> & { readonly type?: string };

/** Words in a component's markup that a person would read or hear: texts, said attributes, strings shown by expressions. */
function literalsOf(source: string): string[] {
  const found: string[] = [];
  const add = (text: string) => {
    if (/\p{L}/u.test(text) && !NAMES.has(text.trim()))
      found.push(text.trim() === '' ? text : text.replace(/\s+/g, ' '));
  };
  const shown = (node: Visited): void => {
    if (node.type === 'Literal' && typeof node['value'] === 'string') add(node['value']);
    if (node.type === 'TemplateLiteral')
      (node['quasis'] as { value: { raw: string } }[]).forEach((q) => add(q.value.raw));
    if (node.type === 'ConditionalExpression')
      [node['consequent'], node['alternate']].forEach((each) => shown(each as Visited));
    if (node.type === 'LogicalExpression') [node['left'], node['right']].forEach((each) => shown(each as Visited));
  };
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (typeof node !== 'object' || node === null) return;
    const { type, ...rest } = node as Visited;
    if (type === 'Text') add((rest['data'] as string).trim() === '' ? '' : (rest['data'] as string));
    if (type === 'ExpressionTag') shown(rest['expression'] as Visited);
    if (type === 'StyleDirective') return;
    if (type === 'Attribute' && !SAID.has(rest['name'] as string)) return;
    Object.values(rest).forEach(walk);
  };
  const root: AST.Root = parse(source, { modern: true });
  walk(root.fragment);
  return found.map((text) => text.replace(/^\s+/, ''));
}

/** Names of everything in the catalogue, but for tables that are read by name. */
function keysOf(catalogue: object): string[] {
  return Object.entries(catalogue).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null && !TABLES.has(key) ? [key, ...keysOf(value)] : [key],
  );
}

/** Read by a name that is computed. */
const TABLES = new Set([
  'act',
  'choice',
  'looping',
  'name',
  'preset',
  'reason',
  'remedy',
  'shortcut',
  'shortfall',
  'spotKind',
  'stageState',
  'steps',
  'title',
]);
