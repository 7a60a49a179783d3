"""Where the model holds what it knows: the prompts of the sets (locate-prompts.json), and what located.json found with them, in words."""
import hashlib
import json
import math
import random
from itertools import zip_longest
from pathlib import Path
from statistics import mean

from .edits import bare, right, template
from .english import Cast
from .evaluate import Probe, Reader
from .frames import frames, say
from .holdout import Holdout, draw
from .world import COMMONSENSE, PHYSICAL, Item, pieces

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


# --- what was found -----------------------------------------------------------------------------------------------------

GROUPS = {'events': COMMONSENSE, 'things': PHYSICAL}     # all others are facts
KINDS = {'hidden': 'hidden states', 'mlp': 'MLP', 'attn': 'attention'}
RESAMPLES = 2000

Values = dict[str, list[float]]                          # by group, one of each relation


def model_hash(folder: Path) -> str:
    """The model's fingerprint as the page takes it: of its files' fingerprints, which are those of their pieces of 8 MiB."""
    digest = lambda data: hashlib.sha256(data).hexdigest()
    def fingerprint(data: bytes) -> str:
        return digest('\n'.join(digest(data[at:at + 2**23]) for at in range(0, len(data), 2**23)).encode())
    return digest('\n'.join(f'{n} {fingerprint((folder / n).read_bytes())}' for n in ('config.json', 'tokenizer.json', 'model.safetensors')).encode())


def resampled(lists: list[list[float]], value) -> tuple[float, float, float]:
    """value(lists), and the interval that holds 95 % of what it is when each list is drawn again with replacement."""
    rng = random.Random(1)
    drawn = sorted(value([rng.choices(x, k=len(x)) for x in lists]) for _ in range(RESAMPLES))
    return value(lists), drawn[round(0.025 * RESAMPLES)], drawn[round(0.975 * RESAMPLES) - 1]


def shown(value: float, low: float, high: float) -> str:
    value, low, high = (round(x, 2) + 0.0 for x in (value, low, high))
    return f'{value:.2f} [{low:.2f}, {high:.2f}]'


def between(values: Values) -> str:
    """Commonsense less facts, with a word for what the interval allows to say."""
    found = resampled([values['events'] + values['things'], values['facts']], lambda x: mean(x[0]) - mean(x[1]))
    return f"{shown(*found)} {'more' if found[1] > 0 else 'less' if found[2] < 0 else 'not told apart'}"


def depth(line: list[float]) -> float:
    """Where a line's positive part lies on average: 0 the first layer, 1 the last."""
    weights = [max(0.0, x) for x in line]
    return sum(i * w for i, w in enumerate(weights)) / sum(weights) / (len(line) - 1)


def evenness(line: list[float]) -> float:
    """Normalised entropy of a line's positive part: 0 one layer, 1 all alike."""
    total = sum(max(0.0, x) for x in line)
    return -sum(x / total * math.log(x / total) for x in line if x > 0) / math.log(len(line))


def findings(folder: Path, verdict: str) -> str:
    """The card's section: figures, and what a person makes of them. Says so where nothing has been measured on these weights."""
    path = folder / SETS
    c = json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}
    if c.get('model', {}).get('hash') != model_hash(folder): return 'Nothing has been measured on these weights yet: `tools/locate.py` says how.'
    group = lambda relation: next((g for g, names in GROUPS.items() if relation in names), 'facts')
    by = lambda value: {g: [value(r['summary']) for r in c['relations'] if group(r['relation']) == g] for g in (*GROUPS, 'facts')}
    figure = lambda name: by(lambda s: s['figures'][name]['mean'])
    line = lambda name, value: by(lambda s: value(s['lines'][name]['mean']))
    rows: list[tuple[str, Values]] = [('probability of the answer', figure('high')), ('... with noise on the subject', figure('low'))]
    rows += [(f'spread over cells, {name}', figure(f'spread.{kind}.entropy')) for kind, name in KINDS.items()]
    rows += [(f'share of the three foremost cells, {name}', figure(f'spread.{kind}.top3')) for kind, name in KINDS.items()]
    rows += [(f'evenness over layers, {KINDS[kind]}', line(f'effect.{kind}', evenness)) for kind in ('mlp', 'attn')]
    rows += [(f'depth of the effect, {KINDS[kind]}', line(f'effect.{kind}', depth)) for kind in ('mlp', 'attn')]
    table = ''.join(f"| {name} | {' | '.join(shown(*resampled([values[g]], lambda x: mean(x[0]))) for g in values)} | {between(values)} |\n" for name, values in rows)
    layers = len(c['kinds']['fact']['lines']['effect.mlp']['mean'])
    lines = [(f'{what}, {KINDS[kind]}', f'{key}.{kind}') for what, key in (('effect', 'effect'), ('overlap', 'overlap.lens')) for kind in ('mlp', 'attn')]
    side = lambda name, world: ' | '.join(f'{m:.2f} ± {b:.2f}' for m, b in zip(*(c['kinds'][world]['lines'][name][x] for x in ('mean', 'band'))))
    by_layer = ''.join(f'| {title} | {world} | {side(name, world)} |\n' for title, name in lines for world in ('commonsense', 'fact'))
    spread = sorted((r['summary']['figures']['spread.mlp.entropy']['mean'], r['relation']) for r in c['relations'])
    ends = lambda some: ', '.join(f'{name} {value:.2f}' for value, name in some)
    s, n = c['settings'], {world: c['kinds'][world]['n'] for world in ('commonsense', 'fact')}
    return f'''Causal tracing and recall of {n['commonsense']} prompts of commonsense (9 relations about events, 6 about things) and {n['fact']} about facts (13 relations), up to
{max(r['summary']['n'] for r in c['relations'])} of a relation, all in the paper's words and answered exactly by the model. Noise of three standard deviations on the whole subject, {s['draws']} draws; modules restored in windows
of {s['window']} of the {layers} layers. Means over relations, in brackets the 95 % bootstrap interval of drawing relations again. All figures, with those of each relation: `{SETS}`, made on
{c['computedAt'][:10]} by `{c['command']}`.

| | events | things | facts | commonsense less facts |
|---|---|---|---|---|
{table}
Spread is the normalised entropy of the indirect effects of all cells (token x layer): 0 is one cell, 1 all alike. Evenness is the same of a relation's mean effect by layer; depth is
where that lies, 0 the first layer, 1 the last. By relation the spread of the MLP goes from {ends(spread[:3])} to {ends(spread[-3:])}.

By layer: *effect*, mean indirect effect of a layer's cells; *overlap*, how many of the 50 likeliest words a module's input and output share at the prompt's last token (low: it changes
much). Means over prompts with their 95 % band.

| | | {' | '.join(f'L{i}' for i in range(layers))} |
|---|---|{'---|' * layers}
{by_layer}
{verdict}'''
