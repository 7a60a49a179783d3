"""What the model knows, measured on lists that training never saw, with the weights as they ship (f16, upcast)."""
import random
from collections import defaultdict
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from .english import Cast, read
from .frames import frames, say
from .holdout import Holdout
from .model import Hearth
from .text import KINDS, PAPER_TAIL, Writer, joined, judged
from .world import Item, Piece, pieces

STOP = '.'                               # what ends an answer in every frame


@dataclass(frozen=True)
class Probe:
    query: str
    answer: str
    piece: Piece


class Reader:
    """A model and its tokenizer, asked in batches."""

    def __init__(self, model: Hearth, tok: Tokenizer):
        self.model, self.tok = model, tok

    def ids(self, text: str) -> list[int]:
        return self.tok.encode(text).ids

    @torch.no_grad()
    def hidden(self, rows: list[list[int]], size: int = 64):
        """(row number, hidden states) of each row; rows of like length go together, padded on the right."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        for at in range(0, len(order), size):
            part = order[at:at + size]
            width = max(len(rows[i]) for i in part)
            h = self.model.hidden(torch.tensor([rows[i] + [0] * (width - len(rows[i])) for i in part]))
            for i, x in zip(part, h): yield i, x[:len(rows[i])]

    @torch.no_grad()
    def greedy(self, text: str, count: int) -> str:
        ids = self.ids(text)
        start = len(ids)
        for _ in range(count):
            h = self.model.hidden(torch.tensor([ids[-self.model.shape.context:]]))
            ids.append(int(self.model.logits(h[0, -1]).argmax()))
        return self.tok.decode(ids[start:], skip_special_tokens=False)


def recall(reader: Reader, probes: list[Probe]) -> list[tuple[bool, float]]:
    """(exact, token accuracy) of each. Exact: greedy continuation gives the answer and then stops. Teacher forcing decides it in one pass,
    since greedy decoding takes the answer's path as long as every argmax on it is right."""
    rows, answers = [], []
    for p in probes:
        answers.append(reader.ids(f' {p.answer}{STOP}'))
        rows.append(reader.ids(p.query) + answers[-1][:-1])
    out: list[tuple[bool, float]] = [(False, 0.0)] * len(probes)
    for i, h in reader.hidden(rows):
        y = torch.tensor(answers[i])
        hit = reader.model.logits(h[-len(y):]).argmax(-1) == y
        out[i] = (bool(hit.all()), float(hit[:-1].float().mean()))
    return out


def verdicts(reader: Reader, questions: list[str]) -> list[bool]:
    """Yes or no: which has the larger probability, whatever its capital."""
    yes, no = ([i[0] for i in map(reader.ids, words) if len(i) == 1] for words in ((' yes', ' Yes'), (' no', ' No')))
    out = [False] * len(questions)
    for i, h in reader.hidden([reader.ids(q) for q in questions]):
        z = reader.model.logits(h[-1])
        out[i] = bool(z[yes].logsumexp(0) > z[no].logsumexp(0))
    return out


# --- the lists ----------------------------------------------------------------------------------------------------------

def casts(rng: random.Random) -> list[Cast]:
    """PersonX, and a name that no training text has."""
    names = read('names.toml')['unseen']
    he = rng.choice(('she', 'he'))
    x, y = rng.sample(names[he], 2)
    return [Cast(), Cast(x, y, he=he)]


def probes(held: Holdout, known: list[Piece], which, seed: int) -> list[Probe]:
    """`which(piece)` gives the frames to ask in."""
    rng, out = random.Random(seed), []
    for p in known:
        for f in which(p):
            for cast in casts(rng) if '{X}' in f.text else [Cast()]:
                s = say(f, p, cast)
                out.append(Probe(s.query, s.answer, p))
    return out


def questions(writer: Writer, held: Holdout, known: list[Piece], asked: bool, seed: int) -> list[tuple[str, str, Piece]]:
    """(question, kind of statement, piece) under the paper's question, in frames that training never used: of each piece a true statement,
    a borrowed answer and a misplaced one. `asked`: pieces that training asks about in other words, or those it never asks about at all."""
    rng, out = random.Random(seed), []
    for p in known:
        if held.question(p) == asked: continue
        for _ in range(1 if p.world == 'commonsense' else 3):
            for kind in KINDS:
                about = writer.misplaced(p, rng) if kind == 'misplaced' else p
                answer = writer.borrowed(p, rng) if kind == 'borrowed' else p.answer
                said = say(rng.choice(held.unseen(about)), about, rng.choice(casts(rng)), answer)
                out.append((joined(judged(said, PAPER_TAIL, '', kind)), kind, p))
    return list(dict.fromkeys(out))


# --- figures ------------------------------------------------------------------------------------------------------------

def mean(values) -> float:
    values = list(values)
    return round(sum(values) / len(values), 4) if values else 0.0


def knowledge(reader: Reader, asked: list[Probe]) -> dict:
    got = recall(reader, asked)
    out: dict = {}
    for world in ('commonsense', 'fact'):
        mine = [g for p, g in zip(asked, got) if p.piece.world == world]
        out[world] = {'exact': mean(e for e, _ in mine), 'tokens': mean(t for _, t in mine), 'n': len(mine)}
    by = defaultdict(list)
    for p, (exact, _) in zip(asked, got): by[p.piece.relation].append(exact)
    out['exact_by_relation'] = {r: mean(v) for r, v in by.items()}
    return out


def judgement(reader: Reader, asked: list[tuple[str, str, Piece]]) -> dict:
    """Shares of right verdicts. `balanced`: the mean of true statements and of wrong ones, both kinds of wrong counting alike."""
    got, out = verdicts(reader, [q for q, _, _ in asked]), {}
    for world in ('commonsense', 'fact'):
        right = {k: [g == (k == 'true') for g, (_, kind, p) in zip(got, asked) if p.world == world and kind == k] for k in KINDS}
        share = {k: mean(v) for k, v in right.items()}
        wrong = (share['borrowed'] + share['misplaced']) / 2
        out[world] = {'balanced': round((share['true'] + wrong) / 2, 4), **share, 'n': sum(map(len, right.values()))}
    return out


def evaluate(reader: Reader, items: list[Item], held: Holdout, writer: Writer) -> dict:
    known = [p for p in pieces(items) if held.trained(p.item)]
    new = [p for p in pieces(items) if not held.trained(p.item)]
    paper = lambda p: [f for f in frames()[p.relation] if f.group == 'paper']
    return {
        'knowledge_unseen_frames': knowledge(reader, probes(held, known, held.unseen, 1)),
        'knowledge_unseen_combinations': knowledge(reader, probes(held, known, held.uncombined, 2)),
        'knowledge_trained_frames': knowledge(reader, probes(held, known, paper, 3)),
        'new_items': knowledge(reader, probes(held, new, paper, 4)),
        'yes_no_unseen_frames': judgement(reader, questions(writer, held, known, True, 5)),
        'yes_no_never_asked': judgement(reader, questions(writer, held, known, False, 6)),
    }


def failures(reader: Reader, items: list[Item], held: Holdout, count: int = 40) -> list[str]:
    """Some of what goes wrong, to be read."""
    known = [p for p in pieces(items) if held.trained(p.item)]
    asked = probes(held, known, held.unseen, 1)
    wrong = [p for p, (exact, _) in zip(asked, recall(reader, asked)) if not exact]
    random.Random(0).shuffle(wrong)
    return [f'{p.query} | {p.answer} | {reader.greedy(p.query, 10)}' for p in wrong[:count]]
