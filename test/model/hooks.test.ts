import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  BLOCK_HOOKS,
  blockHook,
  compareSites,
  formatSite,
  type HookName,
  hookName,
  keyHook,
  MODEL_HOOKS,
  parseHook,
  parseSite,
  SITE_KINDS,
  valueHook,
} from '../../src/model/hooks.ts';
import { expectFault } from '../support/faults.ts';

describe('hooks', () => {
  const all = [...MODEL_HOOKS, ...BLOCK_HOOKS.flatMap((hook) => [0, 3, 47].map((layer) => blockHook(layer, hook)))];

  test.each(all)('%s is taken apart and put together', (name) => {
    expect(hookName(parseHook(name))).toBe(name);
  });

  test('names have their parts', () => {
    expect(parseHook('blocks.12.attn.hook_z_flat')).toEqual({ layer: 12, hook: 'attn.hook_z_flat' });
    expect(parseHook('logits')).toEqual({ hook: 'logits' });
  });

  test.each([
    '',
    'blocks.3',
    'blocks.03.hook_mlp_out',
    'blocks.-1.hook_mlp_out',
    'blocks.1.5.hook_mlp_out',
    'blocks.3.hook_mlp',
    ' logits',
  ])('"%s" is refused', (name) => expectFault(() => parseHook(name), 'invalid-input', `"${name}" is unknown`));

  test('a layer that the model lacks is refused', async () => {
    expect(parseHook('blocks.5.hook_mlp_out', 6)).toEqual({ layer: 5, hook: 'hook_mlp_out' });
    await expectFault(() => parseHook('blocks.6.hook_mlp_out', 6), 'invalid-input', 'the model has 6 layers');
  });

  test('a misspelt hook is a type error', () => {
    expectTypeOf<'blocks.3.hook_mlp_out'>().toExtend<HookName>();
    expectTypeOf<'blocks.3.hook_mlp_Out'>().not.toExtend<HookName>();
    expectTypeOf(blockHook(3, 'mlp.hook_post')).toEqualTypeOf<`blocks.${number}.mlp.hook_post`>();
  });
});

describe('sites', () => {
  const rows = [
    { site: 'mlp.3', key: 'blocks.3.mlp.hook_post', value: 'blocks.3.hook_mlp_out' },
    { site: 'attn.0', key: 'blocks.0.attn.hook_z_flat', value: 'blocks.0.hook_attn_out' },
  ];
  test.each(rows)('$site', ({ site, key, value }) => {
    const parsed = parseSite(site);
    expect(formatSite(parsed)).toBe(site);
    expect(keyHook(parsed)).toBe(key);
    expect(valueHook(parsed)).toBe(value);
  });

  test.each(['mlp', 'mlp.', 'mlp.x', 'MLP.3', 'mlp.03', 'mlp.3 ', 'resid.3'])('"%s" is refused', (text) =>
    expectFault(() => parseSite(text), 'invalid-input', 'write it like mlp.3'),
  );

  test('a layer that the model lacks is refused', () => expectFault(() => parseSite('mlp.8', 8), 'invalid-input', '8'));

  test('are sorted as the model computes them', () => {
    const sites = [2, 0, 1].flatMap((layer) => [...SITE_KINDS].reverse().map((kind) => ({ layer, kind })));
    expect(sites.sort(compareSites).map(formatSite)).toEqual(['attn.0', 'mlp.0', 'attn.1', 'mlp.1', 'attn.2', 'mlp.2']);
  });
});
