"""Sentence frames: how a piece of knowledge is said. A said piece is a query and its answer; `query + ' ' + answer + '.'` is a sentence."""
import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .english import Cast, capital, inflect, read
from .world import Piece

Group = Literal['paper', 'free', 'ask']


@dataclass(frozen=True)
class Frame:
    relation: str
    group: Group
    number: int
    text: str                            # with the bar; of an `ask` frame the answer's half
    question: str = ''                   # of an `ask` frame
    family: str = ''                     # of a shared frame, its text before the noun is put in

    @property
    def key(self) -> str:
        return f'{self.relation}/{self.group}{self.number}'


@dataclass(frozen=True)
class Said:
    """A query and what completes it; `question` is what was asked before, if anything was."""
    query: str
    answer: str
    question: str = ''

    @property
    def sentence(self) -> str:
        return f'{self.query} {self.answer}.'


@cache
def frames() -> dict[str, list[Frame]]:
    tables, out = read('frames.toml'), {}
    shared = tables.pop('shared')['free']
    for relation, table in tables.items():
        free = {t: '' for t in table['free']} | {t.replace('{noun}', noun): t for noun in table.get('nouns', []) for t in shared}
        out[relation] = [Frame(relation, 'paper', i, t) for i, t in enumerate(table['paper'])]
        out[relation] += [Frame(relation, 'free', i, t, '', family) for i, (t, family) in enumerate(free.items()) if t not in table['paper']]
        out[relation] += [Frame(relation, 'ask', i, a, q) for i, (q, a) in enumerate(table['ask'])]
    return out


def wills(frame: Frame) -> bool:
    """Does the frame presuppose a will ('to open the door', 'wants to open the door')?"""
    return frame.relation == 'xNeed' and '{do}' in frame.text + frame.question


def fits(frame: Frame, piece: Piece) -> bool:
    """Nobody wants to have an accident: frames of a will are for events with an intent."""
    return not wills(frame) or piece.item.has('xIntent')


def others(piece: Piece, cast: Cast) -> dict[str, str]:
    """Who {O} is, and the verbs that agree: PersonY where the event names one, else 'others'."""
    one = piece.item.social
    feel, want, are, do = ('feels', 'wants', 'is', 'does') if one else ('feel', 'want', 'are', 'do')
    return {'O': cast.y if one else 'others', 'feel': feel, 'want': want, 'are': are, 'do_they': do}


SLOT = re.compile(r'\{(\w+)\}')


def fill(text: str, slots: dict[str, str]) -> str:
    """Puts the slots in; a slot that opens a sentence starts with a capital, and 'PersonX' after a colon stays as it is."""
    filled = SLOT.sub(lambda m: slots[m.group(1)], text)
    return re.sub(r'(?:^|(?<=[.?!] ))([a-z])', lambda m: m.group(1).upper(), filled)


def say(frame: Frame, piece: Piece, cast: Cast, answer: str | None = None) -> Said:
    """`answer` replaces the true one where a lie is wanted."""
    item = piece.item
    slots = {**cast.slots(), **others(piece, cast), 'thing': item.name, 's': item.name}
    if item.kind == 'event':
        for form in ('do', 'does', 'did', 'done', 'doing'):
            slots[form] = cast.names(inflect(item.name, form))
            slots[capital(form)] = capital(slots[form])
    slots['answer'] = cast.names(piece.answer if answer is None else answer)
    query, tail = fill(frame.text, slots).split(' | ')
    return Said(query, tail, fill(frame.question, slots) if frame.question else '')
