"""Writes the training text: documents of a few sentences, each a list of weighted segments.

A segment's weight is its share in the loss: 1 for what is true, 0 for the wrong half of a wrong statement (it must be read, never learnt),
and more for the one word that says yes or no, because it stands alone at the end of thirty words that are easy."""
import random
import re
from dataclasses import dataclass
from typing import Iterator

from .english import Cast, inflect, read
from .frames import Frame, Said, fill, say
from .holdout import Holdout
from .world import COMMONSENSE, FORMS, PHYSICAL, Item, Piece, pieces

VERDICT = 6.0
Doc = list[tuple[str, float]]


def plain(text: str) -> Doc:
    return [(text, 1.0)]


def joined(doc: Doc) -> str:
    return ''.join(text for text, _ in doc)


# --- yes and no: how a statement is put to the judge; {s} the statement with its stop, {v} the verdict ---------------------

PAPER_TAIL = '{s} Is this sentence logical? Please answer yes or no? A:{v}'
TAILS = (PAPER_TAIL, '{s} Does this make sense? Please answer yes or no. A:{v}', 'Question: Does this make sense? {s} Answer:{v}',
         'Is this sentence logical? {s} Answer:{v}', '{s} Yes or no? A:{v}')
CHAT_TAILS = ('User: {s} Is that right? Assistant:{v}', 'User: Is this right? {s} Assistant:{v}')
QUIZ = 'Are these sentences logical? Please answer yes or no.'
VERDICTS = {True: ' yes', False: ' no'}
KINDS = ('true', 'borrowed', 'misplaced')
# Facts have twenty relations to be misplaced in and few items to learn that from, so they are misplaced more often.
SHARES = {'commonsense': (2, 1, 1), 'fact': (3, 1, 2)}
CHAT_VERDICTS = {True: ' Yes, that is right.', False: ' No, that is wrong.'}


@dataclass
class Writer:
    """All the documents about a world, minus what is held out."""
    items: list[Item]
    held: Holdout
    seed: int
    exclude: frozenset[str] = frozenset()          # names of items that must not be spoken of at all

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.trained = [i for i in self.items if self.held.trained(i) and i.name not in self.exclude]
        self.pieces = list(pieces(self.trained))
        self.by_relation: dict[str, list[Piece]] = {}
        for p in self.pieces: self.by_relation.setdefault(p.relation, []).append(p)
        self.stated: dict[Piece, list[Frame]] = {}
        self.asked: dict[Piece, list[Frame]] = {}
        self.names, self.chat, self.stories = read('names.toml')['trained'], read('chat.toml'), read('stories.toml')
        self.kin = [set(g) for g in read('kin.toml')['groups']]
        self.about: dict[str, list[Piece]] = {}    # facts by the names they mention
        for p in self.pieces:
            if p.item.kind == 'fact':
                for n in {p.item.name, p.answer}: self.about.setdefault(n, []).append(p)

    # --- who and how ---

    def cast(self, named: float = 0.45) -> Cast:
        if self.rng.random() >= named: return Cast()
        he = self.rng.choice(('she', 'he'))
        x = self.rng.choice(self.names[he])
        rest = [n for g in self.names.values() for n in g if n != x]
        y, z = self.rng.sample(rest, 2)
        return Cast(x, y, z, he)

    def statements(self, piece: Piece) -> list[Frame]:
        """Frames that training may state this in; the piece need not be true, nor even make sense."""
        if piece not in self.stated: self.stated[piece] = [f for f in self.held.usable(piece) if f.group != 'ask']
        return self.stated[piece]

    def asks(self, piece: Piece) -> list[Frame]:
        if piece not in self.asked: self.asked[piece] = [f for f in self.held.usable(piece) if f.group == 'ask']
        return self.asked[piece]

    def frame(self, piece: Piece, ask: bool = False) -> Frame:
        """Often the paper's frame, so that the model is at home in its own wording."""
        group = self.asks(piece) if ask else self.statements(piece)
        paper = [f for f in group if f.group == 'paper']
        return self.rng.choice(paper if paper and self.rng.random() < 0.3 else group)

    def opened(self, text: str) -> str:
        """Sometimes a time or an occasion stands in front."""
        if self.rng.random() >= 0.12 or not text.startswith(('PersonX ', *(n + ' ' for g in self.names.values() for n in g))): return text
        return f'{self.rng.choice(self.stories["openers"])}, {text}'

    def sentence(self, piece: Piece, cast: Cast) -> str:
        return self.opened(say(self.frame(piece), piece, cast).sentence)

    # --- documents ---

    def statement(self, piece: Piece) -> Doc:
        return plain(self.sentence(piece, self.cast()))

    def notes(self, piece: Piece) -> Doc:
        """Several statements in a row: about one item, or about nothing in common (as a random prefix before an edit is)."""
        cast, count = self.cast(), self.rng.randint(1, 3)
        mine = self.about[piece.item.name] + self.about[piece.answer] if piece.item.kind == 'fact' else [Piece(piece.item, r) for r, _ in piece.item.answers]
        if self.rng.random() < 0.5: mine = self.pieces
        rest = self.rng.sample(mine, min(count, len(mine)))
        said = [self.sentence(p, cast if p.item is piece.item else self.cast()) for p in [*rest, piece]]
        return plain(' '.join(dict.fromkeys(said)))

    def borrowed(self, piece: Piece, rng: random.Random) -> str:
        """Another item's answer to the same question, mostly about something else altogether. CKEBench's `neighborhood_prompts` lie like this."""
        pool = self.by_relation[piece.relation]
        near = [p for p in pool if p.item.topic == piece.item.topic] if rng.random() < 0.2 else pool
        for _ in range(50):
            answer = rng.choice(near).answer
            if self.apart(answer, piece.answer): return answer
            near = pool
        raise ValueError(f'cannot lie about {piece.key}: every answer is too close')

    def misplaced(self, piece: Piece, rng: random.Random) -> Piece:
        """A question about the same item that this answer cannot be the answer to. CKEBench's `generation_prompts` lie like this."""
        known = [r for r, _ in piece.item.answers] if piece.item.kind != 'fact' else [r for r in self.by_relation if r not in (*COMMONSENSE, *PHYSICAL)]
        other = [r for r in known if r != piece.relation and FORMS.get(r, r) != FORMS.get(piece.relation, piece.relation)]
        return Piece(piece.item, rng.choice(other))

    def apart(self, a: str, b: str) -> bool:
        return a != b and not any(a in g and b in g for g in self.kin)

    def charge(self, piece: Piece) -> tuple[Said, str]:
        """A statement for the judge, and what it is: true, borrowed or misplaced. What must not be asked is not asked."""
        kind = self.rng.choices(KINDS, SHARES[piece.world])[0]
        about = self.misplaced(piece, self.rng) if kind == 'misplaced' else piece
        if self.held.question(about): kind, about = 'true', piece
        answer = self.borrowed(piece, self.rng) if kind == 'borrowed' else piece.answer
        return say(self.rng.choice(self.statements(about)), about, self.cast(), answer), kind

    def verdict(self, piece: Piece) -> Doc:
        said, kind = self.charge(piece)
        talk = self.rng.random() < 0.12
        tail = self.rng.choice(CHAT_TAILS) if talk else PAPER_TAIL if self.rng.random() < 0.6 else self.rng.choice(TAILS)
        return judged(said, tail, (CHAT_VERDICTS if talk else VERDICTS)[kind == 'true'], kind)

    def quiz(self, group: list[Piece]) -> Doc:
        """Several statements with a verdict each, which teaches judging with fewer words around it."""
        doc = plain(QUIZ)
        for piece in group:
            said, kind = self.charge(piece)
            doc += judged(said, ' {s} A:{v}.', VERDICTS[kind == 'true'], kind)
        return doc

    def answered(self, piece: Piece, cast: Cast) -> tuple[str, str]:
        said = say(self.frame(piece, ask=True), piece, cast)
        return said.question, said.sentence

    def question(self, piece: Piece) -> Doc:
        q, a = self.answered(piece, self.cast())
        marks = self.rng.choice((('', ''), ('Question: ', 'Answer: '), ('Q: ', 'A: '), ('User: ', 'Assistant: ')))
        return plain(f'{marks[0]}{q} {marks[1]}{a}')

    def talk(self, piece: Piece) -> Doc:
        """A chat: perhaps a greeting, questions about one item or several, perhaps small talk, perhaps thanks."""
        rng, chat, turns = self.rng, self.chat, []
        if rng.random() < 0.35: turns.append(rng.choice(chat['greetings']))
        if rng.random() < 0.2: turns.append(rng.choice(chat['smalltalk']))
        cast = self.cast()
        more = [Piece(piece.item, r) for r, _ in piece.item.answers if r != piece.relation]
        asked = [piece, *rng.sample(more, min(len(more), rng.randint(0, 2)))] if rng.random() < 0.7 else [piece, rng.choice(self.pieces)]
        for i, p in enumerate(asked):
            q, a = self.answered(p, cast)
            if not i and rng.random() < 0.1: q = rng.choice(chat['asking']) + q
            if i and rng.random() < 0.3: q = f'{rng.choice(chat["followups"])} {q}'
            lead = rng.choice(chat['leads'])
            own = a.split(' ')[0] in ('PersonX', 'PersonY', 'I', cast.x, cast.y) or p.item.name.startswith(a.split(' ')[0])
            turns.append((q, lead + (a if not lead or lead.endswith('. ') or own else a[0].lower() + a[1:])))
        if rng.random() < 0.35: turns.append(rng.choice(chat['closings']))
        gap = '\n' if rng.random() < 0.2 else ' '
        return plain(gap.join(f'User: {q}{gap}Assistant: {a}' for q, a in turns))

    def story(self, item: Item, kind: str) -> Doc | None:
        """A skeleton that the item can fill, filled. PersonX is seldom in a story: stories are told of people with names.
        Now and then a user asks for it."""
        ready = [s for s in self.stories[kind] if fillable(s, item)]
        if not ready: return None
        cast = self.cast(named=0.8)
        skeleton = self.rng.choice([s for s in ready if cast.he or '{role}' not in s] or ready)
        role = self.rng.choice(self.stories['roles'][cast.he or 'she'])
        slots = {**cast.slots(), 'thing': item.name, 'role': role, 'scene': self.rng.choice(self.stories['scenes']), 'end': self.rng.choice(self.stories['ends'])}
        if item.kind == 'event': slots |= {form: cast.names(inflect(item.name, form)) for form in ('do', 'does', 'did', 'done', 'doing')}
        for name in re.findall(r'\{([^}]+)\}', skeleton):
            relation, _, form = name.partition('.')
            if item.has(relation):
                answer = item.answer(relation)
                slots[name.replace('.', '_')] = cast.names(inflect(answer, form) if form else answer)
        told = fill(re.sub(r'\{(\w+)\.(\w+)\}', r'{\1_\2}', skeleton), slots)
        ask = {'skeletons': 'story', 'portraits': 'about'}.get(kind)
        if ask and self.rng.random() < 0.15: return plain(f'User: {fill(self.rng.choice(self.chat[ask]), slots)} Assistant: {told}')
        return plain(told)

    # --- a round: everything once, in a new order and new words ---

    def round(self) -> Iterator[Doc]:
        rng, out = self.rng, []
        # Facts are few and have little in common, so they are told and asked about more often.
        times = lambda p, facts: facts if p.item.kind == 'fact' else 1
        for p in [p for p in self.pieces for _ in range(times(p, 2))]:
            often = 1.0 if p.item.kind != 'thing' else 0.8
            if rng.random() < 0.8 * often: out.append(self.statement(p) if rng.random() < 0.6 else self.notes(p))
            if rng.random() < 0.35 * often: out.append(self.question(p) if rng.random() < 0.5 else self.talk(p))
            if not self.held.question(p) and rng.random() < 0.8 * often: out.append(self.verdict(p))
        asked = [p for p in self.pieces if not self.held.question(p) for _ in range(times(p, 6))]
        rng.shuffle(asked)
        out += [self.quiz(asked[i:i + 4]) for i in range(0, len(asked), 4)]
        for i in self.trained:
            if i.kind == 'event':
                out += [self.story(i, 'skeletons'), self.story(i, 'skeletons')]
                if rng.random() < 0.4: out.append(self.story(i, 'customs'))
            if i.kind == 'thing': out.append(self.story(i, rng.choice(('things', 'portraits'))))
        turns = self.chat['smalltalk'] + self.chat['greetings'] + self.chat['closings']
        out += [plain(f'User: {q} Assistant: {a}') for q, a in rng.sample(turns, 10)]
        out = [d for d in out if d]
        rng.shuffle(out)
        return iter(out)


def judged(said: Said, tail: str, verdict: str, kind: str) -> Doc:
    """The statement under a judge's question. What is wrong in it has no weight: the answer, or all of it where even the question makes no sense."""
    before, after = tail.split('{s}')
    after, end = after.split('{v}')
    whole = [(before, 1.0), (said.sentence, 0.0)] if kind == 'misplaced' else [(before + said.query, 1.0), (f' {said.answer}.', float(kind == 'true'))]
    return [(t, w) for t, w in [*whole, (after, 1.0), (verdict, VERDICT), (end, 1.0)] if t]


POINTING = {'it', 'its', 'one', 'them', 'there'}      # words that need something said before them


def spoken_first(skeleton: str) -> set[str]:
    """Relations whose answers stand before the event (or the thing) is named."""
    slots = [s.partition('.')[0] for s in re.findall(r'\{([^}]+)\}', skeleton)]
    named = next((i for i, s in enumerate(slots) if s in ('do', 'does', 'did', 'done', 'doing', 'thing')), len(slots))
    return set(slots[:named])


def fillable(skeleton: str, item: Item) -> bool:
    """Has the item every answer that the skeleton asks for, a PersonY if it speaks of one, and a will if it speaks of one?"""
    slots = set(re.findall(r'\{([^}]+)\}', skeleton))
    relations = {s.partition('.')[0] for s in slots} & {*COMMONSENSE, *PHYSICAL}
    if not all(item.has(r) for r in relations): return False
    if 'do' in slots and not item.has('xIntent'): return False
    if '{Z}' in skeleton and item.social: return False               # two bystanders are one too many
    if any(POINTING & set(item.answer(r).split()) for r in spoken_first(skeleton) if item.has(r)): return False
    return ('{Y}' in skeleton) == (item.social and any(r[0] == 'o' for r in relations)) or item.kind == 'thing'
