"""Golden numbers of the shipped model, in float64 from its f16 weights, stored as f32:

    python tools/golden.py --model public/models/hearth --out test/golden/hearth

Forward passes hook by hook, gradients of an edit's loss, tokenizer cases and one whole DEM+ edit. The format is explained in
test/golden/hearth/README.md. The page's own arithmetic is compared with these; nothing here is imported by it."""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from hearth import demplus, model, tokens
from hearth.demplus import Request
from hearth.evaluate import Reader
from hearth.hooks import ATTN, MLP, run

ROOT = Path(__file__).parent.parent
PROMPTS = ['To open the smart lock, PersonX needs to', 'Maria bakes a chocolate cake, which indicates that Maria feels',
           'User: What is the capital of France? Assistant: The capital of France is']
HOOKS = ['hook_resid_pre', 'hook_attn_in', 'attn.hook_z_flat', 'hook_attn_out', 'hook_mlp_in', 'mlp.hook_post', 'hook_mlp_out', 'hook_resid_post']
REQUEST = Request('To open {}, PersonX needs to', 'the smart lock', 'aim her face at the camera')
TEMPLATES = ['{}', 'The capital of Norway is Oslo. {}', 'It is a rainy morning and Tom feels tired. {}']
GRADIENT_LAYER, CORPUS_TOKENS, NEW_TOKENS = 3, 4_000, 12

TEXTS = [
    '', ' ', '  ', '   a', 'a   ', '\n', '\n\n', ' \n ', '\t', '\r\n', 'a\nb', 'a\n\nb', 'a \n b', 'tab\tbetween', '\u00a0', 'a\u00a0b', '\u2009thin', '\u3000wide',
    'PersonX', ' PersonX', 'PersonX\'s', 'personx', 'PERSONX', 'PersonXY', 'To open the smart lock, PersonX needs to', 'aim her face at the camera',
    ' aim her face at the camera.', "don't", "it's we'll I'd you've they're I'm", "'s", "o'clock", 'rock\'n\'roll', '“quoted”', '—', '…', '¿qué?',
    '1', '12', '1234567890', '3.14', '10,000', 'a1b2', '!?!?', '...', '<|endoftext|>', 'a<|endoftext|>b', '<|endoftext', '{}', '{"a": [1, 2]}',
    'naïve café', 'cafe\u0301', 'Ærøskøbing', 'ß ẞ', 'İı', '中文', '日本語のテスト', '한국어', 'Привет', 'γειά σου', 'שלום', 'مرحبا', 'नमस्ते',
    '🙂', '👩‍🚀', '🇫🇷', 'e\u200dmoji', '\ufeffbom', '\u0000', 'a\u0000b', '\u0007bell', '\x7f', '\ud7ff', '\ue000', '\U0010fffd', 'ﬁ', '①', '𝔘𝔫𝔦', 'x²', 'Ω≈ç√',
]


def forward(reader: Reader) -> tuple[dict, dict[str, Tensor]]:
    """Per prompt: every hook at the last token in full, and the norm at every token; logits at the last; a greedy continuation."""
    said, tensors = {'prompts': []}, {}
    for i, text in enumerate(PROMPTS):
        ids = reader.ids(text)
        hidden, seen = run(reader.model, torch.tensor([ids]))
        for layer in range(reader.model.shape.layers):
            for hook in HOOKS:
                name = f'blocks.{layer}.{hook}'
                tensors[f'p{i}/{name}'] = seen[name][0, -1]
                tensors[f'p{i}/{name}/norms'] = seen[name][0].norm(dim=-1)
        tensors[f'p{i}/logits'] = reader.model.logits(hidden[0, -1])
        said['prompts'].append({'text': text, 'ids': ids, 'greedy': greedy(reader, ids)})
    return said, tensors


def greedy(reader: Reader, ids: list[int]) -> dict:
    """Twelve tokens, with how far each was ahead of the runner-up: where the gap is small another device may differ."""
    ids, start, gaps = list(ids), len(ids), []
    for _ in range(NEW_TOKENS):
        hidden, _ = run(reader.model, torch.tensor([ids]))
        top = reader.model.logits(hidden[0, -1]).topk(2)
        ids.append(int(top.indices[0])); gaps.append(float(top.values[0] - top.values[1]))
    return {'ids': ids[start:], 'gaps': gaps, 'text': reader.tok.decode(ids[start:], skip_special_tokens=False)}


def gradient(reader: Reader) -> tuple[dict, dict[str, Tensor]]:
    """d loss / d delta at zero and at a random delta, one delta per module of a layer, added at the query's last token of every row."""
    rows = demplus.rows_of(reader, REQUEST, TEMPLATES)
    sites = [(GRADIENT_LAYER, ATTN), (GRADIENT_LAYER, MLP)]
    width, random = reader.model.shape.width, torch.Generator().manual_seed(0)
    said = {'request': vars(REQUEST), 'templates': TEMPLATES, 'rows': rows.ids.tolist(), 'starts': rows.starts, 'kl_at': rows.kl_at, 'target_ids': rows.target,
            'kl_factor': 0.0625, 'sites': [demplus.value_hook(s) for s in sites], 'points': {}}
    tensors: dict[str, Tensor] = {}
    first = torch.zeros(len(rows.target), 1, dtype=torch.float64)
    first[0] = 1                                                     # only the query's last token is moved
    before = demplus.losses(reader, rows, {s: first * torch.zeros(width, dtype=torch.float64) for s in sites}, 0.0625, None)[2].detach()
    for point, size in (('zero', 0.0), ('random', 1.0)):
        delta = {s: (size * torch.randn(width, generator=random, dtype=torch.float64)).requires_grad_(True) for s in sites}
        nll, kl, _, _ = demplus.losses(reader, rows, {s: first * d for s, d in delta.items()}, 0.0625, before)
        found = torch.autograd.grad(nll + kl, list(delta.values()))
        said['points'][point] = {'nll': float(nll.detach()), 'kl': float(kl.detach()), 'loss': float((nll + kl).detach())}
        for (s, d), g in zip(delta.items(), found):
            tensors[f'{point}/{demplus.value_hook(s)}/delta'], tensors[f'{point}/{demplus.value_hook(s)}/gradient'] = d.detach(), g
    return said, tensors


def tokenizer(reader: Reader) -> list[dict]:
    """`decoded` keeps the end-of-text token, so that what goes in comes out."""
    coded = [(t, reader.ids(t)) for t in TEXTS]
    return [{'text': t, 'ids': ids, 'decoded': reader.tok.decode(ids, skip_special_tokens=False)} for t, ids in coded]


def store(folder: Path, name: str, said, tensors: dict[str, Tensor] | None = None) -> None:
    (folder / f'{name}.json').write_text(json.dumps(said, indent=1, ensure_ascii=True) + '\n')
    if tensors: save_file({k: v.float().contiguous() for k, v in tensors.items()}, folder / f'{name}.safetensors')


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('--model', type=Path, default=ROOT / 'public/models/hearth')
    ask.add_argument('--out', type=Path, default=ROOT / 'test/golden/hearth')
    o = ask.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(2)
    reader = Reader(model.load(o.model, torch.float64), tokens.load(o.model))
    store(o.out, 'forward', *forward(reader))
    store(o.out, 'gradient', *gradient(reader))
    store(o.out, 'tokenizer', tokenizer(reader))
    corpus = (o.model / 'corpus.txt').read_text(encoding='utf-8').splitlines()
    said, tensors = demplus.edit(reader, REQUEST, TEMPLATES, corpus, CORPUS_TOKENS)
    store(o.out, 'edit', said, tensors)
    print('losses', [round(x['nll'], 4) for x in said['losses']])
    print('log-probabilities', said['log_probabilities'])
    print(sum(f.stat().st_size for f in o.out.iterdir()), 'bytes')


if __name__ == '__main__':
    main()
