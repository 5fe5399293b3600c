"""The processes that train one learner together, and what they tell each other."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn

from polytask.core import InputError, TrainingError

__all__ = ["OneProcess", "Processes", "check_not_distributed"]

_WRAPPERS = {
    "DistributedDataParallel": "averages the gradients of all processes by itself",
    "FullyShardedDataParallel": "keeps a shard of every parameter in each process",
    "FSDPModule": "keeps a shard of every parameter in each process",
}


def check_not_distributed(module: nn.Module) -> None:
    """Refuse a module whose gradients torch joins by itself, as it goes backward.

    Weights from gradients need the gradient of each task, whole and not yet averaged: what a wrapper has
    joined would be joined twice, and a shard has no inner product with another one.

    Raises:
        InputError: It, or a part of it, is wrapped or sharded.
    """
    for name, part in module.named_modules():
        for wrapper in {base.__name__ for base in type(part).__mro__ if base.__module__.startswith("torch.")}:
            if wrapper in _WRAPPERS:
                raise InputError(
                    f"`{name}` is wrapped in torch's {wrapper}, which {_WRAPPERS[wrapper]}; a balanced step "
                    "joins the gradients of the tasks itself. Give the module without it: with "
                    "`train(..., devices=...)`, or `BalancedBackward` in a process of `torch.distributed`, "
                    "the processes share every step. What does not fit into memory is cut by `accumulate`."
                )
    for name, parameter in module.named_parameters():
        if hasattr(parameter, "device_mesh"):
            raise InputError(
                f"The parameter `{name}` is a {type(parameter).__name__}, spread over several devices; a "
                "balanced step needs the whole gradient of each task. Give the module as it was before it "
                "was sharded."
            )


class Processes:
    """The processes of this run: those of `torch.distributed` where it is initialized, else this one alone.

    Example:
        >>> Processes().size, Processes().sum(torch.ones(2))
        (1, tensor([1., 1.]))
    """

    def __init__(self) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        self.size = distributed.get_world_size() if together else 1
        self.rank = distributed.get_rank() if together else 0

    @property
    def single(self) -> bool:
        """Whether this is the only process."""
        return self.size == 1

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the processes; every process must call, with the same shape.

        Raises:
            TrainingError: Another process is gone.
        """
        if self.single:
            return tensor
        summed = tensor.detach().clone(memory_format=torch.contiguous_format)
        try:
            distributed.all_reduce(summed)
        except RuntimeError as error:
            raise self._lost(error) from error
        return summed

    def gather(self, value: Any) -> list[Any]:
        """Return the plain values of all processes, by rank.

        Raises:
            TrainingError: Another process is gone.
        """
        if self.single:
            return [value]
        values: list[Any] = [None] * self.size
        try:
            distributed.all_gather_object(values, value)
        except RuntimeError as error:
            raise self._lost(error) from error
        return values

    @contextlib.contextmanager
    def summed_gradients(self, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
        """Sum over the processes what a block adds to ``grad``; what was there before is left alone.

        A parameter that no process reached keeps ``grad`` None.
        """
        if self.single:
            yield
            return
        before = [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None
        yield
        device = parameters[0].device if parameters else torch.device("cpu")
        reached = self.sum(
            torch.tensor([float(parameter.grad is not None) for parameter in parameters], device=device)
        )
        wanted = [parameter for parameter, count in zip(parameters, reached.tolist()) if count]
        for dtype in sorted({parameter.dtype for parameter in wanted}, key=str):
            same = [parameter for parameter in wanted if parameter.dtype == dtype]
            flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in same])
            for parameter, piece in zip(same, self.sum(flat).split([p.numel() for p in same])):
                parameter.grad = piece.view_as(parameter).clone()
        for parameter, old in zip(parameters, before):
            if old is not None:
                parameter.grad = old if parameter.grad is None else old + parameter.grad

    def _lost(self, error: RuntimeError) -> TrainingError:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        return TrainingError(
            f"Process {self.rank} of {self.size} lost another one ({cause}). Look at that process's output "
            "for the cause; `train(..., directory=..., resume=True)` continues from the last checkpoint."
        )


class OneProcess(Processes):
    """This process by itself, also where there are others."""

    def __init__(self) -> None:
        self.size, self.rank = 1, 0
