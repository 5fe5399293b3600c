"""Training gradients, and validation objectives that are quadratics with a centre each."""

import torch
from torch import Tensor

from polytask.balancing import Evidence
from polytask.core import generator

NAMES = ("a", "b", "c")


N = 6


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed, "numbers"), dtype=torch.float64)


ROWS, CENTERS = numbers(3, N), numbers(3, N, seed=1)


CURVES = torch.tensor([1.0, 2.0, 0.5]).double()


def validation_losses(displacement: Tensor) -> Tensor:
    """Quadratics with a centre each, ``[objective]``."""
    return 0.5 * CURVES * (displacement - CENTERS).square().sum(1)


def held_out(displacement: Tensor) -> dict[str, Tensor]:
    return dict(zip(NAMES, CURVES[:, None] * (displacement - CENTERS), strict=True))


def seen(rows: Tensor = ROWS, names=NAMES, validation=held_out) -> Evidence:
    return Evidence(
        tuple(names), torch.linspace(0.5, 2, len(rows)).double(), lambda: rows, validation=validation
    )


LOGITS = torch.tensor([0.3, -0.4, 0.2]).double()
