"""Where the model holds what it knows: the prompts of the sets (locate-prompts.json), and what located.json found with them, in words."""
import hashlib
import json
from itertools import zip_longest
from pathlib import Path

from .edits import bare, right, template
from .english import Cast
from .evaluate import Probe, Reader
from .frames import frames, say
from .holdout import Holdout, draw
from .world import Item, pieces

EACH = 12
PROMPTS, SETS = 'locate-prompts.json', 'located.json'


def prompts(reader: Reader, items: list[Item], held: Holdout) -> list[dict]:
    """Up to twelve of each relation, in the paper's words and about PersonX, each answered exactly by the model. One relation after the other
    in turn, so that whoever stops early has some of each."""
    known = sorted((p for p in pieces(items) if held.trained(p.item)), key=lambda p: draw(held.seed, 'locate', p.key))
    said = [bare(say(frames()[p.relation][0], p, Cast())) for p in known]
    good = right(reader, [Probe(query, answer, p) for p, (query, answer) in zip(known, said)])
    by: dict[str, list[dict]] = {relation: [] for relation in frames()}
    for piece, (query, answer), fine in zip(known, said, good):
        if fine and len(by[piece.relation]) < EACH:
            _, subject = template(piece)
            by[piece.relation].append({'prompt': query, 'subject': subject, 'target': answer, 'relation': piece.relation, 'kind': piece.world})
    return [p for turn in zip_longest(*by.values()) for p in turn if p]


def write_prompts(folder: Path, listed: list[dict]) -> None:
    lines = ',\n'.join(json.dumps(p, ensure_ascii=False) for p in listed)
    (folder / PROMPTS).write_text(f'[\n{lines}\n]\n', encoding='utf-8')
