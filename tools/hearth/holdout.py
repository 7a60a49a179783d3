"""What training never sees, decided by the seed and written down as lists.

- items: a twentieth of events, things and facts, whole (they serve as 'new' knowledge for edits);
- frames: two of the free frames of every relation;
- combinations: one in eight of the other (frame, item) pairs, so that the frame and the item were seen, but never together;
- questions: one in ten pieces of commonsense and one in five facts is never asked about with yes or no, neither truly nor falsely;
- names: the `unseen` list of names.toml."""
import hashlib
import random
from dataclasses import dataclass

from .english import read
from .frames import Frame, fits, frames, wills
from .world import Item, Piece, pieces

ITEMS, FRAMES, COMBINATIONS = 20, 2, 8
QUESTIONS = {'commonsense': 10, 'fact': 5}        # facts are few: ask more of them, or the figure means little


def draw(seed: int, *parts: str) -> int:
    """A number that depends on the seed and the parts only, on every machine and in every order of calls."""
    return int.from_bytes(hashlib.sha256('/'.join([str(seed), *parts]).encode()).digest()[:6], 'big')


def kept() -> set[str]:
    """Names of items that must be trained because an edit, an example or an evaluation prompt speaks of them."""
    return set(read('edits.toml')['trained'])


@dataclass(frozen=True)
class Holdout:
    seed: int
    items: frozenset[Item]
    frames: frozenset[Frame]

    def trained(self, item: Item) -> bool:
        return item not in self.items

    def combination(self, frame: Frame, item: Item) -> bool:
        """Is this frame never used with this item? The paper's frames always are."""
        return frame.group == 'free' and draw(self.seed, 'combination', frame.key, item.topic, item.name) % COMBINATIONS == 0

    def question(self, piece: Piece) -> bool:
        return draw(self.seed, 'question', piece.key) % QUESTIONS[piece.world] == 0

    def usable(self, piece: Piece) -> list[Frame]:
        """Frames that training may use with this piece."""
        return [f for f in frames()[piece.relation]
                if f not in self.frames and fits(f, piece) and not self.combination(f, piece.item)]

    def unseen(self, piece: Piece) -> list[Frame]:
        return [f for f in frames()[piece.relation] if f in self.frames and fits(f, piece)]

    def uncombined(self, piece: Piece) -> list[Frame]:
        return [f for f in frames()[piece.relation]
                if f not in self.frames and fits(f, piece) and self.combination(f, piece.item)]


def holdout(items: list[Item], seed: int) -> Holdout:
    must = kept()
    held = set()
    for kind in ('event', 'thing', 'fact'):
        mine = [i for i in items if i.kind == kind]
        free = sorted((i for i in mine if i.name not in must), key=lambda i: draw(seed, 'item', i.topic, i.name))
        held.update(free[:round(len(mine) / ITEMS)])
    chosen = set()
    for relation, group in frames().items():
        free = [f for f in group if f.group == 'free']
        # One of each kind where there are two: frames that presuppose a will, which accidents cannot use (xNeed), and shared frames (facts),
        # which are held out with all their nouns, so that the wording is new to the relation.
        two = wills if relation == 'xNeed' else lambda f: bool(f.family)
        kinds = [k for k in ([f for f in free if two(f)], [f for f in free if not two(f)]) if k]
        for kind in kinds:
            families = list(dict.fromkeys(f.family or f.text for f in kind))
            drawn = random.Random(draw(seed, 'frame', relation)).sample(families, FRAMES // len(kinds))
            chosen.update(f for f in kind if (f.family or f.text) in drawn)
    return Holdout(seed, frozenset(held), frozenset(chosen))


def lists(items: list[Item], h: Holdout) -> dict:
    """The same, to be read and to be checked against: stored beside the model."""
    trained = [p for p in pieces(items) if h.trained(p.item)]
    return {
        'seed': h.seed,
        'frames': {r: [f.text for f in group if f in h.frames] for r, group in frames().items()},
        'events': [i.name for i in items if i in h.items and i.kind == 'event'],
        'things': [i.name for i in items if i in h.items and i.kind == 'thing'],
        'facts': [[i.topic, i.name] for i in items if i in h.items and i.kind == 'fact'],
        'questions': [[p.item.name, p.relation] for p in trained if h.question(p)],
        'combinations': sum(len(h.uncombined(p)) for p in trained),
        'names': [n for group in read('names.toml')['unseen'].values() for n in group],
    }
