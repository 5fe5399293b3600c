"""Batches of examples with targets by task name, and episodes made of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import torch
from torch import Tensor

from polytask.core.errors import InputError
from polytask.core.task import Task

__all__ = [
    "Batch",
    "Episode",
    "Inputs",
    "batch_size",
    "join_batches",
    "map_inputs",
    "query_objectives",
    "stack_batches",
    "tensors_of",
]

Inputs: TypeAlias = Tensor | Mapping[str, "Inputs"]
"""A tensor ``[batch, ...]``, or a nested mapping of them with one batch size."""


def map_inputs(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """Apply a function to every tensor of an input.

    Example:
        >>> map_inputs(lambda x: x[:1].shape, {"image": torch.zeros(2, 3)})
        {'image': torch.Size([1, 3])}
    """
    if isinstance(inputs, Tensor):
        return function(inputs)
    return {name: map_inputs(function, value) for name, value in inputs.items()}


def batch_size(inputs: Inputs) -> int:
    """Return the number of examples of an input.

    Raises:
        InputError: There is no tensor, a tensor is a scalar, or the tensors disagree.
    """
    sizes: set[int] = set()

    def look(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0:
            raise InputError("An input is a scalar; give every input a batch dimension, e.g. `x[None]`.")
        sizes.add(tensor.shape[0])
        return tensor

    map_inputs(look, inputs)
    if len(sizes) != 1:
        raise InputError(
            f"The tensors of one input must share their first dimension; found {sorted(sizes) or 'none'}."
        )
    return sizes.pop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Examples, with the targets of some tasks.

    Args:
        inputs: A tensor ``[batch, ...]`` or a nested mapping of such tensors.
        targets: By task name, shaped as `Task` says. A task that is missing has no label here at all.
        masks: By task name, True where there is a label: bool ``[batch]`` or ``[batch, n_outputs]``. A task
            without a mask has all its labels.

    Raises:
        InputError: A target or a mask has another number of rows than the inputs, a mask is not boolean, or
            belongs to no target.

    Example:
        >>> batch = Batch(inputs=torch.zeros(3, 2), targets={"y": torch.tensor([1.0, 2.0, 0.0])},
        ...               masks={"y": torch.tensor([True, True, False])})
        >>> len(batch), batch.n_labels("y")
        (3, 2)
    """

    inputs: Inputs
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    masks: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_rows = batch_size(self.inputs)
        problems = []
        for what, tensors in (("target", self.targets), ("mask", self.masks)):
            for name, tensor in tensors.items():
                if tensor.ndim == 0 or tensor.shape[0] != n_rows:
                    problems.append(
                        f"the {what} of {name!r} has shape {tuple(tensor.shape)}, not {n_rows} rows"
                    )
        for name, mask in self.masks.items():
            if name not in self.targets:
                problems.append(f"the mask of {name!r} belongs to no target")
            if mask.dtype != torch.bool:
                problems.append(f"the mask of {name!r} is {mask.dtype}, not bool")
        if problems:
            raise InputError("Batch: " + "; ".join(problems) + ".")

    def __len__(self) -> int:
        return batch_size(self.inputs)

    def n_labels(self, name: str) -> int:
        """Count the examples that have a label of the task, at least one of its outputs."""
        if name in self.targets and name not in self.masks:
            return self.targets[name].shape[0]
        return int(self.labelled(name).sum())

    def labelled(self, name: str) -> Tensor:
        """Tell which examples have a label of the task, at least one of its outputs: bool ``[batch]``."""
        if name not in self.targets:
            return torch.zeros(len(self), dtype=torch.bool)
        mask = self.masks.get(name)
        if mask is None:
            return torch.ones(len(self), dtype=torch.bool, device=self.targets[name].device)
        return mask if mask.ndim == 1 else mask.flatten(1).any(1)

    def n_values(self, name: str) -> int:
        """Count the labelled values of the task: an example counts once for each output that has a label."""
        if name not in self.targets:
            return 0
        target, mask = self.targets[name], self.masks.get(name)
        if mask is None:
            return target.numel()
        return int(mask.sum()) * (target.numel() // max(mask.numel(), 1))

    def rows(self, index: Tensor | slice) -> "Batch":
        """Return the examples at ``index``: positions, a boolean row, or a slice."""
        return self.map(lambda tensor: tensor[index])

    def map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        """Apply a function to every tensor: inputs, targets and masks."""
        return Batch(
            inputs=map_inputs(function, self.inputs),
            targets={name: function(target) for name, target in self.targets.items()},
            masks={name: function(mask) for name, mask in self.masks.items()},
        )

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        """Move every tensor to a device; ``dtype``, if given, applies to the floating ones alone.

        Where all are there already, this very batch is returned.
        """

        def there(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype if tensor.is_floating_point() else None)

        return self if all(there(tensor) is tensor for tensor in tensors_of(self)) else self.map(there)

    def only(self, names: Iterable[str]) -> "Batch":
        """Keep the targets of these tasks."""
        kept = set(names)
        return replace(
            self,
            targets={name: target for name, target in self.targets.items() if name in kept},
            masks={name: mask for name, mask in self.masks.items() if name in kept},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Tasks asked of the same inputs: a query batch to answer, perhaps a support batch to learn from.

    Multi-task learning is the case without support; there the query holds the training examples.

    Args:
        tasks: The tasks; several of them share one encoding of the inputs.
        query: The batch whose answers are judged.
        support: The batch from which a predictor for the tasks is learned.

    Raises:
        InputError: There is no task, two tasks have one name, or a target belongs to no task.
    """

    tasks: tuple[Task, ...]
    query: Batch
    support: Batch | None = None

    def __post_init__(self) -> None:
        names = [task.name for task in self.tasks]
        if not names:
            raise InputError("An episode needs at least one task.")
        if len(set(names)) != len(names):
            raise InputError(f"The tasks of an episode need different names, got {', '.join(names)}.")
        for part, batch in (("query", self.query), ("support", self.support)):
            strangers = sorted(set(batch.targets) - set(names)) if batch is not None else []
            if strangers:
                raise InputError(
                    f"The {part} has targets of {', '.join(strangers)}, but the episode's tasks are "
                    f"{', '.join(names)}. Use `batch.only(...)` to keep some."
                )

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Episode":
        """Move both batches to a device; this very episode where they are there already."""
        query = self.query.to(device, dtype)
        support = None if self.support is None else self.support.to(device, dtype)
        if query is self.query and support is self.support:
            return self
        return replace(self, query=query, support=support)


def query_objectives(
    tasks: Sequence[Task], predictions: Mapping[str, Tensor], query: Batch
) -> dict[str, Tensor]:
    """Return the objective of every task that the query has targets of, a scalar by name."""
    return {
        task.name: task.objective(
            predictions[task.name], query.targets[task.name], query.masks.get(task.name)
        )
        for task in tasks
        if task.name in query.targets
    }


def stack_batches(batches: Sequence[Batch]) -> Batch:
    """Put equally shaped batches on top of each other along a new first dimension.

    Example:
        >>> stack_batches([Batch(inputs=torch.zeros(4, 2))] * 3).inputs.shape
        torch.Size([3, 4, 2])
    """
    return Batch(
        inputs=_stack([batch.inputs for batch in batches]),
        targets={
            name: torch.stack([batch.targets[name] for batch in batches]) for name in batches[0].targets
        },
        masks={name: torch.stack([batch.masks[name] for batch in batches]) for name in batches[0].masks},
    )


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Put the rows of batches one after the other; what a batch has no target of is unlabelled there.

    Example:
        >>> some = Batch(inputs=torch.zeros(2, 1), targets={"y": torch.ones(2)})
        >>> joined = join_batches([some, Batch(inputs=torch.zeros(1, 1))])
        >>> joined.targets["y"], joined.masks["y"]
        (tensor([1., 1., 0.]), tensor([ True,  True, False]))
    """
    targets: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for batch in batches for name in batch.targets):
        known = next(batch.targets[name] for batch in batches if name in batch.targets)
        if all(name in batch.targets for batch in batches) and not any(name in b.masks for b in batches):
            targets[name] = torch.cat([batch.targets[name] for batch in batches])
            continue
        pieces, kept = [], []
        shape = next((b.masks[name].shape[1:] for b in batches if name in b.masks), torch.Size())
        for batch in batches:
            n_rows = len(batch)
            has = name in batch.targets
            pieces.append(batch.targets[name] if has else known.new_zeros(n_rows, *known.shape[1:]))
            whole = torch.full((n_rows, *shape), has, device=known.device)
            kept.append(batch.masks.get(name, whole))
        targets[name], masks[name] = torch.cat(pieces), torch.cat(kept)
    return Batch(inputs=_join([batch.inputs for batch in batches]), targets=targets, masks=masks)


def tensors_of(batch: Batch) -> list[Tensor]:
    """Return the tensors of the inputs, the targets and the masks of a batch, in this order."""
    return [*_tensors(batch.inputs), *batch.targets.values(), *batch.masks.values()]


def _tensors(inputs: Inputs) -> Iterator[Tensor]:
    if isinstance(inputs, Tensor):
        yield inputs
    else:
        for value in inputs.values():
            yield from _tensors(value)


def _join(inputs: Sequence[Inputs]) -> Inputs:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    mappings = [value for value in inputs if not isinstance(value, Tensor)]
    if not mappings:
        return torch.cat(tensors)
    return {name: _join([mapping[name] for mapping in mappings]) for name in mappings[0]}


def _stack(inputs: Sequence[Inputs]) -> Inputs:
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    mappings = [value for value in inputs if not isinstance(value, Tensor)]
    if not mappings:
        return torch.stack(tensors)
    return {name: _stack([mapping[name] for mapping in mappings]) for name in mappings[0]}
