"""The losses of networks that run at once, and where they start."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, Task
from polytask.data.tables.folds import Fold
from polytask.fitting.class_weights import WeightedClasses
from polytask.fitting.own_targets import OwnTargets
from polytask.models.network_stack import NetworkStack, output_slices

__all__ = ["StackedLosses", "start_at_constants"]


class StackedLosses:
    """The loss of every labelled row for stacked outputs: squared errors and log losses.

    Args:
        tasks: The targets.
        rows: The labelled rows.
        weights: How much each row counts; None for all alike.
        device: Where the outputs are.
        class_weights: By target, how much each class counts; see `WeightedClasses`.
        target_weights: How much targets count in the loss of a network; 1 where not named.
        own: The targets that each network carries: outputs are of these, and ``[..., target]`` below is a
            slot of `OwnTargets`; None where all carry all.
        drawn: Whether rows are drawn as often as they count, so that ``weights`` are for judging alone.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        rows: Batch,
        weights: Tensor | None,
        device: torch.device,
        *,
        class_weights: Mapping[str, Sequence[float]] = MappingProxyType({}),
        target_weights: Mapping[str, float] = MappingProxyType({}),
        own: OwnTargets | None = None,
        drawn: bool = False,
    ) -> None:
        self.tasks, self.own = tasks, own
        self.places = output_slices(tasks)
        self.n_outputs = sum(task.n_outputs for task in tasks)
        targets = [rows.targets[task.name].reshape(len(rows)).float() for task in tasks]
        masks = [rows.masks.get(task.name, torch.ones(len(rows), dtype=torch.bool)) for task in tasks]
        known = torch.stack([mask.reshape(len(rows)) for mask in masks], dim=1).to(device)  # [row, target]
        self.targets = torch.stack(targets, dim=1).nan_to_num(0.0).to(device)
        self.weights = known.float()
        alike = weights is None or drawn
        self.complete = alike and not class_weights and bool(known.all())
        if weights is not None and not drawn:
            self.weights = self.weights * weights.float().to(device)[:, None]
        self.shares: Tensor | None = None
        if target_weights:
            self.shares = torch.tensor([target_weights.get(task.name, 1.0) for task in tasks]).to(device)
            self.complete = False
        self.fixed_shares = self.shares
        self.shift: Tensor | None = None
        self.class_weights: dict[int, Tensor] = {}
        if class_weights:
            self._weigh_classes(class_weights, device)
        self.judging = self.weights  # how much labels count where they judge
        if weights is not None and drawn:
            self.judging = self.weights * weights.float().to(device)[:, None]
        # Targets of one kind with one output are measured at once.
        self.groups: list[tuple[str, list[int], Tensor]] = []
        for kind in ("regression", "binary"):
            indices = [index for index, task in enumerate(tasks) if task.kind == kind]
            if indices:
                starts = torch.tensor(
                    [self.places[tasks[index].name].start for index in indices], device=device
                )
                self.groups.append((kind, indices, starts))
        self.several = [index for index, task in enumerate(tasks) if task.kind == "multiclass"]

    @property
    def alike(self) -> bool:
        """Whether all classes count alike, and all targets."""
        return self.shares is None and not self.class_weights

    def follow(self, shares: Tensor) -> None:
        """Let targets count so much from now on ``[target]``, beside their weights."""
        fixed = self.fixed_shares
        self.shares = shares.to(self.weights) if fixed is None else shares.to(fixed) * fixed
        self.complete = False

    def by_task(self, outputs: Tensor, picked: Tensor, judged: Tensor, task: Tensor) -> tuple[Tensor, Tensor]:
        """Return sum and weight of the losses of each task's judged rows, over all targets: ``[task]``.

        Args:
            outputs: ``[network, row, output]``.
            picked: Which rows these are, ``[network, row]``.
            judged: Which of them count, bool of the same shape.
            task: The task of every row of the table, from 0 on.
        """
        weights = self._of_rows(self.judging, picked) * judged[..., None]
        losses = torch.where(weights > 0, self.elements(outputs, picked) * weights, 0.0)
        sums, counts = (
            torch.zeros(int(task.max()) + 1, dtype=torch.float64, device=task.device).index_add_(
                0, task[picked].flatten(), values.sum(2).flatten().double()
            )
            for values in (losses, weights)
        )
        return sums, counts

    def __call__(self, outputs: Tensor, picked: Tensor, open_: Tensor) -> Tensor:
        """Return the loss of every network: the mean over its open targets of their weighted means.

        Targets count as much in it as ``target_weights`` say.

        Args:
            outputs: ``[network, row, output]``.
            picked: Which rows these are, ``[network, row]``.
            open_: Bool ``[network, target]``.
        """
        plain = self.complete and bool(open_.all())
        weights = None if plain else self._of_rows(self.weights, picked)
        return self.of_rows(outputs, self._of_rows(self.targets, picked), weights, open_)

    def of_rows(self, outputs: Tensor, targets: Tensor, weights: Tensor | None, open_: Tensor) -> Tensor:
        """Return the loss of every network as a call does, for rows that are given.

        Args:
            outputs: ``[network, row, output]``.
            targets: Any number where there is no label, ``[network, row, target]``.
            weights: How much each label counts, see `label_weights`; None where all are there and count
                alike, as do the targets, and all targets are open.
            open_: Bool ``[network, target]``.
        """
        losses = self._elements(outputs, targets)
        if weights is None:  # the same, without what changes nothing
            return losses.mean((1, 2))
        means = (losses * weights).sum(1) / weights.sum(1).clamp(min=1e-12)  # [network, target]
        if self.shares is None:
            return (means * open_).sum(1) / open_.sum(1).clamp(min=1)
        shares = self.shares.expand(len(outputs), -1)  # [network, target]
        shares = (shares if self.own is None else self.own.of_targets(shares)) * open_
        return (means * shares).sum(1) / torch.where(open_.any(1), shares.sum(1), 1.0)

    def of_judged(self, outputs: Tensor, picked: Tensor, judged: Tensor) -> Tensor:
        """Return the weighted losses of the judged rows, ``[network, row, target]``; 0 for all others."""
        weights = self._of_rows(self.judging, picked) * judged[..., None]
        return torch.where(weights > 0, self.elements(outputs, picked) * weights, 0.0)

    def counts(self, picked: Tensor, judged: Tensor) -> Tensor:
        """Return the weight of the judged rows, ``[network, target]``."""
        return (self._of_rows(self.judging, picked) * judged[..., None]).sum(1)

    def elements(self, outputs: Tensor, picked: Tensor) -> Tensor:
        """Return the loss of every row and target, ``[network, row, target]``; any number where unknown."""
        return self._elements(outputs, self._of_rows(self.targets, picked))

    def label_weights(self, targets: Tensor, rows: Tensor | None) -> Tensor:
        """Return how much labels count, of the shape of the targets; 0 where there is none.

        Args:
            targets: Labels, NaN where there is none, ``[row, target]``.
            rows: How much each row counts, ``[row]``; None for all alike.
        """
        known = ~targets.isnan()
        weights = known.float()
        if rows is not None:
            weights = weights * rows[:, None]
        for index, of_class in self.class_weights.items():
            weights[:, index] *= of_class[targets[:, index].nan_to_num(0.0).long()]
        return weights

    def _of_rows(self, values: Tensor, picked: Tensor) -> Tensor:
        return values[picked] if self.own is None else self.own.of_rows(values, picked)

    def _elements(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if self.shift is not None:
            outputs = outputs + self.shift.to(outputs)
        if self.own is not None:
            return self.own.losses(outputs, targets)
        parts: dict[int, Tensor] = {}
        for kind, indices, starts in self.groups:
            in_order = len(indices) == self.n_outputs  # then so are the outputs
            answers = outputs if in_order else outputs[..., starts]
            wanted = targets[..., indices] if len(indices) < len(self.tasks) else targets
            if kind == "regression":
                losses = (answers - wanted).square()
            else:
                losses = functional.binary_cross_entropy_with_logits(answers, wanted, reduction="none")
            if len(indices) == len(self.tasks):
                return losses
            parts |= dict(zip(indices, losses.unbind(-1), strict=True))
        for index in self.several:
            answers = outputs[..., self.places[self.tasks[index].name]].flatten(0, 1)
            wanted = targets[..., index].flatten().long()
            losses = functional.cross_entropy(answers, wanted, reduction="none")
            parts[index] = losses.view(targets.shape[:2])
        return torch.stack([parts[index] for index in range(len(self.tasks))], dim=-1)

    def _weigh_classes(self, given: Mapping[str, Sequence[float]], device: torch.device) -> None:
        """Weigh every label by its class, and shift the outputs as `WeightedClasses` does."""
        self.shift = torch.zeros(self.n_outputs, device=device)
        for index, task in enumerate(self.tasks):
            if task.name in given:
                weighted = WeightedClasses.of(task, given[task.name])
                self.shift[self.places[task.name]] = weighted.shift.float().to(device)
                self.class_weights[index] = weighted.weights.float().to(device)
                self.weights[:, index] *= weighted.of_labels(self.targets[:, index])
        if self.own is not None:
            self.shift = self.own.outputs_of(self.shift)


def start_at_constants(
    stack: NetworkStack,
    tasks: Sequence[Task],
    rows: Batch,
    folds: Sequence[Fold],
    weights: Tensor | None = None,
    *,
    learns: Tensor | None = None,
    own: OwnTargets | None = None,
) -> None:
    """Let every network start with the mean, or the class frequencies, of its own training rows.

    Args:
        stack: The networks.
        tasks: The targets.
        rows: The labelled rows.
        folds: Of each network.
        weights: How much each row counts, ``[row]``; None for all alike.
        learns: Bool ``[network, target]``: for other targets nothing is changed; None for all.
        own: The targets that each network carries; None where all carry all.
    """
    everywhere = dict(enumerate(output_slices(tasks).values()))
    bias = stack.biases[-1]
    shares = torch.ones(len(rows)) if weights is None else weights.float()
    with torch.no_grad():
        for index, task in enumerate(tasks):
            known = rows.masks.get(task.name, torch.ones(len(rows), dtype=torch.bool)).reshape(len(rows))
            target = rows.targets[task.name].reshape(len(rows)).float()
            for network, fold in enumerate(folds):
                if learns is not None and not learns[network, index]:
                    continue
                train = torch.from_numpy(fold.train)
                train = train[known[train]]
                places = everywhere if own is None else own.places[network]
                bias[network, 0, places[index]] = _constant(task, target[train], shares[train])


def _constant(task: Task, labels: Tensor, weights: Tensor) -> Tensor:
    """Return what a network without inputs would answer, ``[output]``; every class is counted once more."""
    if task.kind == "multiclass":
        counts = torch.bincount(labels.long(), weights=weights, minlength=task.n_outputs) + 1
        return (counts / counts.sum()).log()
    total, count = (labels * weights).sum(), weights.sum()
    if task.kind == "regression":
        return (total / count)[None] if count > 0 else torch.zeros(1)
    return torch.logit((total + 1) / (count + 2))[None]
