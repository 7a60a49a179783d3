"""The model seen from inside: named places (TransformerLens's names) to read, to add to, and to patch. For golden numbers only.

A *site* is the output of an attention out-projection or an MLP down-projection; its input is the key, its output the value."""
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .model import Hearth, gelu

ATTN, MLP = 'attn', 'mlp'
Site = tuple[int, str]                   # layer, module: sorts in the order of the forward pass, attention first


def value_hook(site: Site) -> str:
    return f'blocks.{site[0]}.hook_{site[1]}_out'


def key_hook(site: Site) -> str:
    return f'blocks.{site[0]}.' + ('attn.hook_z_flat' if site[1] == ATTN else 'mlp.hook_post')


def input_hook(site: Site) -> str:
    return f'blocks.{site[0]}.hook_{site[1]}_in'


@dataclass
class Change:
    """What differs from the plain model: vectors added at rows and positions of a site's output, and low-rank patches y += U (V x)."""
    added: dict[Site, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)        # rows, positions, vectors [n, d]
    patches: dict[Site, tuple[Tensor, Tensor]] = field(default_factory=dict)              # U [d, r], V [r, p]


def run(model: Hearth, ids: Tensor, change: Change = Change()) -> tuple[Tensor, dict[str, Tensor]]:
    """Final hidden states [rows, pos, d] and every named place. A site's value is recorded with its patch and before additions."""
    seen: dict[str, Tensor] = {}
    heads, width = model.shape.heads, model.shape.width
    ahead = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).triu(1)

    def put(site: Site, key: Tensor, value: Tensor) -> Tensor:
        if site in change.patches:
            u, v = change.patches[site]
            value = value + key @ v.T @ u.T
        seen[key_hook(site)], seen[value_hook(site)] = key, value
        if site in change.added:
            rows, positions, vectors = change.added[site]
            value = value.index_put((rows, positions), vectors, accumulate=True)
        return value

    x = model.wte[ids] + model.wpe[:ids.shape[1]]
    for layer, block in enumerate(model.h):
        at = f'blocks.{layer}.'
        seen[at + 'hook_resid_pre'] = x
        n = seen[at + 'hook_attn_in'] = block.ln_1(x)
        q, k, v = (y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in block.attn.c_attn(n).split(width, dim=-1))
        scores = (q @ k.mT * (width // heads) ** -0.5).masked_fill(ahead, float('-inf'))
        z = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + put((layer, ATTN), z, block.attn.c_proj(z))
        n = seen[at + 'hook_mlp_in'] = block.ln_2(x)
        post = gelu(block.mlp.c_fc(n))
        x = x + put((layer, MLP), post, block.mlp.c_proj(post))
        seen[at + 'hook_resid_post'] = x
    return model.ln_f(x), seen
