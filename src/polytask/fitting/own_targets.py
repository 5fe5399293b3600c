"""Networks of a stack that carry the outputs of their own targets alone.

Where networks learn one target each, or a few, outputs for all others would be computed, measured and updated
for nothing. So each network has slots for its own targets, as many as the network with most; the outputs of
its targets stand side by side, and what is left over is padding.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import Task
from polytask.models.network_stack import NetworkStack, output_slices

__all__ = ["OwnTargets"]


class OwnTargets:
    """Which targets each network carries, and where.

    Args:
        tasks: All targets.
        learns: Bool ``[network, target]``.
        device: Where outputs are.

    Attributes:
        places: For each network the outputs of its targets, by index of the target.
        n_outputs: Outputs of every network, with padding.
        targets: The target of each slot ``[network, slot]``; -1 for padding.
        of_output: The target of each output ``[network, output]``; -1 for padding.
        columns: Where outputs stand among those of all targets ``[network, 1, output]``; -1 for padding.

    Example:
        >>> tasks = [Task(name="a", kind="regression"), Task(name="b", kind="multiclass", n_outputs=3)]
        >>> own = OwnTargets(tasks, torch.tensor([[True, False], [False, True]]))
        >>> own.places, own.n_outputs
        (({0: slice(0, 1, None)}, {1: slice(0, 3, None)}), 3)
    """

    def __init__(self, tasks: Sequence[Task], learns: Tensor, device: torch.device | str = "cpu") -> None:
        carried = [one.nonzero().flatten().tolist() for one in learns.cpu()]
        self.n_targets = len(tasks)
        self.places = tuple(_side_by_side(tasks, targets) for targets in carried)
        self.n_outputs = max(place.stop for of_network in self.places for place in of_network.values())
        self.targets = _matrix(carried, device)
        of_output = [
            [target for target, place in of_network.items() for _ in range(place.start, place.stop)]
            for of_network in self.places
        ]
        self.of_output = _matrix(of_output, device)
        everywhere = list(output_slices(tasks).values())
        columns = [
            [output for target in of_network for output in _within(everywhere[target])]
            for of_network in self.places
        ]
        self.columns = _matrix(columns, device)[:, None]
        self._alike = _one_kind(tasks, carried)
        self._kinds = [] if self._alike else _by_kind(tasks, carried, self.places, device)

    @classmethod
    def where_fewer(
        cls, tasks: Sequence[Task], learns: Tensor, device: torch.device | str = "cpu"
    ) -> "OwnTargets | None":
        """Return None where each network learns all targets."""
        return None if bool(learns.all()) else cls(tasks, learns, device)

    def of_targets(self, values: Tensor) -> Tensor:
        """Pick from ``[network, target]`` what belongs to the slots, ``[network, slot]``; 0 for padding."""
        picked = values.gather(1, self.targets.clamp(min=0).to(values.device))
        return picked * (self.targets >= 0).to(values.device)

    def of_rows(self, values: Tensor, picked: Tensor) -> Tensor:
        """Pick from ``[row, target]`` those of some rows ``[network, row]``: ``[network, row, slot]``."""
        found = values[picked[:, :, None], self.targets.clamp(min=0)[:, None]]
        return found * (self.targets >= 0)[:, None]

    def of_batch(self, values: Tensor) -> Tensor:
        """Pick from ``[network, row, target]`` what belongs to the slots, ``[network, row, slot]``."""
        index = self.targets.clamp(min=0)[:, None].expand(-1, values.shape[1], -1)
        return values.gather(2, index) * (self.targets >= 0)[:, None]

    def of_outputs(self, flags: Tensor) -> Tensor:
        """Say for each output what bool ``[network, target]`` says of its target; False for padding."""
        index = self.of_output.to(flags.device)
        return flags.gather(1, index.clamp(min=0)) & (index >= 0)

    def outputs_of(self, values: Tensor) -> Tensor:
        """Pick from those of all outputs of all targets ``[output]`` each network's own.

        Returns:
            ``[network, 1, output]``; 0 for padding.
        """
        columns = self.columns.to(values.device)
        return values[columns.clamp(min=0)] * (columns >= 0)

    def spread(self, values: Tensor) -> Tensor:
        """Put ``[network, slot]`` at their targets, ``[network, target]``; 0 for the others."""
        wide = values.new_zeros(len(values), self.n_targets)
        return wide.scatter_add_(1, self.targets.clamp(min=0), values * (self.targets >= 0))

    def cut(self, stack: NetworkStack) -> None:
        """Take from a stack of all targets the outputs of others: it stands as if they had never been."""
        columns = self.columns.cpu()
        for parameters in (stack.weights, stack.biases):
            last = parameters[len(parameters) - 1]
            index = columns.clamp(min=0).expand(-1, last.shape[1], -1)
            with torch.no_grad():
                cut = last.gather(2, index) * (columns >= 0)
            parameters[len(parameters) - 1] = nn.Parameter(cut)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every row and slot, ``[network, row, slot]``; 0 for padding.

        Args:
            outputs: ``[network, row, output]``.
            targets: ``[network, row, slot]``; any number where there is no label.
        """
        if self._alike:
            return _losses(self._alike, outputs, targets)
        found = outputs.new_zeros(*targets.shape).transpose(1, 2)  # [network, slot, row]
        for kind, networks, slots, columns in self._kinds:
            answers = outputs.transpose(1, 2)[networks[:, None], columns]  # [pair, output, row]
            wanted = targets[networks, :, slots]  # [pair, row]
            if kind == "multiclass":
                losses = functional.cross_entropy(answers, wanted.long(), reduction="none")
            else:
                losses = _losses(kind, answers[:, 0], wanted)
            found = found.index_put((networks, slots), losses)
        return found.transpose(1, 2)

    def n_parameters(self, stack: NetworkStack) -> list[int]:
        """Count the parameters of each network, without padding."""
        n_all = sum(values[0].numel() for values in stack.parameters())
        of_output = stack.weights[len(stack.weights) - 1].shape[1] + 1
        used = (self.of_output >= 0).sum(1).tolist()
        return [n_all - of_output * (self.n_outputs - count) for count in used]


def _side_by_side(tasks: Sequence[Task], targets: Sequence[int]) -> dict[int, slice]:
    places = output_slices([tasks[target] for target in targets])
    return {target: places[tasks[target].name] for target in targets}


def _within(place: slice) -> range:
    return range(place.start, place.stop)


def _matrix(rows: Sequence[Sequence[int]], device: torch.device | str) -> Tensor:
    """Put lists of several lengths in one matrix, padded with -1."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[-1] * (longest - len(row))] for row in rows], device=device)


def _one_kind(tasks: Sequence[Task], carried: Sequence[Sequence[int]]) -> str | None:
    """Return the kind of all targets where outputs and slots are the same thing."""
    kinds = {tasks[target].kind for targets in carried for target in targets}
    return kinds.pop() if len(kinds) == 1 and "multiclass" not in kinds else None


def _by_kind(
    tasks: Sequence[Task],
    carried: Sequence[Sequence[int]],
    places: Sequence[dict[int, slice]],
    device: torch.device | str,
) -> list[tuple[str, Tensor, Tensor, Tensor]]:
    """Return for each kind and width its networks and slots ``[pair]``, and outputs ``[pair, output]``."""
    pairs: dict[tuple[str, int], list[tuple[int, int, Iterable[int]]]] = {}
    for network, targets in enumerate(carried):
        for slot, target in enumerate(targets):
            task = tasks[target]
            pair = (network, slot, _within(places[network][target]))
            pairs.setdefault((task.kind, task.n_outputs), []).append(pair)
    return [
        (
            kind,
            torch.tensor([network for network, _, _ in group], device=device),
            torch.tensor([slot for _, slot, _ in group], device=device),
            torch.tensor([list(columns) for _, _, columns in group], device=device),
        )
        for (kind, _), group in pairs.items()
    ]


def _losses(kind: str, answers: Tensor, wanted: Tensor) -> Tensor:
    if kind == "regression":
        return (answers - wanted).square()
    return functional.binary_cross_entropy_with_logits(answers, wanted, reduction="none")
