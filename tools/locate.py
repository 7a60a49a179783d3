"""Where the shipped model holds what it knows, in two steps with the page's own code between them:

    python tools/locate.py --prompts
    npm run --silent headless -- locate-sets --model public/models/hearth --out public/models/hearth/located.json
    python tools/locate.py --card

The first writes locate-prompts.json, what is asked; the second measures it; the third writes the model's card again, with the findings."""
import argparse
import json
from pathlib import Path

from hearth import card, holdout, located, model, tokens
from hearth.evaluate import Reader
from hearth.world import world

ROOT = Path(__file__).parent.parent


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument('--model', type=Path, default=ROOT / 'public/models/hearth')
    step = ask.add_mutually_exclusive_group(required=True)
    step.add_argument('--prompts', action='store_true')
    step.add_argument('--card', action='store_true')
    o = ask.parse_args()
    about = json.loads((o.model / 'card.json').read_text(encoding='utf-8'))
    if o.prompts:
        items = world()
        reader = Reader(model.load(o.model), tokens.load(o.model))
        located.write_prompts(o.model, located.prompts(reader, items, holdout.holdout(items, about['seed'])))
    else: card.write(o.model, about)


if __name__ == '__main__':
    main()
