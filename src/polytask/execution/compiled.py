"""The vmapped step of a learner, compiled once for every kind of step.

How it works. For a group of episodes the step is a pure function of tensors: the learner's parameters and
buffers, and the group's support and query, to the gradients and values that `gradients_inside` returns.

1. `make_fx` runs it once and writes down every tensor operation, after vmap and grad have been taken apart.
   What is no tensor (numbers of steps, modes, settings) is thereby fixed in the program.
2. torch's compiler turns that graph into machine code, and keeps it on disk for the next process; see
   `program_cache`. On a GPU it is replayed by CUDA graphs, whose results are overwritten by the next replay
   and hence copied.
3. The program is kept under a key of all that was fixed: number and form of the episodes, the parameters that
   get a gradient, `static_state` of the learner, and autocast. Another key gets another program.
4. Of the learner that comes step after step, `_InView` tells at a glance that all this is as it was: then
   nothing is described, and the program is called.

So values may change freely between steps, but an operation that depends on a value cannot be traced.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from polytask.core import Episode, EpisodeStack, EpisodicLearner, TrainingError
from polytask.core.batch import tensors_of
from polytask.core.errors import first_line
from polytask.core.torch_internals import (
    compiled_operations,
    flattened,
    operations_of,
    unflattened,
)
from polytask.execution.chunked import Chunked
from polytask.execution.groups import KnownGradients, as_tree, in_groups, known_gradients, signature
from polytask.execution.program_cache import made_with_kept_programs, program_folder_at_fault
from polytask.execution.static_state import StateInView, static_state
from polytask.execution.vmap import gradients_inside

__all__ = ["Compiled"]

_Program = Callable[..., Sequence[Tensor]]
"""From all tensors to the gradients ``[episode, *parameter]``, in a row, and the values ``[episode]``."""


class Compiled:
    """Runs equally shaped episodes at once, as one program that torch's compiler makes of the whole step.

    The step, inner loop and meta-gradient, is `polytask.execution.run_vmap`'s: it is traced once into a graph
    of tensor operations, which is compiled and kept. Another kind of step (other shapes or tasks, another
    setting of the learner or of a module in it, training or not) gets a program of its own. Compiling takes
    from seconds to a minute; programs are kept in the cache folder, from which another process has them in
    seconds.

    A learner must do the same operations whatever the values: a Python branch on a tensor's value cannot be
    traced. Hooks and plain attributes of modules may change between steps, in lists and mappings too; other
    objects are compared by identity, so what changes inside of one is not seen.

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
        self._view: _InView | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Compiled":
        return self  # programs hold no tensor of a learner, so that its copies can share them

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_programs": OrderedDict(), "_view": None}

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``."""
        view = self._view
        if isinstance(episodes, EpisodeStack) and view is not None and view.holds(learner):
            tensors = _tensors(episodes)
            program = view.programs.get(_form(episodes, tensors))
            if program is not None:
                return known_gradients(*self._called(program, view, tensors), view.parameters)
        return in_groups(self._run, learner, episodes)

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack
    ) -> KnownGradients | Tensor:
        view, tensors = self._view, _tensors(group)
        form = _form(group, tensors)
        if view is None or not view.holds(learner):
            view = self._view = _InView(learner, parameters)
        if form not in view.programs:
            view.programs[form] = self._program(view, group, form)
        values, gradients = self._called(view.programs[form], view, tensors)
        return (dict(zip(view.names, gradients, strict=True)), values) if gradients else values

    def _called(
        self, program: _Program, view: "_InView", tensors: Sequence[Tensor]
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the values ``[episode]``, and the gradients ``[episode, *parameter]``."""
        leaves = [*view.parameters, *view.constants, *tensors]
        with torch.no_grad():
            found = program(*leaves)
        if self._replays(leaves):  # the next replay would overwrite it
            found = [tensor.clone() for tensor in found]
        return found[-1], found[:-1]

    def _program(self, view: "_InView", group: EpisodeStack, form: tuple[Any, ...]) -> _Program:
        """Return the program of all that is fixed, compiled if there was none yet."""
        key = (form, view.names, static_state(view.learner), view.ambient)
        if key not in self._programs:
            self._check_memory(view.learner, dict(zip(view.names, view.parameters)), group)
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own, on what it compiles
                self._programs[key] = self._compile(view, group)
            if len(self._programs) > self.n_programs:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]

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

    def _compile(self, view: "_InView", group: EpisodeStack) -> _Program:
        learner, tasks = view.learner, group.tasks
        leaves, structure = flattened((view.by_name(), as_tree(group.support), as_tree(group.query)))

        def step(*leaves: Tensor) -> list[Tensor]:
            (parameters, constants), support, query = unflattened(leaves, structure)
            found = gradients_inside(learner, tasks, parameters, constants, support, query)
            return [found] if isinstance(found, Tensor) else [*found[0].values(), found[1]]

        def made() -> _Program:
            with torch.random.fork_rng():  # of the GPUs as well
                program = self._turned(operations_of(step, *leaves), leaves)
                program(*leaves)
            return program

        try:
            program = made_with_kept_programs(made)
        except Exception as error:
            raise TrainingError(
                f"The step of {type(learner).__name__} could not be compiled: {first_line(error)} "
                f"{_remedy(error)}"
            ) from error
        self.n_compiled += 1
        return program

    def _turned(self, graph: torch.fx.GraphModule, leaves: list[Tensor]) -> _Program:
        if self._replays(leaves):
            return torch.compile(graph, fullgraph=True, dynamic=False, mode="reduce-overhead")
        return compiled_operations(graph, leaves)

    def _replays(self, leaves: Sequence[Tensor]) -> bool:
        on_gpu = any(leaf.is_cuda for leaf in leaves)
        return on_gpu if self.cuda_graphs is None else self.cuda_graphs and on_gpu


class _InView:
    """A learner that comes step after step: its tensors, and the programs for stacks of some forms.

    Args:
        learner: The learner.
        parameters: Those that get a gradient, by name.
    """

    def __init__(self, learner: EpisodicLearner, parameters: dict[str, Tensor]) -> None:
        others = {name: p for name, p in learner.named_parameters() if name not in parameters}
        constants = {**others, **dict(learner.named_buffers())}
        self.learner = learner
        self.state = StateInView(learner)
        self.names, self.parameters = tuple(parameters), list(parameters.values())
        self.constant_names, self.constants = tuple(constants), list(constants.values())
        self.ambient = _ambient()
        self.programs: dict[tuple[Any, ...], _Program] = {}

    def by_name(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return parameters and constants."""
        return dict(zip(self.names, self.parameters)), dict(zip(self.constant_names, self.constants))

    def holds(self, learner: EpisodicLearner) -> bool:
        """Tell whether it is this learner, and all that a program takes for fixed is as it was."""
        return learner is self.learner and _ambient() == self.ambient and self.state.holds()


def _tensors(group: EpisodeStack) -> list[Tensor]:
    return [*tensors_of(group.support), *tensors_of(group.query)]


def _form(group: EpisodeStack, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    return (len(group), signature(group), tuple([tensor.stride() for tensor in tensors]))


def _remedy(error: Exception) -> str:
    """Say what helps where a step could not be compiled."""
    folder = program_folder_at_fault(error)
    delete = "" if folder is None else f"Where the disk is full, or files are damaged, delete {folder}. "
    return (
        f'{delete}Use `execution="vmap"` or "loop"; compiling needs a C++ compiler, and a learner whose '
        "operations do not depend on values."
    )


def _ambient() -> tuple[Any, ...]:
    """Describe the settings outside the learner that change what it computes."""
    autocast = [(torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in ("cpu", "cuda")]
    return torch.is_grad_enabled(), *autocast
