"""Makes the shipped model again, from the lexicon to the card.

    python tools/make_model.py --seed 0 --out public/models/hearth

What happens, in this order (README.md says more):
  world      read the lexicon; hold out what training must not see           -> held-out.json
  text       write the training documents
  tokenizer  fit the vocabulary                                              -> tokenizer.json
  rows       documents to rows of 128 ids, kept in the work folder
  train      with a checkpoint every hundred steps: the same command goes on -> model.safetensors
  evaluate   with the rounded weights, on unseen lists; prints the figures
  companions corpus, held-out sentences, self-check, samples, examples, what is asked to locate answers
                                                                             -> corpus.txt ... , test/data/edits.json
  card       figures, training summary, sizes                                -> card.json, README.md

`--evaluate` leaves tokenizer and weights alone and does the rest."""
import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from hearth import card, companions, edits, evaluate, holdout, located, model, rows, tokens, train
from hearth.holdout import Holdout, draw
from hearth.text import Doc, Writer, joined
from hearth.world import Item, world

# glibc gives large blocks back to the system after every step and takes them again: with that, a third of the time is page faults.
KEEP_MEMORY = {'MALLOC_MMAP_THRESHOLD_': str(2**33), 'MALLOC_TRIM_THRESHOLD_': str(2**33), 'MALLOC_TOP_PAD_': str(2**28)}

ROOT = Path(__file__).parent.parent
VOCABULARY_SAMPLE = 40_000               # documents the tokenizer is fitted on


def tell(line: str) -> None:
    print(time.strftime('%H:%M:%S'), line, flush=True)


def documents(items: list[Item], held: Holdout, seed: int, plan: train.Plan) -> list[list[Doc]]:
    """Those of each phase."""
    writer = Writer(items, held, draw(seed, 'text'))
    return [[d for _ in range(phase.rounds) for d in writer.round()] for phase in plan.phases]


def make_rows(docs: list[Doc], tok, context: int, kept: Path) -> train.Rows:
    if not kept.exists():
        ids, weights = rows.rows(tok, docs, context)
        np.savez(kept.with_name('part.npz'), ids=ids, weights=weights)
        kept.with_name('part.npz').replace(kept)
    stored = np.load(kept)
    return stored['ids'], stored['weights']


def report(figures: dict) -> None:
    for name, f in figures.items():
        if isinstance(f, str): tell(f'{name}: {f}')
        else: tell(f'{name}: ' + '; '.join(f'{w} ' + ', '.join(f'{k} {v}' for k, v in f[w].items()) for w in ('commonsense', 'fact')))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('--seed', type=int, default=0)
    ask.add_argument('--out', type=Path, default=ROOT / 'public/models/hearth')
    ask.add_argument('--edits', type=Path, default=ROOT / 'test/data/edits.json')
    ask.add_argument('--work', type=Path, default=Path(__file__).parent / '.work', help='rows, checkpoints and log; may be deleted afterwards')
    ask.add_argument('--threads', type=int, default=2)
    ask.add_argument('--evaluate', action='store_true', help='keep tokenizer and weights, make everything else')
    o = ask.parse_args()
    torch.set_num_threads(o.threads)
    o.work.mkdir(parents=True, exist_ok=True)
    o.out.mkdir(parents=True, exist_ok=True)
    shape, plan = model.Shape(), train.Plan()

    items = world()
    held = holdout.holdout(items, o.seed)
    tell(f'world: {len(items)} items, {sum(len(i.answers) for i in items)} answers, {len(held.items)} items held out')
    phases = documents(items, held, o.seed, plan)
    docs = [d for phase in phases for d in phase]
    tell(f'text: {len(docs)} documents')

    if not o.evaluate:
        tok = tokens.train(map(joined, docs[:VOCABULARY_SAMPLE]), shape.vocabulary)
        packed = [make_rows(phase, tok, shape.context, o.work / f'rows-{i}.npz') for i, phase in enumerate(phases)]
        tell(f'rows: {" + ".join(str(len(ids)) for ids, _ in packed)} of {shape.context} tokens')
        trained, summary = train.train(packed, shape, plan, o.seed, o.work, tell)
        summary |= {'documents': len(docs), 'phases': [asdict(phase) for phase in plan.phases]}
        (o.work / 'train-log.json').write_text(json.dumps(summary, indent=1))
        tokens.save(tok, o.out, shape.context)
        model.save(trained, o.out)
    summary = json.loads((o.work / 'train-log.json').read_text())
    (o.out / 'held-out.json').write_text(json.dumps(holdout.lists(items, held), indent=1, ensure_ascii=False) + '\n', encoding='utf-8')

    reader = evaluate.Reader(model.load(o.out), tokens.load(o.out))
    figures = evaluate.evaluate(reader, items, held, Writer(items, held, draw(o.seed, 'questions')))
    figures['smart_lock'] = reader.greedy(companions.CHECK, 8)
    report(figures)

    seen = {joined(d) for d in docs}
    extra = companions.write_all(o.out, items, held, reader, seen, edits.edited_items(items, held))
    listed = edits.edit_list(reader, items, held)
    o.edits.parent.mkdir(parents=True, exist_ok=True)
    o.edits.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    (o.out / 'examples.json').write_text(json.dumps(edits.examples(listed), indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    located.write_prompts(o.out, located.prompts(reader, items, held))
    (o.work / 'failures.txt').write_text('\n'.join(evaluate.failures(reader, items, held)) + '\n', encoding='utf-8')

    brief = {k: v for k, v in summary.items() if k != 'log'} | {'log': summary['log'][4::5]}
    c = card.card(o.out, o.seed, items, held, figures, brief, extra)
    card.write(o.out, c)
    for name, passed in c['bars'].items(): tell(f'{"passed" if passed else "MISSED"}: {name}')
    tell(f'{sum(card.sizes(o.out).values())} bytes in {o.out.name}')
    sys.exit(0 if all(c['bars'].values()) else 1)


if __name__ == '__main__':
    if 'MALLOC_TRIM_THRESHOLD_' not in os.environ: os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_MEMORY)
    main()
