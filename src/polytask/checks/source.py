"""The contract of a source."""

import pickle
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from polytask.checks.failures import Failures, same
from polytask.core import Batch, Episode, Task
from polytask.core.batch import Inputs
from polytask.data import Source

__all__ = ["check_source"]


def check_source(source: Source, *, n_steps: int = 4, disjoint: bool = True) -> None:
    """Check a source of your own against everything that training and resuming rely on.

    Every step is a pure function of its position: the same again, in any order, whatever the global generator
    holds; different steps differ. Targets fit their tasks, what is labelled is finite, and support and query
    share no example.

    Args:
        source: The source.
        n_steps: How many steps to look at, 2 or more.
        disjoint: Whether an example of the support may not stand in the query too; False for inputs that
            repeat by nature.

    Raises:
        ConformanceError: Something does not hold; the message lists all of it.
    """
    failures = Failures(type(source).__name__)
    state = torch.random.get_rng_state()
    steps = [source.step(index) for index in range(n_steps)]
    failures.expect(
        torch.equal(state, torch.random.get_rng_state()), "a step draws from the global generator"
    )
    with torch.random.fork_rng():
        torch.manual_seed(12345)
        again = [source.step(index) for index in reversed(range(n_steps))][::-1]
    for index, (first, second) in enumerate(zip(steps, again)):
        failures.expect(_equal(first, second), f"step {index} differs when asked again or in another order")
    failures.expect(
        not any(_equal(steps[0], other) for other in steps[1:]), "different steps give the same episodes"
    )
    _check_pickle(source, steps[0], failures)
    for step in steps:
        failures.expect(len(step) > 0, "a step has no episode")
        for episode in step:
            _check_episode(episode, failures, disjoint=disjoint)
    failures.raise_if_any()


def _check_pickle(source: Source, step: Sequence[Episode], failures: Failures) -> None:
    try:
        copied = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own bytes
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        failures.expect(False, f"the source cannot be sent to a worker process: {error}")
        return
    failures.expect(_equal(copied.step(0), step), "a copy in another process would give other episodes")


def _check_episode(episode: Episode, failures: Failures, *, disjoint: bool) -> None:
    parts = {"query": episode.query} | ({"support": episode.support} if episode.support is not None else {})
    for part, batch in parts.items():
        failures.expect(len(batch) > 0, f"the {part} is empty")
        for tensor in _tensors(batch.inputs):
            finite = not tensor.is_floating_point() or bool(tensor.isfinite().all())
            failures.expect(finite, f"inputs of the {part} are not finite")
        for task in episode.tasks:
            if batch.n_labels(task.name):
                _check_target(task, batch, part, failures)
    labelled = any(episode.query.n_labels(task.name) for task in episode.tasks)
    failures.expect(labelled, "the query has no label of any task")
    if episode.support is not None:
        if disjoint:
            failures.expect(
                not _overlap(episode.support, episode.query), "support and query share an example"
            )
        for task in episode.tasks:
            if task.kind == "multiclass" and episode.query.n_labels(task.name):
                strangers = set(_labels(task, episode.query)) - set(_labels(task, episode.support))
                failures.expect(
                    not strangers, f"the query of {task.name!r} has classes without support: {strangers}"
                )


def _check_target(task: Task, batch: Batch, part: str, failures: Failures) -> None:
    target, mask = batch.targets[task.name], batch.masks.get(task.name)
    wide = task.kind == "multilabel" or (task.kind == "regression" and task.n_outputs > 1)
    shape = (len(batch), task.n_outputs) if wide else (len(batch),)
    where = f"the {part}'s target of {task.name!r}"
    if not failures.expect(
        tuple(target.shape) == shape, f"{where} has shape {tuple(target.shape)}, not {shape}"
    ):
        return
    values = target if mask is None else target[mask]
    if target.is_floating_point():
        failures.expect(bool(values.isfinite().all()), f"{where} is not finite where it is labelled")
    if task.kind == "multiclass":
        integral = not target.is_floating_point()
        inside = integral and bool(((values >= 0) & (values < task.n_outputs)).all())
        failures.expect(inside, f"{where} must hold class indices in [0, {task.n_outputs})")
    elif task.kind in ("binary", "multilabel"):
        failures.expect(bool(((values == 0) | (values == 1)).all()), f"{where} must hold 0 and 1")


def _labels(task: Task, batch: Batch) -> list[int]:
    target, mask = batch.targets[task.name], batch.masks.get(task.name)
    return (target if mask is None else target[mask]).tolist()


def _overlap(support: Batch, query: Batch) -> bool:
    rows = [
        torch.cat([t.double().reshape(len(t), -1) for t in _tensors(b.inputs)], dim=1)
        for b in (support, query)
    ]
    return bool((rows[0][:, None] == rows[1][None]).all(-1).any())


def _tensors(inputs: Inputs) -> Iterator[Tensor]:
    if isinstance(inputs, Tensor):
        yield inputs
    else:
        for name in sorted(inputs):
            yield from _tensors(inputs[name])


def _equal(left: Sequence[Episode], right: Sequence[Episode]) -> bool:
    return len(left) == len(right) and all(
        a.tasks == b.tasks and _equal_batches(a.query, b.query) and _equal_batches(a.support, b.support)
        for a, b in zip(left, right)
    )


def _equal_batches(left: Batch | None, right: Batch | None) -> bool:
    if left is None or right is None:
        return left is right
    pairs = list(zip(_tensors(left.inputs), _tensors(right.inputs), strict=True))
    for mine, theirs in ((left.targets, right.targets), (left.masks, right.masks)):
        if set(mine) != set(theirs):
            return False
        pairs += [(mine[name], theirs[name]) for name in mine]
    return all(same(a, b) for a, b in pairs)
