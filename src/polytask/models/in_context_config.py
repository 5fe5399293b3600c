"""How a network is built that predicts a number by reading the known rows of a task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import EpisodicLearner, InputError, Task
from polytask.core.settings import SettingsCheck
from polytask.meta.model import CANP, CNP, NP, TNPD, GaussianLearner, PriorFitted
from polytask.models.predictive import BarPredictive, GaussianPredictive, Predictive
from polytask.models.saved_settings import SavedSettings

__all__ = ["IN_CONTEXT_LEARNERS", "InContextConfig", "answered", "build_in_context"]

_MOST = {"n_inputs": 100_000, "width": 4096, "n_layers": 100, "n_bars": 100_000}
_FEWEST_BARS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InContextConfig(SavedSettings):
    """What a network is built of; plain JSON.

    Args:
        learner: One of `IN_CONTEXT_LEARNERS`.
        n_inputs: Features of a row.
        width: Of all layers; a multiple of 4.
        n_layers: Of a transformer; depth of the networks of the others.
        n_bars: Of the histogram with which a prior-fitted network answers; 0 for the others.

    Raises:
        InputError: A setting is out of range.
    """

    learner: str
    n_inputs: int
    width: int = 64
    n_layers: int = 3
    n_bars: int = 0

    def __post_init__(self) -> None:
        check = SettingsCheck()
        check.choice("learner", self.learner, IN_CONTEXT_LEARNERS)
        for name, most in _MOST.items():
            value = check.whole(name, getattr(self, name), least=0 if name == "n_bars" else 1)
            if isinstance(value, int) and value > most:
                check.problems.append(f"`{name}` must be at most {most}, got {value}")
        if not check.problems and self.width % 4:
            check.problems.append(f"`width` must be a multiple of 4, for four heads; got {self.width}")
        if not check.problems and (self.n_bars >= _FEWEST_BARS) != (self.learner == "pfn"):
            check.problems.append(
                f"a 'pfn' has {_FEWEST_BARS} bars or more, and others have none; got {self.n_bars}"
            )
        check.done()


def _cnp(config: InContextConfig) -> EpisodicLearner:
    return CNP(config.n_inputs, width=config.width, encoder_depth=config.n_layers, min_std=_LEAST_STD)


def _np(config: InContextConfig) -> EpisodicLearner:
    width, depth = config.width, config.n_layers
    return NP(config.n_inputs, width=width, n_latent=width, encoder_depth=depth, min_std=_LEAST_STD)


def _anp(config: InContextConfig) -> EpisodicLearner:
    width, depth = config.width, config.n_layers
    return CANP(config.n_inputs, width=width, encoder_depth=depth, n_heads=4, min_std=_LEAST_STD)


def _tnp(config: InContextConfig) -> EpisodicLearner:
    return TNPD(
        config.n_inputs,
        width=config.width,
        embedder_depth=2,
        n_layers=config.n_layers,
        feedforward=2 * config.width,
        min_std=_LEAST_STD,
    )


def _pfn(config: InContextConfig) -> EpisodicLearner:
    # The borders come with the weights; here they only have to rise, also where the rest takes no memory.
    borders = torch.linspace(-1.0, 1.0, config.n_bars + 1, device="cpu")  # read as it is built
    encoder = nn.Linear(config.n_inputs, config.width)
    return PriorFitted(encoder, width=config.width, borders=borders, n_layers=config.n_layers)


_LEAST_STD = 0.02  # of an answer, in standard deviations of the training labels
IN_CONTEXT_LEARNERS: Mapping[str, Callable[[InContextConfig], EpisodicLearner]] = {
    "cnp": _cnp,
    "np": _np,
    "anp": _anp,
    "tnp": _tnp,
    "pfn": _pfn,
}
"""Neural processes: conditional, latent, attentive, with a transformer; and a prior-fitted network."""


def build_in_context(config: InContextConfig, borders: Tensor | None = None) -> EpisodicLearner:
    """Build an untrained network of rows ``[row, n_inputs]``.

    Args:
        config: Its settings.
        borders: Of the bars of a prior-fitted network, rising ``[n_bars + 1]``; None where they are loaded.

    Example:
        >>> type(build_in_context(InContextConfig(learner="cnp", n_inputs=2, width=8))).__name__
        'CNP'
    """
    learner = IN_CONTEXT_LEARNERS[config.learner](config)
    if borders is not None and isinstance(learner, PriorFitted) and learner.bars is not None:
        learner.bars.borders = borders.detach().clone()
    return learner


def answered(learner: EpisodicLearner, task: Task, state: dict[str, Tensor], inputs: Tensor) -> Predictive:
    """Answer inputs ``[row, n_inputs]`` of one task by what `polytask.core.EpisodicLearner.learn` found."""
    states = {task.name: state}
    if isinstance(learner, PriorFitted):
        return BarPredictive(learner.distribution(states, task, inputs))
    if isinstance(learner, GaussianLearner):
        return GaussianPredictive(learner.distribution(states, [task], inputs)[task.name])
    raise InputError(f"A {type(learner).__name__} gives no distribution of numbers.")
