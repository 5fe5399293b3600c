"""Train a network that reads known rows, on episodes of tasks or on draws of a prior."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import AdamW

from polytask.core import EpisodicLearner, Learner, derive_seed, seeded
from polytask.core.defaults import usual_defaults
from polytask.data import Source
from polytask.fitting.own_class_episodes import OwnClassEpisodes
from polytask.fitting.task_row_episodes import TaskRowEpisodes
from polytask.models.in_context_config import InContextConfig, build_in_context
from polytask.models.known_rows import KnownRows
from polytask.train import Validation, train

__all__ = ["bars_of", "network_config", "train_in_context", "trained_on_tasks"]

_FEWEST, _MOST = 8, 100  # bars
_WARM_UP = 0.05  # the share of the steps in which the rate rises
_WEIGHT_DECAY = 0.01
_BEYOND = 0.1  # of the range of the labels, at each end, in which bars are, too
_CHECKS = 10  # validations of a training


def network_config(
    learner: str,
    n_inputs: int,
    n_labels: int,
    *,
    width: int,
    n_layers: int,
    n_outputs: int = 1,
    n_classes: int = 0,
    own_classes: bool = False,
) -> InContextConfig:
    """Return how a network is built for so many labels; the rest as for `InContextConfig`."""
    with_bars = learner == "pfn" and not n_classes
    return InContextConfig(
        learner=learner,
        n_inputs=n_inputs,
        width=width,
        n_layers=n_layers,
        n_bars=min(_MOST, max(_FEWEST, round(1.5 * math.sqrt(n_labels)))) if with_bars else 0,
        n_outputs=n_outputs,
        n_classes=n_classes,
        own_classes=own_classes,
    )


def bars_of(config: InContextConfig, labels: Tensor) -> Tensor | None:
    """Place the borders of a histogram by labels; None for a network that has none.

    Halfway between bars that are equally wide and bars that hold as many labels: the former are narrow
    enough far out, the latter where most labels are.
    """
    if not config.n_bars:
        return None
    values = labels.double().sort().values
    low, high = values[0].item(), values[-1].item()
    beyond = _BEYOND * max(high - low, 1e-3)
    even = torch.linspace(low - beyond, high + beyond, config.n_bars + 1, dtype=torch.float64)
    places = torch.linspace(0, len(values) - 1, config.n_bars + 1).round().long()
    return (0.5 * even + 0.5 * values[places]).float()


def trained_on_tasks(
    config: InContextConfig,
    rows: KnownRows,
    *,
    n_steps: int,
    learning_rate: float,
    n_episodes: int,
    seed: int,
    n_planned: int | None = None,
    judge: Callable[[EpisodicLearner], float] | None = None,
    progress: bool = False,
) -> tuple[EpisodicLearner, int]:
    """Train a network on the rows of tasks.

    Args:
        config: How it is built.
        rows: Of the tasks.
        n_steps: Training steps.
        learning_rate: The highest one.
        n_episodes: Episodes of a step.
        seed: Decides weights and steps.
        n_planned: The steps after which the rate would be 0; None: ``n_steps``.
        judge: Is asked ten times for a figure, the larger the better; the weights of the best are kept.
        progress: Whether it is shown.

    Returns:
        The network, and the step of its weights.
    """
    source: Source = TaskRowEpisodes(
        rows,
        n_episodes=n_episodes,
        seed=derive_seed(seed, "episodes"),
        task=config.question,
        some_shown=config.own_classes,
    )
    if config.own_classes:
        source = OwnClassEpisodes(source, n_classes=config.n_classes, seed=derive_seed(seed, "places"))
    return train_in_context(
        config,
        source,
        borders=bars_of(config, rows.labels[:, 0]),
        n_steps=n_steps,
        learning_rate=learning_rate,
        seed=seed,
        n_planned=n_planned,
        judge=judge,
        progress=progress,
    )


def train_in_context(
    config: InContextConfig,
    source: Source,
    *,
    borders: Tensor | None,
    n_steps: int,
    learning_rate: float,
    seed: int,
    n_planned: int | None = None,
    judge: Callable[[EpisodicLearner], float] | None = None,
    progress: bool = False,
) -> tuple[EpisodicLearner, int]:
    """Train a network on the steps of a source; see `trained_on_tasks`.

    The rate rises in the first twentieth of the steps, and falls along a cosine.
    """
    with usual_defaults():
        with seeded(seed, "initialization"):
            learner = build_in_context(config, borders)

        def validate(_: Learner) -> Validation:
            figure = math.nan if judge is None else judge(learner)
            return Validation(score=figure, metrics={"log_density": figure})

        found = train(
            learner,
            source,
            n_steps=n_steps,
            optimizer=lambda parameters: AdamW(parameters, lr=learning_rate, weight_decay=_WEIGHT_DECAY),
            schedule=lambda step: _rate(step / (n_planned or n_steps)),
            max_norm=1.0,
            validate=None if judge is None else validate,
            validate_every=max(1, n_steps // _CHECKS),
            execution="forward",  # the same to the bit in every run
            seed=derive_seed(seed, "training"),
            progress=progress,
            title=config.learner,
        )
    return learner.eval(), found.best_step


def _rate(done: float) -> float:
    return min(1.0, done / _WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * done))
