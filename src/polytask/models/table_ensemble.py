"""The weighted average of models of the same targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Learner, Objectives, Predictor, SharedModel, Task
from polytask.models.network_stack import StackedEnsemble, weighted_prediction

__all__ = ["TableEnsemble"]


class TableEnsemble(Learner):
    """Averages what its members predict: numbers, and probabilities of classes; each target in its own way.

    Args:
        tasks: The targets.
        members: Models that give ``[row, n_outputs]`` by target; a member may lack targets.
        weights: For each target a weight for every member, 0 for those that lack it; each with sum 1.

    Raises:
        InputError: The weights belong to other targets or members, or a member lacks a target that it is
            asked for.

    Example:
        >>> from polytask.architectures import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> def member():
        ...     return SharedModel([task], HardSharing(nn.Linear(3, 8)), heads={"y": nn.Linear(8, 1)})
        >>> ensemble = TableEnsemble([task], [member(), member()], {"y": (0.5, 0.5)})
        >>> ensemble.adapt([task])(torch.zeros(4, 3))["y"].shape
        torch.Size([4, 1])
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        members: Sequence[SharedModel | StackedEnsemble],
        weights: Mapping[str, Sequence[float]],
    ) -> None:
        super().__init__()
        if not members:
            raise InputError("the ensemble has no member")
        problems = [
            f"{task.name!r} needs {len(members)} weights of 0 or more with sum 1"
            for task in tasks
            if not _is_average(weights.get(task.name, ()), len(members))
        ]
        problems += [
            f"member {index} lacks {task.name!r}"
            for task in tasks
            for index, member in enumerate(members)
            if not problems and weights[task.name][index] and task.name not in {t.name for t in member.tasks}
        ]
        if problems:
            raise InputError(f"the ensemble: {'; '.join(problems)}")
        self.tasks = tuple(tasks)
        self.members = nn.ModuleList(members)
        self.weights = {task.name: tuple(float(share) for share in weights[task.name]) for task in tasks}

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """Look the targets up by name; ``support`` is not used. See `Learner.adapt`."""
        unknown = [task.name for task in tasks if task.name not in self.weights]
        if unknown:
            raise InputError(
                f"The model knows no task {', '.join(map(repr, unknown))}; it has {', '.join(self.weights)}."
            )

        def function(_state: object, inputs: Any) -> dict[str, Tensor]:
            answers = [member(inputs) for member in self.members]
            found = {}
            for task in tasks:
                shares = self.weights[task.name]
                used = [index for index, share in enumerate(shares) if share]
                stacked = torch.stack([answers[index][task.name] for index in used])
                found[task.name] = weighted_prediction(
                    task, stacked, stacked.new_tensor([shares[index] for index in used])
                )
            return found

        return Predictor(tasks=tuple(tasks), function=function)

    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """An ensemble is trained member by member.

        Raises:
            InputError: Always.
        """
        raise InputError("An ensemble of trained models is not trained further; train its members.")


def _is_average(shares: Sequence[float], n_members: int) -> bool:
    return len(shares) == n_members and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6
