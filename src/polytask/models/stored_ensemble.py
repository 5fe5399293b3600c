"""An ensemble as a bundle holds it: which members it has, how each is built, and how much each counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from polytask.core import InputError, SharedModel, Task
from polytask.core.records import record_from_json
from polytask.models.bundle_tensors import build_filled
from polytask.models.network_stack import StackedEnsemble
from polytask.models.stack_plan import StackPlan
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.models.table_learner import build_table_learner

__all__ = ["ensemble_to_json", "read_ensemble"]


def ensemble_to_json(ensemble: TableEnsemble) -> dict[str, Any]:
    """Describe an ensemble as plain JSON, its weights apart."""
    names = [task.name for task in ensemble.tasks]
    members: list[dict[str, Any] | None] = []
    for member in ensemble.members:
        if isinstance(member, StackedEnsemble):
            members.append(member.plan.to_json())
        else:
            ours = [task.name for task in cast(SharedModel, member).tasks]
            members.append(None if ours == names else {"targets": ours})
    return {"members": members, "weights": {name: list(shares) for name, shares in ensemble.weights.items()}}


def read_ensemble(
    described: Any,
    tensors: Mapping[str, Tensor],
    tasks: Sequence[Task],
    n_features: int,
    config: TableConfig,
) -> TableEnsemble:
    """Build what `ensemble_to_json` described.

    Args:
        described: What it wrote.
        tensors: The weights, by name.
        tasks: The targets.
        n_features: Features of a row.
        config: How members are built that are no `StackedEnsemble`.

    Raises:
        InputError: It is something else, or the weights are of another ensemble.
    """
    stored = record_from_json(_Stored, described, name="the ensemble")
    if len(stored.members) > len(tensors):
        raise InputError(f"the ensemble has {len(stored.members)} members, but {len(tensors)} weights")
    _check_plans(stored, tensors)
    return build_filled(lambda: _built(stored, tasks, n_features, config), tensors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """An ensemble as plain JSON.

    Args:
        members: The plan of each member; of a model as the settings say its targets, None for all.
        weights: Of each member, by target.
    """

    members: tuple[dict | None, ...]
    weights: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A member of some of the targets, built as the settings say."""

    targets: tuple[str, ...]


def _check_plans(stored: _Stored, tensors: Mapping[str, Tensor]) -> None:
    """Refuse plans of other networks than there are weights for, before lists of their size are made."""
    for index, described in enumerate(stored.members):
        if described is None or "stages" not in described:
            continue
        plan, edges = StackPlan.from_json(described), tensors.get(f"members.{index}.embedding.lower")
        if plan.depth > len(tensors) or sum(plan.n_bins) != (0 if edges is None else edges.numel()):
            raise InputError(f"member {index} of the ensemble has other layers or bins than weights")


def _built(stored: _Stored, tasks: Sequence[Task], n_features: int, config: TableConfig) -> TableEnsemble:
    """Build the untrained ensemble."""
    members: list[SharedModel | StackedEnsemble] = []
    for described in stored.members:
        if described is None or "stages" not in described:
            ours = None if described is None else record_from_json(_Part, described, name="a member").targets
            whose = [task for task in tasks if ours is None or task.name in ours]
            members.append(build_table_learner(whose, n_features, config))
            continue
        plan = StackPlan.from_json(described)
        named = [task for task in tasks if task.name in plan.targets]
        members.append(StackedEnsemble(named, n_features, plan))
    return TableEnsemble(tasks, members, stored.weights)
