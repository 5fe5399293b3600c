"""Several episodes at a time on the processors of a CPU, each in a thread of its own.

How it works. Every thread takes the next episode that is left, runs it as the loop would with torch on one
thread, takes its gradient, and writes that into the row of the episode. So values and gradients are those of
a loop on one thread to the bit, in whatever order the threads finish, and at any time there are as many
graphs in memory as threads. Splitting a step between its episodes leaves less waiting than splitting each of
its operations, which is what torch does by itself.

Two things have an order that threads would not keep: random numbers, which all threads draw from one
generator, and what the forward pass writes into buffers, such as running statistics. One episode of every
kind is run beforehand in the caller's thread, where each operation is seen: a learner that does either is
refused. What that episode takes in memory tells how many fit into a budget.
"""

import contextlib
import contextvars
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from polytask.core import Episode, EpisodeStack, EpisodicLearner, InputError, TrainingError
from polytask.core.copied_module import module_copy
from polytask.core.one_by_one import one_by_one as one_after_the_other
from polytask.core.one_thread import single_threaded
from polytask.core.torch_internals import TorchDispatchMode, modes_are_active
from polytask.execution.groups import KnownGradients, Rows, one_by_one, run_one, signature, with_gradients
from polytask.execution.memory_use import peak_bytes

__all__ = ["Threads"]


class Threads:
    """Runs episodes on several processors at once, each as the loop does; the gradient is taken as it is run.

    Worth while where an episode takes milliseconds on a CPU, as convolutions do; small networks spend their
    time in Python, where one thread at a time gets on. The gradients cannot be differentiated again.

    Args:
        n_threads: Episodes at once; None means as many as torch has threads (`torch.get_num_threads`), which
            is read at every step.
        memory_budget: The bytes for tensors made in a step, which may mean fewer threads; None sets no bound.

    Raises:
        InputError: A number is below 1.

    Example:
        >>> from polytask.core import Batch, Task
        >>> from polytask.meta.initialization import MAML
        >>> batch = Batch(inputs=torch.ones(2, 3), targets={"y": torch.ones(2)})
        >>> episode = Episode(tasks=(Task(name="y", kind="regression"),), support=batch, query=batch)
        >>> learner = MAML(torch.nn.Linear(3, 1), inner_rate=0.1)
        >>> Threads(2)(learner, [episode] * 4).shape
        torch.Size([4])
    """

    def __init__(self, n_threads: int | None = None, *, memory_budget: int | None = None) -> None:
        for name, value in (("n_threads", n_threads), ("memory_budget", memory_budget)):
            if value is not None and value < 1:
                raise InputError(f"`{name}` must be at least 1, got {value}.")
        self.n_threads = n_threads
        self.memory_budget = memory_budget
        self.costs: dict[tuple[Any, ...], int] = {}
        """The bytes of an episode, by its kind."""

    def __call__(self, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
        """Run the episodes of a step, ``[episode]``.

        Raises:
            InputError: The learner is not on a CPU.
            TrainingError: The learner draws random numbers or writes into buffers as it runs an episode.
        """
        return with_gradients(self._run, learner, episodes)

    def useful_for(self, learner: EpisodicLearner) -> bool:
        """Tell whether there is more than one thread for it here."""
        return _is_on_cpu(learner) and (self.n_threads or torch.get_num_threads()) > 1

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: another number of threads gives the same values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take nothing; see `state_dict`."""

    def _run(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], episodes: Sequence[Episode]
    ) -> KnownGradients | Tensor:
        if not _is_on_cpu(learner):
            raise InputError(
                "`execution` is 'threads', which is for learners on a CPU; use 'vmap' or 'compiled' on a GPU."
            )
        n_threads = min(self.n_threads or torch.get_num_threads(), len(episodes))
        # A graph that the caller goes on with, or that a mode of its thread looks at, is made in its thread.
        if (torch.is_grad_enabled() and not parameters) or modes_are_active():
            return one_by_one(learner, parameters, episodes)
        n_threads = min(n_threads, self._fitting(learner, parameters, episodes))
        if n_threads == 1:
            with single_threaded():
                return one_by_one(learner, parameters, episodes)
        return _in_threads(learner, parameters, episodes, n_threads)

    def _fitting(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], episodes: Sequence[Episode]
    ) -> int:
        """Return how many episodes fit into memory at once, 1 or more, having looked at each kind of them."""
        modes = tuple(module.training for module in learner.modules())
        most = 1
        for episode in episodes[:1] if isinstance(episodes, EpisodeStack) else episodes:
            key = (bool(parameters), modes, *signature(episode))
            if key not in self.costs:
                self.costs[key] = _looked_at(learner, parameters, episode)
            most = max(most, self.costs[key])
        if self.memory_budget is None:
            return len(episodes)
        # The gradients of all episodes are kept besides.
        kept = len(episodes) * sum(p.numel() * p.element_size() for p in parameters.values())
        return max(1, (self.memory_budget - kept) // most)


def _is_on_cpu(learner: EpisodicLearner) -> bool:
    return all(parameter.device.type == "cpu" for parameter in learner.parameters())


def _looked_at(learner: EpisodicLearner, parameters: dict[str, Tensor], episode: Episode) -> int:
    """Run an episode on copies of the buffers; return the bytes that it takes at one time.

    Raises:
        TrainingError: It draws random numbers or changes a buffer.
    """
    buffers = {name: buffer.clone() for name, buffer in learner.named_buffers()}
    own = module_copy(learner, buffers)
    draws = _Draws()
    with torch.random.fork_rng(devices=[]), draws, single_threaded():
        taken = peak_bytes(lambda: run_one(own, parameters, episode))
    changed = [name for name, buffer in learner.named_buffers() if not _same(buffer, buffers[name])]
    kind = type(learner).__name__
    if draws.found:
        raise TrainingError(
            f"Episodes of {kind} draw random numbers ({draws.found}), in an order that threads would not "
            'keep. Use `execution="loop"`.'
        )
    if changed:
        raise TrainingError(
            f"Episodes of {kind} change the buffer `{changed[0]}` as they run, in an order that threads "
            'would not keep. Use `execution="loop"`, or a layer without running statistics.'
        )
    return max(taken, 1)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one == other) | ((one != one) & (other != other))).all())


class _Draws(TorchDispatchMode):
    """Notes the first operation that draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.found = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not self.found and torch.Tag.nondeterministic_seeded in func.tags:
            self.found = str(func)
        return func(*args, **(kwargs or {}))


def _in_threads(
    learner: EpisodicLearner, parameters: dict[str, Tensor], episodes: Sequence[Episode], n_threads: int
) -> KnownGradients | Tensor:
    rows = Rows(parameters, len(episodes)) if parameters else None
    values: list[Tensor] = [torch.empty(0)] * len(episodes)
    left, lock, stopped = iter(range(len(episodes))), threading.Lock(), threading.Event()
    failed: dict[int, BaseException] = {}
    like_here = _settings_of_this_thread()

    def work() -> None:
        own = module_copy(learner)
        with like_here(), single_threaded(), one_after_the_other():
            while not stopped.is_set():
                with lock:
                    index = next(left, None)
                if index is None:
                    return
                try:
                    value, pieces = run_one(own, parameters, episodes[index])
                    values[index] = value
                    if rows is not None:
                        rows.write(index, pieces)
                except BaseException as error:  # noqa: BLE001  raised below, in the caller's thread
                    failed[index] = error
                    stopped.set()

    with ThreadPoolExecutor(n_threads, thread_name_prefix="polytask-episodes") as pool:
        jobs: list[Future[None]] = []
        try:
            jobs = [pool.submit(contextvars.copy_context().run, work) for _ in range(n_threads)]
            for job in jobs:
                job.result()
        finally:
            stopped.set()
    if failed:
        raise failed[min(failed)]
    stacked = torch.stack(values)
    return stacked if rows is None else (rows.by_name(), stacked)


def _settings_of_this_thread() -> Any:
    """Return a context manager that makes another thread compute as this one does."""
    gradients, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    autocast, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    @contextlib.contextmanager
    def like_here() -> Iterator[None]:
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(gradients),
            torch.autocast("cpu", dtype=dtype, enabled=autocast),
        ):
            yield

    return like_here
