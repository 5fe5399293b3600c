"""What torch says of a learner whose episodes cannot be run at once, in words that help."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from polytask.core import Episode, EpisodicLearner, PolytaskError, TrainingError
from polytask.core.buffers import kept_buffers
from polytask.core.errors import first_line
from polytask.core.learner import run_loop
from polytask.core.torch_internals import AnyBatchNorm

__all__ = ["explained"]


@contextmanager
def explained(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Iterator[None]:
    """Say of an error inside the block why it is, and what to do, where the plain loop has none.

    Args:
        learner: What is run.
        episodes: Of one form; the first is run in the loop once something failed.

    Raises:
        TrainingError: torch cannot run these episodes at once, but can one after the other.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, PolytaskError | torch.OutOfMemoryError) or not _loops(learner, episodes):
            raise
        raise TrainingError(
            f"torch cannot run several episodes of {type(learner).__name__} at once: "
            f'{first_line(error).rstrip(".")}. Use `execution="loop"`{_instead(learner)}.'
        ) from error


def _loops(learner: EpisodicLearner, episodes: Sequence[Episode]) -> bool:
    """Try the plain loop on one episode, gradient included."""
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    try:
        with kept_buffers(learner), torch.random.fork_rng():
            value = run_loop(learner, [episodes[0]])
            if parameters and torch.is_grad_enabled():
                torch.autograd.grad(value.sum(), parameters, allow_unused=True)
    except RuntimeError:
        return False
    return True


def _instead(learner: EpisodicLearner) -> str:
    """Name the layers that are known for it, and what does instead."""
    modules = dict(learner.named_modules())
    norms = [
        name
        for name, module in modules.items()
        if isinstance(module, AnyBatchNorm) and module.training and module.running_mean is not None
    ]
    recurrent = [name for name, module in modules.items() if isinstance(module, nn.RNNBase)]
    if recurrent:
        return f", or a cell such as `nn.GRUCell`, step by step, in place of {_named(recurrent)}"
    if norms:
        return (
            ", or a layer without running statistics (`track_running_stats=False`, or `nn.GroupNorm`) in "
            f"place of {_named(norms)}"
        )
    return ""


def _named(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
