"""DEM+ once more, in float64 and for one request: the independent computation that the page's is compared with.

A delta for every selected site and emitting token (the query's last token and all target tokens but the last) is optimised jointly, then
written site by site in closed form, with the prompts' other tokens as memory. Rows are the prompt under each template, each with the target."""
import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from .evaluate import Reader
from .hooks import ATTN, MLP, Change, Site, input_hook, key_hook, run, value_hook


@dataclass(frozen=True)
class Settings:
    steps: int = 25
    rate: float = 0.0                    # absolute here; the page derives it as 0.03 |h| / sqrt(d)
    clamp: float = 1.0                   # a delta is no longer than this times the value it is added to
    kl: float = 0.0625
    ridge: float = 0.03                  # lambda = ridge x key width
    stop: float = 0.02                   # mean NLL


@dataclass(frozen=True)
class Request:
    prompt: str
    subject: str
    target: str

    @property
    def query(self) -> str:
        return self.prompt.replace('{}', self.subject)


@dataclass
class Rows:
    """Right-padded rows: the request under each template, then the KL row '{subject} is a'."""
    ids: Tensor
    starts: list[int]                    # position of the query's last token, per template
    target: list[int]
    weights: list[float]                 # for keys: the clean prompt counts as much as all prefixes together
    kl_at: int

    @property
    def emitting(self) -> range:
        return range(len(self.target))

    def places(self) -> tuple[Tensor, Tensor, Tensor]:
        """(row, position, slot) of every emitting token, and of the KL row's last token, which shares slot 0."""
        rows = [r for r, _ in enumerate(self.starts) for _ in self.emitting] + [len(self.starts)]
        positions = [s + i for s in self.starts for i in self.emitting] + [self.kl_at]
        slots = [i for _ in self.starts for i in self.emitting] + [0]
        return torch.tensor(rows), torch.tensor(positions), torch.tensor(slots)


def pad(rows: list[list[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([r + [0] * (width - len(r)) for r in rows])


def rows_of(reader: Reader, request: Request, templates: list[str]) -> Rows:
    target = reader.ids(' ' + request.target)
    queries = [reader.ids(t.replace('{}', request.query)) for t in templates]
    kl = reader.ids(f'{request.subject} is a')
    prefixed = len(templates) - 1
    return Rows(pad([q + target[:-1] for q in queries] + [kl]), [len(q) - 1 for q in queries], target,
                [0.5 if t == '{}' else 0.5 / prefixed for t in templates], len(kl) - 1)


# --- which layers -------------------------------------------------------------------------------------------------------

def cosines(reader: Reader, query: str) -> dict[str, list[float]]:
    """Between a module's input (after its norm) and its output, at the query's last token, per layer."""
    _, seen = run(reader.model, torch.tensor([reader.ids(query)]))
    layers = range(reader.model.shape.layers)
    cos = lambda s: float(torch.cosine_similarity(seen[input_hook(s)][0, -1], seen[value_hook(s)][0, -1], dim=0))
    return {m: [cos((l, m)) for l in layers] for m in (ATTN, MLP)}


def nearest_zero(cos: list[float], candidates: range, count: int) -> list[int]:
    return sorted(sorted(candidates, key=lambda l: (abs(cos[l]), l))[:count])


def sites_of(cos: dict[str, list[float]]) -> list[Site]:
    """The default preset: seven tenths of the MLP candidates (all layers but the last), three of the attention layers L/4 ... L-2."""
    layers = len(cos[MLP])
    chosen = {MLP: nearest_zero(cos[MLP], range(layers - 1), round(0.7 * (layers - 1))), ATTN: nearest_zero(cos[ATTN], range(layers // 4, layers - 1), 3)}
    return sorted((l, m) for m in (ATTN, MLP) for l in chosen[m])


# --- the target vectors -------------------------------------------------------------------------------------------------

def losses(reader: Reader, rows: Rows, delta: dict[Site, Tensor], kl_factor: float, before: Tensor | None) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """(NLL, weighted KL, log-probabilities after the KL row, captures). NLL is the mean over templates and target tokens."""
    row, position, slot = rows.places()
    hidden, seen = run(reader.model, rows.ids, Change(added={s: (row, position, d[slot]) for s, d in delta.items()}))
    logp = reader.model.logits(hidden[row, position]).log_softmax(-1)
    wanted = torch.tensor(rows.target * len(rows.starts))
    nll = -logp[:-1].gather(1, wanted[:, None]).mean()
    after = logp[-1]
    before = after.detach() if before is None else before
    return nll, kl_factor * (after.exp() * (after - before)).sum(), after, seen


def optimise(reader: Reader, rows: Rows, sites: list[Site], s: Settings) -> tuple[dict[Site, Tensor], list[dict[str, float]]]:
    """Adam on all deltas [emitting, d] together; a delta longer than its clamp is put back onto the sphere."""
    count, width = len(rows.target), reader.model.shape.width
    delta = {site: torch.zeros(count, width, dtype=torch.float64) for site in sites}
    first, second = ({site: torch.zeros_like(d) for site, d in delta.items()} for _ in range(2))
    log: list[dict[str, float]] = []
    before, cap = None, {}
    for step in range(s.steps):
        for d in delta.values(): d.requires_grad_(True)
        nll, kl, after, seen = losses(reader, rows, delta, s.kl, before)
        if before is None:
            before = after.detach()
            clean = torch.arange(count) + rows.starts[0]
            cap = {site: s.clamp * seen[value_hook(site)][0, clean].detach().norm(dim=-1, keepdim=True) for site in sites}
        log.append({'nll': float(nll.detach()), 'kl': float(kl.detach())})
        if log[-1]['nll'] < s.stop or step == s.steps - 1: break
        gradients = torch.autograd.grad(nll + kl, list(delta.values()))
        for (site, d), g in zip(list(delta.items()), gradients):
            first[site] = 0.9 * first[site] + 0.1 * g
            second[site] = 0.999 * second[site] + 0.001 * g ** 2
            unbiased = first[site] / (1 - 0.9 ** (step + 1)), second[site] / (1 - 0.999 ** (step + 1))
            moved = d.detach() - s.rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
            delta[site] = moved * (cap[site] / moved.norm(dim=-1, keepdim=True).clamp_min(1e-12)).clamp_max(1)
    return {site: d.detach() for site, d in delta.items()}, log


# --- the write ----------------------------------------------------------------------------------------------------------

@torch.no_grad()
def second_moments(reader: Reader, lines: list[str], sites: list[Site], enough: int) -> tuple[dict[Site, Tensor], int, int]:
    """C0 = E[k k^T] over every token of the first lines that hold `enough` tokens: (C0 per site, tokens, lines)."""
    moments, count = {}, 0
    for used, line in enumerate(lines):
        if count >= enough: return {s: m / count for s, m in moments.items()}, count, used
        _, seen = run(reader.model, torch.tensor([reader.ids(line)[:reader.model.shape.context]]))
        for s in sites:
            k = seen[key_hook(s)][0]
            moments[s] = moments.get(s, 0) + k.T @ k
            if s == sites[0]: count += len(k)
    raise ValueError(f'cannot take second moments: the corpus has {count} tokens; {enough} are wanted')


def factor(moment: Tensor) -> tuple[Tensor, float]:
    """Lower Cholesky factor, with the smallest ridge (a share of the mean diagonal) that makes one possible."""
    scale = moment.diagonal().mean() * torch.eye(len(moment), dtype=moment.dtype)
    for ridge in (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3):
        lower, bad = torch.linalg.cholesky_ex(moment + ridge * scale)
        if not int(bad): return lower, ridge
    raise ValueError('cannot factor C0: it is not positive definite even with a ridge; take more tokens')


@torch.no_grad()
def keys(reader: Reader, rows: Rows, site: Site, patches: dict) -> tuple[Tensor, Tensor]:
    """(K [p, emitting], averaged over templates; M [p, tokens]: keys of the prompts' other tokens)."""
    count = len(rows.starts)
    _, seen = run(reader.model, rows.ids[:count], Change(patches=patches))
    k = seen[key_hook(site)]
    mean = sum(w * k[r, s:s + len(rows.target)] for r, (w, s) in enumerate(zip(rows.weights, rows.starts)))
    return mean.T, torch.cat([k[r, :s] for r, s in enumerate(rows.starts)]).T


def solve(lower: Tensor, key: Tensor, residual: Tensor, memory: Tensor, lam: float) -> tuple[Tensor, Tensor]:
    """R K^T (lam C0 + K K^T + M M^T)^-1 as U V: with A = [M K] and S = A^T C0^-1 A, V is the last rows of (lam I + S)^-1 A^T C0^-1."""
    a = torch.cat([memory, key], 1)
    white = torch.linalg.solve_triangular(lower, a, upper=False)
    inner = lam * torch.eye(a.shape[1], dtype=a.dtype) + white.T @ white
    last = torch.linalg.solve(inner, torch.eye(a.shape[1], dtype=a.dtype)[:, -key.shape[1]:])
    return residual, torch.linalg.solve_triangular(lower.T, white @ last, upper=True).T


@torch.no_grad()
def chances(reader: Reader, request: Request, patches: dict) -> list[float]:
    """Log-probability of each target token after the clean prompt."""
    query, target = reader.ids(request.query), reader.ids(' ' + request.target)
    hidden, _ = run(reader.model, torch.tensor([query + target[:-1]]), Change(patches=patches))
    logp = reader.model.logits(hidden[0, len(query) - 1:]).log_softmax(-1)
    return [float(logp[i, t]) for i, t in enumerate(target)]


def edit(reader: Reader, request: Request, templates: list[str], corpus: list[str], enough: int) -> tuple[dict, dict[str, Tensor]]:
    """The whole edit; returns what is said in JSON and the tensors."""
    cos = cosines(reader, request.query)
    sites = sites_of(cos)
    rows = rows_of(reader, request, templates)
    _, seen = run(reader.model, torch.tensor([reader.ids(request.query)]))
    middle = reader.model.shape.layers // 2 - 1
    length = float(seen[f'blocks.{middle}.hook_resid_post'][0, -1].norm())
    settings = Settings(rate=0.03 * length / math.sqrt(reader.model.shape.width))
    delta, log = optimise(reader, rows, sites, settings)
    moments, count, used = second_moments(reader, corpus, sites, enough)
    patches: dict[Site, tuple[Tensor, Tensor]] = {}
    tensors: dict[str, Tensor] = {}
    about: dict[str, dict] = {}
    for site in sites:                                               # ascending; keys on the partly edited model
        lower, ridge = factor(moments[site])
        k, memory = keys(reader, rows, site, patches)
        lam = settings.ridge * len(k)
        u, v = solve(lower, k, delta[site].T, memory, lam)
        patches[site] = u, v
        name = value_hook(site)
        tensors |= {f'{name}/{n}': x for n, x in (('delta', delta[site]), ('K', k), ('R', delta[site].T), ('U', u), ('V', v))}
        tensors[f'{name}/C0_diagonal'] = moments[site].diagonal()
        white = torch.linalg.solve_triangular(lower, k, upper=False)
        about[name] = {'lambda': lam, 'ridge': ridge, 'C0_norm': float(moments[site].norm()), 'memory_keys': memory.shape[1], 'memory_norm': float(memory.norm()),
                       's': [float(x) for x in (white ** 2).sum(0)], 'patch_norm': float((u @ v).norm())}
    said = {
        'request': asdict(request), 'query_ids': reader.ids(request.query), 'target_ids': rows.target, 'templates': templates,
        'settings': asdict(settings), 'residual_length': {'hook': f'blocks.{middle}.hook_resid_post', 'norm': length},
        'cosines': {f'hook_{m}_out': c for m, c in cos.items()}, 'sites': [value_hook(s) for s in sites],
        'losses': log, 'corpus': {'lines': used, 'tokens': count}, 'by_site': about,
        'log_probabilities': {'before': chances(reader, request, {}), 'after': chances(reader, request, patches)},
    }
    return said, tensors
