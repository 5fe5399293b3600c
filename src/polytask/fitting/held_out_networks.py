"""The networks of a trained model that did not see a row: what they say of it when its features change."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from polytask.core import Task
from polytask.fitting.table_ensemble_fit import form_members
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.network_stack import StackedEnsemble, output_slices, weighted_prediction
from polytask.models.table_ensemble import TableEnsemble

__all__ = ["HeldOutNetworks"]


class HeldOutNetworks:
    """Answers rows of the training table by the networks of their fold, of the first time they were dealt.

    Where a model has other networks than a fold each, as one of groups whose folds differ, it answers by all
    of them, and `unseen` is False.

    Args:
        model: The model.
        prepared: What it was trained on.
    """

    def __init__(self, model: TableEnsemble, prepared: PreparedTable) -> None:
        self.model, self.prepared = model, prepared
        self.folds = prepared.repeats[0]
        self.fold_of = torch.full((len(prepared.rows),), -1)
        for index, fold in enumerate(self.folds):
            self.fold_of[torch.from_numpy(fold.held_out)] = index
        planned = form_members(prepared, single=False)
        places = zip(planned.repeats, planned.indices)
        self.networks = {index: at for at, (repeat, index) in enumerate(places) if repeat == 0}
        self.unseen = self._a_fold_each(len(planned.folds))

    def _a_fold_each(self, n_networks: int) -> bool:
        stacks = [member for member in self.model.members if isinstance(member, StackedEnsemble)]
        if len(stacks) == len(self.model.members):
            return all(member.plan.n_networks == n_networks for member in stacks)
        return not stacks and len(self.model.members) == sum(map(len, self.prepared.repeats))

    def outputs(self, inputs: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """Answer rows whose features may have been changed.

        Args:
            inputs: Encoded features ``[row, feature]``.
            rows: Which rows of the table they are, long ``[row]``.

        Returns:
            By target ``[row, n_outputs]``; NaN for rows that are in no fold.
        """
        tasks = list(self.model.tasks)
        with torch.inference_mode():
            if not self.unseen:
                answers = self.model.adapt(tasks)(inputs)
                return {task.name: answers[task.name].double() for task in tasks}
            found = {
                task.name: torch.full((len(rows), task.n_outputs), torch.nan, dtype=torch.float64)
                for task in tasks
            }
            for index in range(len(self.folds)):
                here = (self.fold_of[rows] == index).nonzero().squeeze(1)
                if len(here):
                    for name, values in self._of_fold(index, inputs[here]).items():
                        found[name][here] = values.double()
        return found

    def every(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Let every network answer rows, whether it saw them or not.

        Args:
            inputs: Encoded features ``[row, feature]``.
            names: Targets with one output each.

        Returns:
            By target float64 ``[network, row]``, a network for each fold, repeat after repeat.
        """
        tasks = [task for task in self.model.tasks if task.name in names]
        members = list(self.model.members)
        with torch.inference_mode():
            if not isinstance(members[0], StackedEnsemble):
                answers = [member(inputs) for member in members]
                return {
                    task.name: torch.stack([one[task.name][:, 0].double() for one in answers])
                    for task in tasks
                }
            of_members = [_of_networks(cast(StackedEnsemble, member), inputs) for member in members]
            found = {}
            for task in tasks:
                shares = self.model.weights[task.name]
                used = [index for index, share in enumerate(shares) if share]
                parts = [shares[index] * of_members[index][task.name][..., 0].double() for index in used]
                found[task.name] = torch.stack(parts).sum(0)
        return found

    def _of_fold(self, fold: int, inputs: Tensor) -> Mapping[str, Tensor]:
        members = list(self.model.members)
        if not isinstance(members[0], StackedEnsemble):
            return members[fold](inputs)
        answers = [
            _of_network(cast(StackedEnsemble, member), self.networks[fold], inputs) for member in members
        ]
        return {task.name: self._blended(task, answers) for task in self.model.tasks}

    def _blended(self, task: Task, answers: list[dict[str, Tensor]]) -> Tensor:
        shares = self.model.weights[task.name]
        used = [index for index, share in enumerate(shares) if share]
        stacked = torch.stack([answers[index][task.name] for index in used])
        return weighted_prediction(task, stacked, stacked.new_tensor([shares[index] for index in used]))


def _of_network(member: StackedEnsemble, network: int, inputs: Tensor) -> dict[str, Tensor]:
    """Answer rows by one network of a stack."""
    return {name: outputs[network] for name, outputs in _of_networks(member, inputs).items()}


def _of_networks(member: StackedEnsemble, inputs: Tensor) -> dict[str, Tensor]:
    """Answer rows by every network of a stack, ``[network, row, output]``."""
    embedded = member.embedding(inputs)
    by_name = {task.name: task for task in member.tasks}
    answers = {}
    for stage, stack in zip(member.plan.stages, member.stacks):
        outputs = stack(embedded)  # [network, row, output]
        for name, place in output_slices([by_name[name] for name in stage.targets]).items():
            answers[name] = outputs[..., place]
    return answers
