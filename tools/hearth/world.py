"""The lexicon as data: items (events, things, facts) and the pieces of knowledge they carry, one answer each."""
from collections import Counter
from dataclasses import dataclass
from typing import Iterator

from .english import LEXICON, read

COMMONSENSE = ('xIntent', 'xNeed', 'xAttr', 'xReact', 'xEffect', 'xWant', 'oReact', 'oEffect', 'oWant')
PHYSICAL = ('UsedFor', 'AtLocation', 'MadeOf', 'HasProperty', 'HinderedBy', 'HasA')
# What an answer looks like; where forms differ, one relation's answer makes no sense under the other's question. Facts have a form each.
FORMS = {'xAttr': 'adjective', 'xReact': 'adjective', 'oReact': 'adjective', 'HasProperty': 'adjective', 'UsedFor': 'purpose', 'AtLocation': 'place',
         'MadeOf': 'noun', 'HasA': 'noun', 'HinderedBy': 'noun', **dict.fromkeys(('xIntent', 'xNeed', 'xEffect', 'xWant', 'oEffect', 'oWant'), 'deed')}


@dataclass(frozen=True)
class Item:
    kind: str                            # event | thing | fact
    topic: str
    name: str                            # 'open the smart lock', 'a kettle', 'France'
    answers: tuple[tuple[str, str], ...]

    def answer(self, relation: str) -> str:
        return dict(self.answers)[relation]

    def has(self, relation: str) -> bool:
        return any(r == relation for r, _ in self.answers)

    @property
    def social(self) -> bool:
        return 'PersonY' in self.name


@dataclass(frozen=True)
class Piece:
    """One thing to know: (item, relation) -> answer."""
    item: Item
    relation: str

    @property
    def answer(self) -> str:
        return self.item.answer(self.relation)

    @property
    def key(self) -> str:
        return f'{self.item.kind}/{self.item.topic}/{self.item.name}/{self.relation}'

    @property
    def world(self) -> str:
        return 'fact' if self.item.kind == 'fact' else 'commonsense'


def events() -> list[Item]:
    files = sorted((LEXICON / 'events').glob('*.toml'))
    return [Item('event', f.stem, name, tuple(table.items())) for f in files for name, table in read(f'events/{f.name}').items()]


def things() -> list[Item]:
    return [Item('thing', 'things', name, tuple(table.items())) for name, table in read('objects.toml').items()]


def facts() -> list[Item]:
    return [Item('fact', relation, name, ((relation, answer),)) for relation, table in read('facts.toml').items() for name, answer in table.items()]


def world() -> list[Item]:
    items = [*events(), *things(), *facts()]
    check(items)
    return items


def pieces(items: list[Item]) -> Iterator[Piece]:
    return (Piece(item, relation) for item in items for relation, _ in item.answers)


def check(items: list[Item]) -> None:
    """The lexicon's own rules: known relations, no event twice, short answers, no answer that two facts share in one relation."""
    known = {'event': COMMONSENSE, 'thing': PHYSICAL}
    twice = [n for n, c in Counter((i.kind, i.topic if i.kind == 'fact' else '', i.name) for i in items).items() if c > 1]
    if twice: raise ValueError(f'cannot use the lexicon: {twice[0]} occurs twice')
    for piece in pieces(items):
        if piece.item.kind in known and piece.relation not in known[piece.item.kind]:
            raise ValueError(f'cannot use the lexicon: unknown relation in {piece.key}')
        if not 1 <= len(piece.answer.split()) <= 8:
            raise ValueError(f'cannot use the lexicon: {piece.key} has {len(piece.answer.split())} words; keep it to eight')
