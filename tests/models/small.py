"""A small network that reads rows, in a bundle, and a small plan of an ensemble."""

from pathlib import Path

import torch

import polytask
from polytask.models.bundle import Bundle, load_bundle
from polytask.models.stack_plan import StackPlan, Stage

PLAN = StackPlan(
    n_networks=3,
    width=5,
    depth=2,
    n_bins=(2, 0, 3),
    stages=(Stage(step=4, targets=("m",)), Stage(step=9, targets=("y", "k"))),
)


def reader_bundle(folder: Path) -> Bundle:
    """Return the bundle of a network that knows two rows of a task; it lies in the folder."""

    def prior(generator):
        x = torch.rand(5, 1, generator=generator)
        return x, x[:, 0] + torch.randn(5, generator=generator)

    model = polytask.learn(prior, steps=1, width=8, progress=False).adapt([[0.1], [0.7]], [1.0, 2.0])
    model.save(folder)
    return load_bundle(folder)
