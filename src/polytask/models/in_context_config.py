"""How a network is built that answers rows of a task by reading its known ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import EpisodicLearner, InputError, Task
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.meta.metric import TunedLogistic
from polytask.meta.model import CANP, CNP, NP, TNPD, ConvCNP, GaussianLearner, PriorFitted
from polytask.meta.model.gaussian import Gaussian
from polytask.meta.model.in_context_targets import Bars
from polytask.models.predictive import BarPredictive, GaussianPredictive, Predictive
from polytask.models.saved_settings import SavedSettings

__all__ = [
    "IN_CONTEXT_LEARNERS",
    "MOST_CLASSES",
    "OF_CLASSES",
    "OF_NUMBERS",
    "OF_ONE_INPUT",
    "OF_ONE_NUMBER",
    "OF_OWN_CLASSES",
    "PLACELESS",
    "WITHOUT_WIDTH",
    "InContextConfig",
    "build_in_context",
    "check_used",
    "numbers_of",
    "tensors_of",
]

MOST_CLASSES = 10
"""Of a task, if nobody states another number."""
OF_CLASSES = ("pfn",)
"""The learners that answer with classes that mean the same in every task."""
OF_OWN_CLASSES = ("logistic", "pfn")
"""The learners that answer with classes that are a task's own, the simplest first."""
OF_NUMBERS = ("cnp", "np", "anp", "convcnp", "tnp", "pfn")
"""The learners that answer with distributions of numbers."""
OF_ONE_NUMBER = ("pfn",)
"""The learners whose distribution is of one number."""
OF_ONE_INPUT = ("convcnp",)
"""The learners that take one feature."""
PLACELESS = ("logistic",)
"""The learners whose answers do not hang on which class has which place."""
WITHOUT_WIDTH = ("logistic",)
"""The learners that have no layers."""

_MOST = {
    "n_inputs": 100_000, "width": 4096, "n_layers": 100, "n_bars": 100_000, "n_outputs": 1000,
    "n_classes": 100,
}  # fmt: skip
_LEAST = {"n_bars": 0, "n_classes": 0}
_FEWEST_BARS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class InContextConfig(SavedSettings):
    """What a network is built of; plain JSON.

    Args:
        learner: One of `IN_CONTEXT_LEARNERS`.
        n_inputs: Features of a row.
        width: Of all layers, if there are any; a multiple of 4.
        n_layers: Of a transformer; depth of the networks of the others.
        n_bars: Of the histogram with which a prior-fitted network answers a number; 0 for the others.
        n_outputs: Numbers that are answered together; 1 for classes.
        n_classes: The most classes of a task; 0 for numbers.
        own_classes: Whether each task has classes of its own, whose names mean nothing to other tasks.

    Raises:
        InputError: A setting is out of range.
    """

    learner: str
    n_inputs: int
    width: int = 64
    n_layers: int = 3
    n_bars: int = 0
    n_outputs: int = 1
    n_classes: int = 0
    own_classes: bool = False

    def __post_init__(self) -> None:
        check = SettingsCheck()
        check.choice("learner", self.learner, IN_CONTEXT_LEARNERS)
        for name, most in _MOST.items():
            value = check.whole(name, getattr(self, name), least=_LEAST.get(name, 1))
            if isinstance(value, int) and value > most:
                check.problems.append(f"`{name}` must be at most {most}, got {value}")
        if not check.problems and self.width % 4:
            check.problems.append(f"`width` must be a multiple of 4, for four heads; got {self.width}")
        with_bars = self.learner == "pfn" and not self.n_classes
        if not check.problems and (self.n_bars >= _FEWEST_BARS) != with_bars:
            check.problems.append(
                f"a 'pfn' of a number has {_FEWEST_BARS} bars or more, and others have none; got "
                f"{self.n_bars}"
            )
        if not check.problems:
            check.problems += self._misfits()
        check.done()

    def _misfits(self) -> list[str]:
        """Tell what the learner does not answer."""
        found = []
        of_classes = OF_OWN_CLASSES if self.own_classes else OF_CLASSES
        if not self.n_classes and self.learner not in OF_NUMBERS:
            found.append(f"{self.learner!r} answers classes, got no number of them")
        if self.n_classes == 1 or (self.n_classes and self.learner not in of_classes):
            found.append(
                f"classes take {' or '.join(of_classes)} and 2 or more of them, got {self.learner!r} and "
                f"{counted(self.n_classes, 'class', 'classes')}"
            )
        if self.n_outputs > 1 and (self.n_classes or self.learner in OF_ONE_NUMBER):
            found.append(f"{self.learner!r} answers one target, got {self.n_outputs}")
        if self.n_inputs > 1 and self.learner in OF_ONE_INPUT:
            found.append(f"{self.learner!r} takes one feature, got {self.n_inputs}")
        if self.own_classes and not self.n_classes:
            found.append("`own_classes` is for classes")
        return found

    @property
    def question(self) -> Task:
        """What the network is asked, whatever the columns are called."""
        if self.n_classes:
            return Task(name="y", kind="multiclass", n_outputs=self.n_classes)
        return Task(name="y", kind="regression", n_outputs=self.n_outputs)


def _cnp(config: InContextConfig) -> EpisodicLearner:
    return CNP(
        config.n_inputs,
        config.n_outputs,
        width=config.width,
        encoder_depth=config.n_layers,
        min_std=_LEAST_STD,
    )


def _np(config: InContextConfig) -> EpisodicLearner:
    width, depth = config.width, config.n_layers
    return NP(
        config.n_inputs,
        config.n_outputs,
        width=width,
        n_latent=width,
        encoder_depth=depth,
        min_std=_LEAST_STD,
    )


def _anp(config: InContextConfig) -> EpisodicLearner:
    width, depth = config.width, config.n_layers
    return CANP(
        config.n_inputs,
        config.n_outputs,
        width=width,
        encoder_depth=depth,
        n_heads=4,
        min_std=_LEAST_STD,
    )


def _tnp(config: InContextConfig) -> EpisodicLearner:
    return TNPD(
        config.n_inputs,
        config.n_outputs,
        width=config.width,
        embedder_depth=2,
        n_layers=config.n_layers,
        feedforward=2 * config.width,
        min_std=_LEAST_STD,
    )


def _convcnp(config: InContextConfig) -> EpisodicLearner:
    # A feature is standardized, so that nearly all rows lie within the grid; its layers see half a deviation.
    return ConvCNP(
        config.n_outputs,
        span=10.0,
        points_per_unit=8,
        channels=config.width,
        n_layers=config.n_layers,
        kernel_size=9,
        min_std=_LEAST_STD,
    )


def _pfn(config: InContextConfig) -> EpisodicLearner:
    if config.n_classes:
        return PriorFitted(
            nn.Linear(config.n_inputs, config.width),
            width=config.width,
            n_classes=config.n_classes,
            n_layers=config.n_layers,
        )
    # The borders come with the weights; here they only have to rise, also where the rest takes no memory.
    borders = torch.linspace(-1.0, 1.0, config.n_bars + 1, device="cpu")  # read as it is built
    encoder = nn.Linear(config.n_inputs, config.width)
    return PriorFitted(encoder, width=config.width, borders=borders, n_layers=config.n_layers)


def _logistic(config: InContextConfig) -> EpisodicLearner:
    return TunedLogistic(config.n_inputs)


_LEAST_STD = 0.02  # of an answer, in standard deviations of the training labels
IN_CONTEXT_LEARNERS: Mapping[str, Callable[[InContextConfig], EpisodicLearner]] = {
    "cnp": _cnp,
    "np": _np,
    "anp": _anp,
    "convcnp": _convcnp,
    "tnp": _tnp,
    "pfn": _pfn,
    "logistic": _logistic,
}
"""Neural processes: conditional, latent, attentive, convolutional, of a transformer; prior-fitted network;
logistic regression of the known rows."""


def check_used(check: SettingsCheck, learner: str, *, width: object, most_classes: object) -> None:
    """Report settings that were given, but that a network of rows does not use.

    Args:
        check: Where they are reported.
        learner: Which; of those that are none of `IN_CONTEXT_LEARNERS` nothing is said.
        width: What was given; None for nothing.
        most_classes: Likewise.
    """
    if width is not None and learner in WITHOUT_WIDTH:
        check.unused("width", "learner", learner, ["pfn"], that="has layers")
    of_classes = (*OF_CLASSES, *OF_OWN_CLASSES)
    if most_classes is not None and learner in IN_CONTEXT_LEARNERS and learner not in of_classes:
        check.unused("most_classes", "learner", learner, ["pfn"], that="answers classes")


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


def tensors_of(
    learner: EpisodicLearner, task: Task, state: dict[str, Tensor], inputs: Tensor
) -> tuple[Tensor, ...]:
    """Return what a network says of inputs ``[row, n_inputs]`` of one task.

    Of numbers the means and deviations ``[row, output]``, or the logits of the bars ``[row, bar]``; else the
    logits of the classes ``[row, class]``.

    Args:
        learner: The network.
        task: What it is asked.
        state: What `polytask.core.EpisodicLearner.learn` found.
        inputs: The rows.
    """
    states = {task.name: state}
    if task.kind != "regression":
        return (learner.predict(states, [task], inputs)[task.name],)
    if isinstance(learner, PriorFitted):
        return (learner.distribution(states, task, inputs).logits,)
    if isinstance(learner, GaussianLearner):
        found = learner.distribution(states, [task], inputs)[task.name]
        return found.mean, found.std
    raise InputError(f"A {type(learner).__name__} gives no distribution of numbers.")


def numbers_of(learner: EpisodicLearner, task: Task, found: tuple[Tensor, ...]) -> tuple[Predictive, ...]:
    """Return the distribution of each output of a task of numbers, as `tensors_of` found them."""
    if isinstance(learner, PriorFitted) and isinstance(learner.bars, Bars):
        return (BarPredictive(learner.bars.distribution(found[0])),)
    mean, std = found
    both = Gaussian(mean=mean, std=std)
    return tuple(GaussianPredictive(both, output) for output in range(task.n_outputs))
