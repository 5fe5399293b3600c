"""Prototypes of a residual network, trained on batches of many varied classes: a recipe of benchmarks."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW

from polytask.core import Learner, derive_seed, seeded
from polytask.data import ClassBatches, LabelledExamples
from polytask.meta.layers.averaged_views import AveragedViews
from polytask.meta.layers.residual import residual_encoder
from polytask.meta.metric import HeldOutPrototypes, Prototypes
from polytask.train import Validation, faster_precision, train

__all__ = ["Trained", "encoded", "trained_encoder"]

RATE = 2e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """An encoder, and how it was trained.

    Args:
        encoder: From images to unit features, in evaluation the mean over nine views.
        best_step: Whose weights it has.
        minutes: Of one core, for the training.
        precision: In which it was trained.
    """

    encoder: nn.Module
    best_step: int
    minutes: float
    precision: str

    @property
    def figures(self) -> dict[str, Any]:
        """What is written of the training."""
        return {
            "best_step": self.best_step,
            "minutes of one core": round(self.minutes, 1),
            "precision": self.precision,
        }


def trained_encoder(
    examples: LabelledExamples,
    *,
    seed: int,
    n_steps: int,
    width: int = 32,
    score: Callable[[nn.Module], float] | None = None,
) -> Trained:
    """Train an encoder of drawings.

    Args:
        examples: Of known classes, none the same as another one turned or mirrored.
        seed: Decides weights and steps.
        n_steps: Of training.
        width: Channels of the first convolution.
        score: Judges the encoder four times on the way, and the best weights are kept; else the last are.
    """
    with seeded(seed, "initialization"):
        network = residual_encoder(width=width)
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - no stub knows it
        encoder = AveragedViews(network)
        learner = HeldOutPrototypes(Prototypes(encoder, distance="cosine", scale=16.0))
    precision = faster_precision(network, torch.rand(128, 1, 28, 28))

    def validate(_: Learner) -> Validation:
        found = 0.0 if score is None else score(encoder)
        return Validation(score=found, metrics={"accuracy": found})

    start = time.process_time()
    done = train(
        learner,
        ClassBatches(examples, seed=derive_seed(seed, "training")),
        n_steps=n_steps,
        optimizer=lambda parameters: AdamW(parameters, lr=RATE, weight_decay=0.02),
        schedule=lambda step: _rate(step / n_steps),
        validate=None if score is None else validate,
        validate_every=max(1, n_steps // 4),
        precision=precision,
        seed=derive_seed(seed, "training"),
    )
    minutes = (time.process_time() - start) / 60
    best_step = n_steps if score is None else done.best_step
    return Trained(encoder=encoder.eval(), best_step=best_step, minutes=minutes, precision=precision)


@torch.no_grad()
def encoded(encoder: nn.Module, examples: LabelledExamples) -> LabelledExamples:
    """Replace each drawing by its vector: as none depends on the others, episodes need it once."""
    encoder.eval()
    parts: Sequence[torch.Tensor] = (examples.inputs.float() / 255).split(256)
    return replace(examples, inputs=torch.cat([encoder(part) for part in parts]), images=None)


def _rate(done: float) -> float:
    """Return the factor on the learning rate when this part of the training is done."""
    return min(1.0, 20 * done + 0.01) * (1 + math.cos(math.pi * done)) / 2
