import { EditorError } from '../base/errors.ts';

/** Places inside a block, in the order data passes them. TransformerLens's spelling; shapes are per token. */
export const BLOCK_HOOKS = [
  'hook_resid_pre', // [d_model]         the residual stream that enters
  'hook_attn_in', // [d_model]           what attention reads: after its norm
  'attn.hook_z_flat', // [n_heads·d_head] the heads' weighted values side by side: the key of the attention site
  'hook_attn_out', // [d_model]          what attention adds, its bias included
  'hook_resid_mid', // [d_model]         between attention and MLP
  'hook_mlp_in', // [d_model]            what the MLP reads: after its norm
  'mlp.hook_post', // [d_mlp]            after the activation and the gate: the key of the MLP site
  'hook_mlp_out', // [d_model]           what the MLP adds, its bias included
  'hook_resid_post', // [d_model]        the residual stream that leaves
] as const;

/** One of them. */
export type BlockHook = (typeof BLOCK_HOOKS)[number];

/** Places outside the blocks: token (and position) embedding, the final norm, the logits. */
export const MODEL_HOOKS = ['hook_embed', 'ln_final.hook_normalized', 'logits'] as const;

/** One of them. */
export type ModelHook = (typeof MODEL_HOOKS)[number];

/** Any named place, such as `blocks.5.hook_mlp_out`. */
export type HookName = ModelHook | `blocks.${number}.${BlockHook}`;

/** A hook name taken apart. Inverse: `hookName`. */
export type Hook = { readonly hook: ModelHook } | { readonly hook: BlockHook; readonly layer: number };

/** `blockHook(5, 'hook_mlp_out')` is `blocks.5.hook_mlp_out`. */
export function blockHook<H extends BlockHook>(layer: number, hook: H): `blocks.${number}.${H}` {
  return `blocks.${layer}.${hook}`;
}

/** Inverse of `parseHook`. */
export function hookName(hook: Hook): HookName {
  return 'layer' in hook ? blockHook(hook.layer, hook.hook) : hook.hook;
}

/**
 * Takes a hook's name apart.
 *
 * @param n_layers when given, the layer must exist
 * @throws EditorError `invalid-input` for a name that isn't one of ours
 */
export function parseHook(name: string, n_layers = Infinity): Hook {
  const whole = MODEL_HOOKS.find((hook) => hook === name);
  if (whole !== undefined) return { hook: whole };
  const [, digits, place] = /^blocks\.(0|[1-9]\d{0,5})\.(.+)$/.exec(name) ?? [];
  const hook = BLOCK_HOOKS.find((known) => known === place);
  if (hook === undefined) {
    const known = [...MODEL_HOOKS, ...BLOCK_HOOKS.map((each) => `blocks.{layer}.${each}`)];
    throw new EditorError('invalid-input', 'find a hook', `"${name}" is unknown`, `use one of ${known.join(', ')}`, {
      hook: name,
    });
  }
  const layer = Number(digits);
  requireLayer(layer, n_layers, `find the hook ${name}`);
  return { hook, layer };
}

// --- The two sites ---

/** The two weights of a block that an edit may write. */
export type SiteKind = 'attn' | 'mlp';

/** One editable weight: a projection back into the residual stream, at one layer. */
export interface Site {
  readonly kind: SiteKind;
  readonly layer: number;
}

/** What a site is made of: value = W key (+ bias). */
export interface SitePlaces {
  readonly weight: 'attn.W_O' | 'mlp.W_out';
  readonly key: 'attn.hook_z_flat' | 'mlp.hook_post';
  readonly value: 'hook_attn_out' | 'hook_mlp_out';
}

/** MLP and attention are rows of one table, so that code over sites is one loop and never asks which. */
export const SITES: Readonly<Record<SiteKind, SitePlaces>> = {
  attn: { weight: 'attn.W_O', key: 'attn.hook_z_flat', value: 'hook_attn_out' },
  mlp: { weight: 'mlp.W_out', key: 'mlp.hook_post', value: 'hook_mlp_out' },
};

/** Both kinds, in the order data passes them. */
export const SITE_KINDS = ['attn', 'mlp'] as const satisfies readonly SiteKind[];

/** The hook where a site's input is read: `blocks.3.mlp.hook_post`. */
export function keyHook(site: Site): HookName {
  return blockHook(site.layer, SITES[site.kind].key);
}

/** The hook where a site's output is read or added to: `blocks.3.hook_mlp_out`. */
export function valueHook(site: Site): HookName {
  return blockHook(site.layer, SITES[site.kind].value);
}

/** "mlp.3", the one way a site is printed. Inverse: `parseSite`. */
export function formatSite(site: Site): string {
  return `${site.kind}.${site.layer}`;
}

/**
 * "mlp.3" → the site.
 *
 * @param n_layers when given, the layer must exist
 * @throws EditorError `invalid-input`
 */
export function parseSite(text: string, n_layers = Infinity): Site {
  const [, word, digits] = /^(attn|mlp)\.(0|[1-9]\d{0,5})$/.exec(text) ?? [];
  const kind = SITE_KINDS.find((known) => known === word);
  if (kind === undefined) {
    throw new EditorError('invalid-input', 'find a site', `"${text}" is unknown`, 'write it like mlp.3 or attn.5', {
      site: text,
    });
  }
  const site = { kind, layer: Number(digits) };
  requireLayer(site.layer, n_layers, `find the site ${text}`);
  return site;
}

/** Every site of a model, in the order of computation. */
export function allSites(n_layers: number): Site[] {
  return Array.from({ length: n_layers }, (_, layer) => SITE_KINDS.map((kind): Site => ({ kind, layer }))).flat();
}

/** Order of computation: by layer, attention before MLP. */
export function compareSites(a: Site, b: Site): number {
  return a.layer - b.layer || SITE_KINDS.indexOf(a.kind) - SITE_KINDS.indexOf(b.kind);
}

// ---

function requireLayer(layer: number, n_layers: number, what: string): void {
  if (layer < n_layers) return;
  throw new EditorError('invalid-input', what, `the model has ${n_layers} layers`, `use a layer below ${n_layers}`, {
    layer,
    n_layers,
  });
}
