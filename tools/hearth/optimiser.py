"""Muon for the matrices, Adam for everything else.

Muon replaces a matrix's momentum by the nearest matrix whose singular values are all about one, found by a few steps of a polynomial
iteration: no direction of the update is drowned by a few large ones, and a small model memorises in far fewer tokens than with Adam."""
import torch
from torch import Tensor, nn

# Coefficients of the quintic a x + b x^3 + c x^5. It drives singular values in (0, 1] to about one; exactness is not needed.
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonal(m: Tensor, steps: int = 5) -> Tensor:
    """[n, r, c] with r <= c: each matrix with its singular values pushed to about one."""
    x = m.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        g = x @ x.mT
        x = A * x + (B * g + C * (g @ g)) @ x
    return x.float()


class Muon:
    """Matrices of equal shape are stepped together, as one batch. `parts`: how many square blocks a fused matrix holds (q, k, v)."""

    def __init__(self, matrices: list[tuple[nn.Parameter, int]], rate: float, momentum: float = 0.95, decay: float = 0.1):
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.groups: dict[tuple[int, int], list[tuple[nn.Parameter, slice, Tensor]]] = {}
        for p, parts in matrices:
            width = p.shape[1] // parts
            for i in range(parts):
                columns = slice(i * width, (i + 1) * width)
                shape = (min(p.shape[0], width), max(p.shape[0], width))
                self.groups.setdefault(shape, []).append((p, columns, torch.zeros(p.shape[0], width)))

    @torch.no_grad()
    def step(self, scale: float) -> None:
        rate = self.rate * scale
        for group in self.groups.values():
            updates = []
            for p, columns, m in group:
                g = p.grad[:, columns]
                m.lerp_(g, 1 - self.momentum)
                u = torch.lerp(g, m, self.momentum)
                updates.append(u if u.shape[0] <= u.shape[1] else u.mT)
            for (p, columns, _), u in zip(group, orthogonal(torch.stack(updates))):
                target = p[:, columns]
                taller = max(1.0, target.shape[1] / target.shape[0]) ** 0.5      # in x out: more outputs than inputs, longer steps
                target.mul_(1 - rate * self.decay)
                target.sub_(u if u.shape == target.shape else u.mT, alpha=rate * taller)

    def state(self) -> list[Tensor]:
        return [m for group in self.groups.values() for _, _, m in group]
