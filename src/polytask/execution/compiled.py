"""The vmapped step of a learner, compiled once for every kind of step.

How it works. For a group of episodes the step is a pure function of tensors: the learner's parameters and
buffers, and the group's support and query, to the gradients and values that `gradients_inside` returns.

1. `make_fx` runs it once and writes down every tensor operation, after vmap and grad have been taken apart.
   What is no tensor (numbers of steps, modes, settings) is thereby fixed in the program.
2. `torch.compile` turns that graph into machine code; on a GPU it is replayed by CUDA graphs, whose results
   are overwritten by the next replay and hence copied.
3. The program is kept under a key of all that was fixed: number and form of the episodes, the parameters that
   get a gradient, `static_state` of the learner, and autocast. Another key gets another program.

So values may change freely between steps, but an operation that depends on a value cannot be traced.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from polytask.core import Episode, EpisodeStack, EpisodicLearner, TrainingError
from polytask.core.errors import first_line
from polytask.core.torch_internals import TreeForm, flattened, mapped, operations_of, unflattened
from polytask.execution.chunked import Chunked
from polytask.execution.groups import KnownGradients, as_tree, in_groups, signature
from polytask.execution.vmap import gradients_inside

__all__ = ["Compiled", "static_state"]

_Program = Callable[..., Any]
_PLAIN = (int, float, bool, str, bytes, type(None), torch.dtype, torch.device)


class Compiled:
    """Runs equally shaped episodes at once, as one program that `torch.compile` makes of the whole step.

    The step, inner loop and meta-gradient, is `polytask.execution.run_vmap`'s: it is traced once into a graph
    of tensor operations, which is compiled and kept. Another kind of step (other shapes or tasks, another
    setting of the learner or of a module in it, training or not) gets a program of its own. Compiling takes
    from seconds to a minute; torch keeps the generated code on disk for the next run.

    A learner must do the same operations whatever the values: a Python branch on a tensor's value cannot be
    traced. Plain attributes of modules may change between steps; attributes that hold other objects are
    compared by identity.

    Args:
        cuda_graphs: Whether to replay the program by CUDA graphs; None means on a GPU.
        memory_budget: The bytes that a step may take, by what the vmapped step would; None means no bound.
        n_programs: Programs kept; beyond that, those not used for longest go.

    Example:
        >>> Compiled().n_compiled
        0
    """

    def __init__(
        self, *, cuda_graphs: bool | None = None, memory_budget: int | None = None, n_programs: int = 16
    ) -> None:
        self.memory_budget = memory_budget
        self.cuda_graphs = cuda_graphs
        self.n_programs = n_programs
        self.n_compiled = 0
        self._programs: OrderedDict[tuple[Any, ...], _Program] = OrderedDict()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Compiled":
        return self  # programs hold no tensor of a learner, so that its copies can share them

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_programs": OrderedDict()}

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        return in_groups(self._run, learner, episodes)

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack
    ) -> KnownGradients | Tensor:
        others = {name: p for name, p in learner.named_parameters() if name not in parameters}
        constants = {**others, **dict(learner.named_buffers())}
        tensors = (parameters, constants, as_tree(group.support), as_tree(group.query))
        leaves, structure = flattened(tensors)
        key = (len(group), signature(group), tuple(parameters), static_state(learner), _ambient())
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, on what it compiles
            if key not in self._programs:
                self._check_memory(learner, parameters, group)
                self._programs[key] = self._compile(learner, group, leaves, structure)
                if len(self._programs) > self.n_programs:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
            result = self._programs[key](*leaves)
        # The next replay would overwrite it.
        return mapped(torch.clone, result) if self._replays(leaves) else result

    def _check_memory(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack
    ) -> None:
        if self.memory_budget is None:
            return
        n_fitting = Chunked(memory_budget=self.memory_budget).fitting(learner, parameters, group)
        if n_fitting < len(group):
            raise TrainingError(
                f"{len(group)} episodes at once would take more than the allowed "
                f"{self.memory_budget / 2**20:.0f} MiB: {n_fitting} fit. "
                "Raise `memory_budget`, or take fewer episodes a step."
            )

    def _compile(
        self, learner: EpisodicLearner, group: EpisodeStack, leaves: list[Tensor], structure: TreeForm
    ) -> _Program:
        def step(*leaves: Tensor) -> KnownGradients | Tensor:
            return gradients_inside(learner, group.tasks, *unflattened(leaves, structure))

        mode = "reduce-overhead" if self._replays(leaves) else None
        try:
            with torch.random.fork_rng():  # of the GPUs as well
                traced = operations_of(step, *leaves)
                program = torch.compile(traced, fullgraph=True, dynamic=False, mode=mode)
                program(*leaves)
        except Exception as error:
            raise TrainingError(
                f"The step of {type(learner).__name__} could not be compiled: {first_line(error)} Use "
                '`execution="vmap"` or "loop"; compiling needs a C++ compiler, and a learner whose '
                "operations do not depend on values."
            ) from error
        self.n_compiled += 1
        return program

    def _replays(self, leaves: Sequence[Tensor]) -> bool:
        on_gpu = any(leaf.is_cuda for leaf in leaves)
        return on_gpu if self.cuda_graphs is None else self.cuda_graphs and on_gpu


def static_state(module: nn.Module) -> tuple[Any, ...]:
    """Describe everything of a module that a traced program takes for fixed.

    That is the type, mode and plain attributes of every submodule, the identity of its other attributes, and
    the form of every parameter and buffer.

    Example:
        >>> net = nn.Dropout(0.5)
        >>> before = static_state(net)
        >>> net.p = 0.1
        >>> static_state(net) == before
        False
    """
    state: list[Any] = []
    for name, part in module.named_modules():
        attributes = [
            (key, value if isinstance(value, _PLAIN) else _identity(value))
            for key, value in vars(part).items()
            if key not in _INTERNAL
        ]
        state.append((name, type(part), tuple(attributes)))
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        state.append((name, tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad))
    return tuple(state)


_INTERNAL = frozenset(vars(nn.Module())) - {"training"}


def _identity(value: object) -> Any:
    if isinstance(value, tuple | list) and all(isinstance(item, _PLAIN) for item in value):
        return tuple(value)
    return _Same(value)


class _Same:
    """Equal to itself alone; holds the object, so that its place in memory is not used again."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _ambient() -> tuple[Any, ...]:
    """Describe the settings outside the learner that change what it computes."""
    devices = ("cpu", "cuda")
    return tuple((torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in devices)
