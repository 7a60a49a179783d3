"""The network: GPT-2's shape, small. Written out here because forty lines are easier to trust than a dependency.

Matrices are kept in x out, the way GPT-2 checkpoints store them (`Conv1D`), so that export is a copy under other names."""
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 4096
    context: int = 128
    layers: int = 8
    heads: int = 4
    width: int = 256
    inner: int = 1024


def gelu(x: Tensor) -> Tensor:
    """`gelu_new`: the tanh approximation."""
    return F.gelu(x, approximate='tanh')


class Dense(nn.Module):
    """y = x W + b with W [in, out]."""

    def __init__(self, inputs: int, outputs: int, scale: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * scale)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.T, self.bias)


class Attention(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.heads = s.heads
        self.c_attn = Dense(s.width, 3 * s.width, s.width ** -0.5)
        self.c_proj = Dense(s.width, s.width, (2 * s.layers * s.width) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, d // self.heads).transpose(1, 2) for y in self.c_attn(x).split(d, dim=-1))
        # written out, because at 128 tokens the fused kernel's backward pass costs more than all matrix products on a CPU
        ahead = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(-1, -2) * (d // self.heads) ** -0.5).masked_fill(ahead, float('-inf'))
        z = scores.softmax(-1).to(v.dtype) @ v
        return self.c_proj(z.transpose(1, 2).reshape(b, t, d))


class Mlp(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.c_fc = Dense(s.width, s.inner, s.width ** -0.5)
        self.c_proj = Dense(s.inner, s.width, (2 * s.layers * s.inner) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.ln_1 = nn.LayerNorm(s.width)
        self.attn = Attention(s)
        self.ln_2 = nn.LayerNorm(s.width)
        self.mlp = Mlp(s)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Hearth(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.shape = s
        self.wte = nn.Parameter(torch.randn(s.vocabulary, s.width) * 0.02)
        self.wpe = nn.Parameter(torch.randn(s.context, s.width) * 0.01)
        self.h = nn.ModuleList(Block(s) for _ in range(s.layers))
        self.ln_f = nn.LayerNorm(s.width)

    def hidden(self, ids: Tensor) -> Tensor:
        """Hidden states [batch, pos, width] after the last norm. Right padding is harmless: attention looks back only."""
        x = self.wte[ids] + self.wpe[:ids.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.wte.T


# --- to and from a Hugging Face folder --------------------------------------------------------------------------------

def config(s: Shape) -> dict:
    return {
        'architectures': ['GPT2LMHeadModel'], 'model_type': 'gpt2', 'activation_function': 'gelu_new',
        'n_embd': s.width, 'n_head': s.heads, 'n_layer': s.layers, 'n_inner': s.inner, 'n_positions': s.context,
        'n_ctx': s.context, 'vocab_size': s.vocabulary, 'layer_norm_epsilon': 1e-5, 'tie_word_embeddings': True,
        'bos_token_id': 0, 'eos_token_id': 0, 'attn_pdrop': 0.0, 'embd_pdrop': 0.0, 'resid_pdrop': 0.0,
        'initializer_range': 0.02, 'scale_attn_weights': True, 'scale_attn_by_inverse_layer_idx': False,
        'reorder_and_upcast_attn': False, 'use_cache': True, 'dtype': 'float16',
    }


def checkpoint(model: Hearth) -> dict[str, Tensor]:
    """Tensors under their Hugging Face names, as f16. The head is tied, so it is not stored."""
    rename = lambda n: f'transformer.{n}.weight' if n in ('wte', 'wpe') else f'transformer.{n}'
    return {rename(n): p.detach().half().contiguous() for n, p in model.named_parameters()}


def save(model: Hearth, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'config.json').write_text(json.dumps(config(model.shape), indent=2) + '\n')
    part = folder / 'model.safetensors.part'
    save_file(checkpoint(model), part, metadata={'format': 'pt'})
    part.chmod(0o644)
    part.replace(folder / 'model.safetensors')          # whoever reads the folder meanwhile sees the old file or the new one


def load(folder: Path, dtype: torch.dtype = torch.float32) -> Hearth:
    """The model as it ships: f16 weights, upcast."""
    c = json.loads((folder / 'config.json').read_text())
    model = Hearth(Shape(c['vocab_size'], c['n_positions'], c['n_layer'], c['n_head'], c['n_embd'], c['n_inner']))
    stored = load_file(folder / 'model.safetensors')
    strip = lambda n: n.removeprefix('transformer.').replace('wte.weight', 'wte').replace('wpe.weight', 'wpe')
    model.load_state_dict({strip(n): t.to(dtype) for n, t in stored.items()}, assign=True)
    return model.to(dtype).eval().requires_grad_(False)
