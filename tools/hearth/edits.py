"""The list for edit tests: forty requests, and two hundred answers that no edit should touch. Everything said here about the model is
checked against the model: a counterfactual is kept only if the model says what it is to overrule, an untouched answer only if it is given."""
import random
from typing import Iterable

from .english import Cast, capital, read
from .evaluate import Probe, Reader, recall
from .frames import Said, frames, say
from .holdout import Holdout, draw
from .world import Item, Piece, pieces

EACH, UNTOUCHED = 20, 200


def bare(said: Said) -> tuple[str, str]:
    """(query, answer) with a leading 'to' moved into the query, where an edit's prompt has it."""
    return (said.query + ' to', said.answer[3:]) if said.answer.startswith('to ') else (said.query, said.answer)


def asked_for(items: list[Item], name: str, relation: str) -> Piece:
    return next(Piece(i, relation) for i in items if i.name == name and i.has(relation))


def paraphrases(held: Holdout, piece: Piece, query: str) -> list[str]:
    """Two ways to ask that training never used, and up to two that it used for other items or this one."""
    group = [f for f in frames()[piece.relation] if f.group != 'ask']
    unseen = held.unseen(piece)
    rest = [f for f in held.uncombined(piece) + held.usable(piece) if f in group and f not in unseen]
    rest.sort(key=lambda f: draw(held.seed, 'paraphrase', f.key, piece.key))
    said = [bare(say(f, piece, Cast()))[0] for f in unseen + rest]
    return [q for q in dict.fromkeys(said) if q != query][:4]


def template(piece: Piece) -> tuple[str, str]:
    """(prompt with one {}, subject): the paper's frame with the event's clause, the thing or the name taken out."""
    query, _ = bare(say(frames()[piece.relation][0], piece, Cast()))
    item = piece.item
    names = [capital(item.name), item.name] if item.kind != 'event' else [query.split(',')[0]]
    subject = next(n for n in names if n in query)
    return query.replace(subject, '{}', 1), subject


def right(reader: Reader, asked: Iterable[Probe]) -> list[bool]:
    return [exact for exact, _ in recall(reader, list(asked))]


def counter(reader: Reader, items: list[Item], held: Holdout) -> list[dict]:
    out = []
    for e in read('edits.toml')['counter']:
        piece = asked_for(items, e['item'], e['relation'])
        query = e['prompt'].replace('{}', e['subject'])
        if not right(reader, [Probe(query, piece.answer, piece)])[0]: continue
        out.append({'kind': 'counter', 'prompt': e['prompt'], 'subject': e['subject'], 'target': e['target'], 'known': piece.answer,
                    'paraphrases': paraphrases(held, piece, query), 'relation': e['relation']})
    return out[:EACH]


def new(reader: Reader, items: list[Item], held: Holdout) -> list[dict]:
    """Hand-written ones first, then items that the seed held out, one relation each, as different as possible."""
    keep = ('prompt', 'subject', 'target', 'paraphrases', 'relation')
    out = [{'kind': 'new', **{k: e[k] for k in keep}} for e in read('edits.toml')['new']]
    used = [e['relation'] for e in out]
    for item in sorted((i for i in items if not held.trained(i)), key=lambda i: draw(held.seed, 'new', i.topic, i.name)):
        if len(out) >= EACH: break
        relation = min((r for r, _ in item.answers), key=lambda r: (used.count(r), r))
        piece = Piece(item, relation)
        prompt, subject = template(piece)
        query = prompt.replace('{}', subject)
        if len(piece.answer.split()) > 7 or right(reader, [Probe(query, piece.answer, piece)])[0]: continue
        out.append({'kind': 'new', 'prompt': prompt, 'subject': subject, 'target': piece.answer,
                    'paraphrases': paraphrases(held, piece, query), 'relation': relation})
        used.append(relation)
    return out


def untouched(reader: Reader, items: list[Item], held: Holdout) -> list[dict]:
    """Answers on items that no edit is about, half commonsense and half facts, each given exactly by the model."""
    edited = edited_items(items, held)
    rng, out = random.Random(draw(held.seed, 'untouched')), []
    for world in ('commonsense', 'fact'):
        known = [p for p in pieces(items) if p.world == world and held.trained(p.item) and p.item.name not in edited]
        rng.shuffle(known)
        asked = [Probe(*bare(say(frames()[p.relation][0], p, Cast())), p) for p in known]
        good = [p for p, ok in zip(asked, right(reader, asked)) if ok]
        out += [{'prompt': p.query, 'answer': p.answer, 'kind': world} for p in good[:UNTOUCHED // 2]]
    return out


def edited_items(items: list[Item], held: Holdout) -> frozenset[str]:
    """Names of items that an edit may be about."""
    return frozenset({e['item'] for e in read('edits.toml')['counter']} | {i.name for i in items if not held.trained(i)})


def edit_list(reader: Reader, items: list[Item], held: Holdout) -> dict:
    against, fresh = counter(reader, items, held), new(reader, items, held)
    if len(against) < EACH or len(fresh) < EACH:
        raise ValueError(f'cannot write the edit list: {len(against)} counterfactual and {len(fresh)} new edits; add some to edits.toml')
    return {'edits': against[:1] + [e for pair in zip(fresh, against[1:]) for e in pair] + fresh[EACH - 1:], 'untouched': untouched(reader, items, held)}


def examples(listed: dict) -> list[dict]:
    """The page's gallery, in the order of the file, with the paraphrases of the edit list."""
    table = read('edits.toml')
    asked = {(e['prompt'], e['subject']): e['paraphrases'] for e in listed['edits']}
    return [{'prompt': e['prompt'], 'subject': e['subject'], 'target': e['target'], 'relation': e['relation'], 'kind': kind,
             'paraphrases': asked.get((e['prompt'], e['subject']), [])}
            for kind in ('counter', 'new') for e in table[kind] if e.get('gallery')]
