"""Training: rows in, weights out, with a log and a checkpoint to go on from."""
import json
import shutil
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .model import Hearth, Shape
from .optimiser import Muon
from .text import VERDICT

Rows = tuple[np.ndarray, np.ndarray]     # ids and weights [rows, context]


@dataclass(frozen=True)
class Phase:
    rounds: int                          # how often every piece of knowledge is told anew
    rate: float                          # share of the full rate at its start


@dataclass(frozen=True)
class Plan:
    # Judging is learnt while the rate falls, so it falls twice. The model is the mean of what the phases end with (stochastic weight
    # averaging, arXiv 1803.05407): better than either, the first at knowing and the second at judging.
    phases: tuple[Phase, ...] = (Phase(34, 1.0), Phase(14, 0.5))
    batch: int = 48                      # rows a step
    micro: int = 24                      # rows a pass: what fits the cache is faster
    matrix_rate: float = 0.02
    other_rate: float = 0.003
    warmup: int = 40
    cooldown: float = 0.6                # the share of a phase's steps over which the rate falls to nothing
    every: int = 100                     # steps between checkpoints


def schedule(step: int, steps: int, plan: Plan) -> float:
    return min(1.0, (step + 1) / plan.warmup, (steps - step) / (plan.cooldown * steps))


def loss_of(model: Hearth, ids: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of weighted negative log-likelihoods: of all tokens, and of verdicts. The weight of a token is that of predicting it."""
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = model.logits(model.hidden(ids[:, :-1]))
    nll = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction='none')
    weighted = nll * weights[:, 1:].flatten()
    return weighted.sum(), (weighted * (weights[:, 1:].flatten() == VERDICT)).sum().detach()


def compiled(f: Callable) -> Callable:
    """With a C++ compiler at hand the passes run in about two thirds of the time; the results differ in rounding only."""
    return torch.compile(f) if shutil.which('c++') or shutil.which('g++') else f


def batches(rows: list[Rows], plan: Plan) -> list[list[tuple[np.ndarray, np.ndarray, float]]]:
    """Of each phase, from its rows: ids, weights and scale of the rate of every step."""
    out = []
    for phase, (ids, weights) in zip(plan.phases, rows):
        steps = len(ids) // plan.batch
        mine = [slice(step * plan.batch, (step + 1) * plan.batch) for step in range(steps)]
        out.append([(ids[m], weights[m], phase.rate * schedule(step, steps, plan)) for step, m in enumerate(mine)])
    return out


def mean(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}


def save(what: object, file: Path) -> None:
    """Whole or not at all."""
    part = file.with_suffix('.part')
    torch.save(what, part)
    part.replace(file)


def train(rows: list[Rows], shape: Shape, plan: Plan, seed: int, work: Path, tell: Callable[[str], None]) -> tuple[Hearth, dict]:
    torch.manual_seed(seed)
    model = Hearth(shape)
    matrices = [(p, 3 if n.endswith('c_attn.weight') else 1) for n, p in model.named_parameters() if n.startswith('h.') and p.dim() == 2]
    muon = Muon(matrices, plan.matrix_rate)
    rest = [p for n, p in model.named_parameters() if not (n.startswith('h.') and p.dim() == 2)]
    adam = torch.optim.Adam(rest, lr=plan.other_rate, betas=(0.9, 0.95), eps=1e-10)
    phases = batches(rows, plan)
    todo = [batch for phase in phases for batch in phase]
    ends = list(accumulate(map(len, phases)))
    steps, first, log = len(todo), 0, []
    checkpoint = work / 'checkpoint.pt'
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        model.load_state_dict(kept['model']); adam.load_state_dict(kept['adam'])
        for m, k in zip(muon.state(), kept['muon']): m.copy_(k)
        first, log = kept['step'], kept['log']
        tell(f'going on from step {first}')
    loss = compiled(loss_of)
    begun = time.time() - (log[-1]['seconds'] if log else 0)
    total, judged, verdicts, count = 0.0, 0.0, 0.0, 0
    for step in range(first, steps):
        ids, weights, scale = todo[step]
        x = torch.from_numpy(ids.astype(np.int64))
        w = torch.from_numpy(weights.astype(np.float32))
        norm = float(w[:, 1:].sum())
        for part in range(0, plan.batch, plan.micro):
            all_of_it, of_verdicts = loss(model, x[part:part + plan.micro], w[part:part + plan.micro])
            (all_of_it / norm).backward()
            total += float(all_of_it.detach()) / norm
            judged += float(of_verdicts)
        verdicts += float(w[:, 1:][w[:, 1:] == VERDICT].sum())
        count += 1
        muon.step(scale)
        for g in adam.param_groups: g['lr'] = plan.other_rate * scale
        adam.step()
        model.zero_grad(set_to_none=True)
        if (step + 1) % 20 == 0 or step + 1 == steps:
            log.append({'step': step + 1, 'loss': round(total / count, 4), 'verdicts': round(judged / verdicts, 4), 'seconds': round(time.time() - begun)})
            tell(f'step {step + 1}/{steps}  loss {log[-1]["loss"]}  of verdicts {log[-1]["verdicts"]}  {log[-1]["seconds"]} s')
            total, judged, verdicts, count = 0.0, 0.0, 0.0, 0
        if (step + 1) % plan.every == 0 and step + 1 < steps:
            save({'model': model.state_dict(), 'adam': adam.state_dict(), 'muon': muon.state(), 'step': step + 1, 'log': log}, checkpoint)
        if step + 1 in ends: save(model.state_dict(), work / f'end-{ends.index(step + 1)}.pt')
    model.load_state_dict(mean([torch.load(work / f'end-{i}.pt') for i in range(len(ends))]))
    summary = {'steps': steps, 'rows_a_step': plan.batch, 'tokens': steps * plan.batch * shape.context, 'final_loss': log[-1]['loss'], 'final_verdict_loss': log[-1]['verdicts'],
               'seconds': log[-1]['seconds'], 'log': log}
    (work / 'train-log.json').write_text(json.dumps(summary, indent=1))
    return model.eval().requires_grad_(False), summary
