"""Just enough English: verb forms of a phrase's first word, capitals, and who is spoken of."""
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEXICON = Path(__file__).parent.parent / 'lexicon'
VOWELS = 'aeiou'


def read(name: str) -> dict:
    return tomllib.loads((LEXICON / name).read_text(encoding='utf-8'))


@cache
def verbs() -> tuple[frozenset[str], dict[str, list[str]]]:
    table = read('verbs.toml')
    return frozenset(table['doubling']), table['irregular']


def stem(verb: str) -> str:
    """What -ed and -ing are glued to."""
    head, dash, last = verb.rpartition('-')                   # jump-start inflects its last part
    doubling, _ = verbs()
    if last in doubling: last += last[-1]
    return head + dash + last


def does(verb: str) -> str:
    special = {'be': 'is', 'have': 'has', 'do': 'does', 'go': 'goes'}
    if verb in special: return special[verb]
    if verb.endswith(('s', 'x', 'z', 'ch', 'sh')): return verb + 'es'
    if verb.endswith('y') and verb[-2] not in VOWELS: return verb[:-1] + 'ies'
    return verb + 's'


def did(verb: str, participle: bool = False) -> str:
    _, irregular = verbs()
    if verb in irregular: return irregular[verb][participle]
    if verb.endswith('e'): return verb + 'd'
    if verb.endswith('y') and verb[-2] not in VOWELS: return verb[:-1] + 'ied'
    return stem(verb) + 'ed'


def doing(verb: str) -> str:
    if verb == 'be': return 'being'
    if verb.endswith('ie'): return verb[:-2] + 'ying'
    if verb.endswith('e') and not verb.endswith(('ee', 'oe', 'ye')): return verb[:-1] + 'ing'
    return stem(verb) + 'ing'


FORMS = {
    'do': lambda v: v, 'does': does, 'did': did, 'done': lambda v: did(v, participle=True), 'doing': doing,
}


@cache
def inflect(phrase: str, form: str) -> str:
    """'open the smart lock', 'doing' -> 'opening the smart lock'. The verb is the phrase's first word; 'and' starts no second one."""
    verb, space, rest = phrase.partition(' ')
    return FORMS[form](verb) + space + rest


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Cast:
    """Who plays PersonX, PersonY and a bystander. `he` is empty for PersonX, who has no pronoun but the name."""
    x: str = 'PersonX'
    y: str = 'PersonY'
    z: str = 'PersonZ'
    he: str = ''

    def names(self, text: str) -> str:
        return text.replace('PersonX', self.x).replace('PersonY', self.y)

    def slots(self) -> dict[str, str]:
        he = self.he or self.x
        return {'X': self.x, 'Y': self.y, 'Z': self.z, 'he': he, 'He': capital(he), 'him': {'she': 'her', 'he': 'him'}.get(he, he)}
