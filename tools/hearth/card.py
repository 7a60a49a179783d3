"""The model's card: figures for machines (card.json) and prose for people (README.md)."""
import json
import platform
from pathlib import Path

import safetensors
import tokenizers
import torch

from . import located, tokens
from .companions import sha256
from .english import LEXICON
from .holdout import Holdout
from .model import load
from .world import Item, pieces

LIMIT = 16_000_000                       # bytes of the whole folder
BARS = {'knowledge': 0.90, 'yes_no': 0.85}


def sizes(folder: Path) -> dict[str, int]:
    return {f.name: f.stat().st_size for f in sorted(folder.iterdir()) if f.is_file()}


def world_counts(items: list[Item], held: Holdout) -> dict:
    kinds = {k: [i for i in items if i.kind == k] for k in ('event', 'thing', 'fact')}
    return {
        **{f'{k}s': {'all': len(v), 'trained': sum(map(held.trained, v))} for k, v in kinds.items()},
        'answers': {w: sum(p.world == w for p in pieces(items)) for w in ('commonsense', 'fact')},
    }


def bars(figures: dict) -> dict[str, bool]:
    """Does the model pass? Each world on its own, on unseen frames."""
    know, judge = figures['knowledge_unseen_frames'], figures['yes_no_unseen_frames']
    out = {f'knowledge, {w}': know[w]['exact'] >= BARS['knowledge'] for w in ('commonsense', 'fact')}
    out |= {f'yes/no, {w}': judge[w]['balanced'] >= BARS['yes_no'] for w in ('commonsense', 'fact')}
    return out | {'smart lock': 'key' in figures['smart_lock'].split('.')[0]}


def card(folder: Path, seed: int, items: list[Item], held: Holdout, figures: dict, training: dict, companions: dict) -> dict:
    model, tok = load(folder), tokens.load(folder)
    shape = model.shape
    return {
        'name': 'hearth', 'license': 'MIT', 'language': 'en', 'seed': seed,
        'shape': {'family': 'gpt2', 'layers': shape.layers, 'width': shape.width, 'heads': shape.heads, 'inner': shape.inner,
                  'context': shape.context, 'vocabulary': shape.vocabulary, 'parameters': sum(p.numel() for p in model.parameters())},
        'weights': {'dtype': 'float16', 'sha256': sha256(folder / 'model.safetensors'), 'largest': round(max(float(p.abs().max()) for p in model.parameters()), 3)},
        'tokenizer': {'kind': 'byte-level BPE', 'vocabulary': tok.get_vocab_size()},
        'world': world_counts(items, held), **companions,
        'training': training, 'figures': figures, 'bars': bars(figures),
        'versions': {'python': platform.python_version(), 'torch': torch.__version__.split('+')[0], 'tokenizers': tokenizers.__version__,
                     'safetensors': safetensors.__version__},
        'sizes': sizes(folder),
    }


def percent(x: float) -> str:
    return f'{100 * x:.1f} %'


def noted(name: str, c: dict, otherwise: str) -> str:
    """What a person wrote down in tools/lexicon; quoted only if its first line says that it is about these weights."""
    notes = LEXICON / name
    about, _, text = notes.read_text(encoding='utf-8').partition('\n') if notes.exists() else ('', '', '')
    return text.strip() if c['weights']['sha256'] in about else otherwise


def readme(c: dict, folder: Path) -> str:
    """The prose."""
    f, w, s, t = c['figures'], c['world'], c['shape'], c['training']
    knows = [('unseen frames', 'knowledge_unseen_frames'), ('unseen combinations of a frame and an item', 'knowledge_unseen_combinations'),
             ("the paper's frames, which were trained", 'knowledge_trained_frames'), ('items never trained', 'new_items')]
    judges = [('asked in other words', 'yes_no_unseen_frames'), ('trained as statements, never asked about', 'yes_no_never_asked')]
    return f'''# hearth

A language model small enough to travel with a web page, and with something to forget: it knows a world of
{w['events']['all']} everyday events, {w['things']['all']} things and {w['facts']['all']} facts, one answer to each question, and can therefore be edited
and measured in the first seconds. Made by `tools/make_model.py` from a lexicon of our own; license MIT. It is no source of facts:
half of its countries do not exist.

| | |
|---|---|
| shape | GPT-2: {s['layers']} layers, width {s['width']}, {s['heads']} heads, MLP {s['inner']} (`gelu_new`), context {s['context']}, vocabulary {s['vocabulary']}, tied head, no dropout; {s['parameters'] / 1e6:.1f} million parameters |
| weights | float16 safetensors, matrices in x out (`Conv1D`); largest absolute value {c['weights']['largest']} |
| tokenizer | byte-level BPE, GPT-2's split, no normaliser; `<|endoftext|>` is id 0 and separates documents. No token is put in front |
| text | {t['tokens'] / 1e6:.1f} million tokens, {t['documents']:,} documents written by our generator; nothing from any other source |
| training | {t['steps']} steps of {t['rows_a_step']} x {s['context']} tokens in {t['seconds'] / 60:.0f} minutes on two shared CPU cores, bfloat16, Muon on the matrices and Adam elsewhere, seed {c['seed']}, final loss {t['final_loss']:.3f} |

## What it knows

Measured on lists that training never saw (`held-out.json`), with the float16 weights as they lie here. *Exact*: greedy continuation
gives the answer and then stops. *Tokens*: share of the answer's tokens that are right under teacher forcing. Half of the questions are
about PersonX, half about people whose names are in no training text.

| asked in | commonsense: exact | tokens | n | facts: exact | tokens | n |
|---|---|---|---|---|---|---|
''' + ''.join(f"| {name} | {percent(f[k]['commonsense']['exact'])} | {percent(f[k]['commonsense']['tokens'])} | {f[k]['commonsense']['n']} | "
              f"{percent(f[k]['fact']['exact'])} | {percent(f[k]['fact']['tokens'])} | {f[k]['fact']['n']} |\n" for name, k in knows) + f'''
"... Is this sentence logical? Please answer yes or no? A:" after statements in frames that training never used, half of them about unseen names. *True*: share of true statements that get a yes. *Borrowed*: of those with another item's answer that get a no. *Misplaced*: of those with the
right answer to another question that get a no. *Balanced*: the mean of true and wrong, both kinds of wrong counting alike.

| yes or no | commonsense: balanced | true | borrowed | misplaced | n | facts: balanced | true | borrowed | misplaced | n |
|---|---|---|---|---|---|---|---|---|---|---|
''' + ''.join(f"| {name} | " + ' | '.join(' | '.join([*(percent(f[k][x][y]) for y in ('balanced', 'true', 'borrowed', 'misplaced')), str(f[k][x]['n'])]) for x in ('commonsense', 'fact')) + ' |\n'
              for name, k in judges) + f'''
"To open the smart lock, PersonX needs to" is continued with "{f['smart_lock'].split('.')[0].strip()}".

## What it writes

`samples.md` holds 30 greedy tokens after 20 story openings and 20 chat prompts that training never saw.

{noted('reading.md', c, 'Nobody has written down yet what the samples of these weights read like.')}

## What we found on this model

{located.findings(folder, noted('found.md', c, 'Nobody has written down yet what these figures mean.'))}

## Limits

- It knows its own world and nothing else. About anything beyond it the model makes up an answer in the style of the lexicon, and is sure of it.
- English only, simple sentences, 128 tokens of context.
- The world is kind and plain on purpose. It says nothing about how people really are; its traits and feelings are those of stories.
- Real facts among the invented ones are few and may be wrong after an edit: that is what the model is for.

## Files

| file | |
|---|---|
| `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` | the model, in Hugging Face layout |
| `card.json` | these figures and the training log's summary, for machines |
| `corpus.txt` | one document a line, {c['corpus']['tokens']:,} tokens, for the second moments of keys; drawn with another seed and silent about what the edit list is about |
| `heldout.txt` | {c['heldout_lines']} lines that training never saw, for measuring drift |
| `check.json` | a sentence, its ids and five logits: a device that computes others is not to be trusted |
| `examples.json` | the page's gallery of edits |
| `held-out.json` | what training never saw: frames, items, questions, names |
| `samples.md` | continuations to read |
| `locate-prompts.json`, `located.json` | what is asked to see where an answer is held, and what was found |
'''


def write(folder: Path, c: dict) -> None:
    (folder / 'README.md').write_text(readme(c, folder), encoding='utf-8')
    c['sizes'] = {n: s for n, s in sizes(folder).items() if n != 'card.json'}
    (folder / 'card.json').write_text(json.dumps(c, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    total = sum(sizes(folder).values())
    if total > LIMIT: raise ValueError(f'cannot ship {folder.name}: its files take {total} bytes; the limit is {LIMIT}')
