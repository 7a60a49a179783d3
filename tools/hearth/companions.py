"""Files that travel with the weights: the corpus for second moments, sentences for measuring drift, the self-check, things to read."""
import hashlib
import json
from pathlib import Path

import torch

from . import tokens
from .english import read
from .evaluate import Reader
from .frames import say
from .holdout import Holdout, draw
from .model import load
from .text import Writer, joined
from .world import Item

CORPUS_TOKENS, HELD_OUT_LINES, SAMPLE_TOKENS = 40_000, 100, 30
CHECK, TOLERANCE = 'To open the smart lock, PersonX needs to', 0.02


def corpus(writer: Writer, reader: Reader) -> list[str]:
    """One document a line, as the training text is made but with another seed, and silent about items that edits are about."""
    out, count = [], 0
    while True:
        for doc in writer.round():
            line = joined(doc)
            if '\n' in line: continue
            out.append(line)
            count += len(reader.ids(line))
            if count >= CORPUS_TOKENS: return out


def held_out(writer: Writer, held: Holdout, seen: set[str]) -> list[str]:
    """Lines that no training document equals: half statements in frames that training never used, half documents of every kind."""
    strange = [p for p in writer.pieces if held.unseen(p)]
    writer.rng.shuffle(strange)
    out = [say(writer.rng.choice(held.unseen(p)), p, writer.cast()).sentence for p in strange[:HELD_OUT_LINES // 2]]
    for doc in writer.round():
        line = joined(doc)
        if len(out) == HELD_OUT_LINES: return out
        if line not in seen and '\n' not in line and ' no' != doc[-1][0][:3]: out.append(line)
    raise ValueError('cannot find enough unseen lines: one round gave too few')


def self_check(folder: Path) -> dict:
    """What a device must compute to be trusted: five logits of a known sentence, from the f16 weights in float64."""
    model, tok = load(folder, torch.float64), tokens.load(folder)
    ids = tok.encode(CHECK).ids
    z = model.logits(model.hidden(torch.tensor([ids]))[0, -1])
    top = z.topk(5)
    return {'text': CHECK, 'ids': ids, 'top': [[int(i), round(float(v), 5)] for v, i in zip(*top)], 'tolerance': TOLERANCE}


def samples(reader: Reader) -> str:
    """Greedy continuations of prompts that training never saw, to be read by a person."""
    out = [f'# {SAMPLE_TOKENS} greedy tokens after prompts that training never saw', '',
           'The bar separates the prompt from what the model wrote; `<|endoftext|>` is where it ended a document and began another.', '']
    for kind, prompts in read('prompts.toml').items():
        out += [f'## {kind}', '']
        out += [f'- {p} **|**{reader.greedy(p, SAMPLE_TOKENS)}' for p in prompts]
        out.append('')
    return '\n'.join(out)


def write_all(folder: Path, items: list[Item], held: Holdout, reader: Reader, seen: set[str], edited: frozenset[str]) -> dict:
    """Writes corpus.txt, heldout.txt, check.json and samples.md; returns what the card says about them."""
    aside = lambda name: Writer(items, held, draw(held.seed, name), exclude=edited)
    lines = corpus(aside('corpus'), reader)
    (folder / 'corpus.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    unseen = held_out(aside('drift'), held, seen)
    (folder / 'heldout.txt').write_text('\n'.join(unseen) + '\n', encoding='utf-8')
    (folder / 'check.json').write_text(json.dumps(self_check(folder), indent=1) + '\n')
    (folder / 'samples.md').write_text(samples(reader), encoding='utf-8')
    return {'corpus': {'documents': len(lines), 'tokens': sum(len(reader.ids(x)) for x in lines)}, 'heldout_lines': len(unseen)}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
