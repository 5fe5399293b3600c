"""The form of an ensemble of stacked networks, as a bundle holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from polytask.core import InputError
from polytask.core.records import record_from_json

__all__ = ["StackPlan", "Stage"]

_MOST_UNITS = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Targets that keep the weights of one step.

    Args:
        step: The step after which these weights were taken.
        targets: Names of the targets.
    """

    step: int
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """The form of a `polytask.models.network_stack.StackedEnsemble`; plain JSON.

    Args:
        n_networks: Networks whose predictions are averaged.
        width: Units of each layer.
        depth: Hidden layers; 0 for a linear model.
        n_bins: For each feature the bins of its piecewise linear encoding; 0 for none.
        stages: Which targets keep which weights.
    """

    n_networks: int
    width: int
    depth: int
    n_bins: tuple[int, ...]
    stages: tuple[Stage, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of all targets."""
        return tuple(name for stage in self.stages for name in stage.targets)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        stages = [{"step": stage.step, "targets": list(stage.targets)} for stage in self.stages]
        return {
            "n_networks": self.n_networks,
            "width": self.width,
            "depth": self.depth,
            "n_bins": list(self.n_bins),
            "stages": stages,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InputError: It is something else.
        """
        stored = record_from_json(_Stored, data, name="the ensemble")
        stages = tuple(record_from_json(Stage, stage, name="a stage") for stage in stored.stages)
        if min(stored.n_networks, stored.width) < 1 or stored.depth < 0 or not stages:
            raise InputError("the ensemble needs a network, a unit and a stage at least")
        if max(stored.n_networks, stored.width) > _MOST_UNITS:
            raise InputError(f"the ensemble has more than {_MOST_UNITS} networks, or units of a layer")
        if min(stored.n_bins, default=0) < 0:
            raise InputError("the ensemble has a negative number of bins")
        return cls(
            n_networks=stored.n_networks,
            width=stored.width,
            depth=stored.depth,
            n_bins=stored.n_bins,
            stages=stages,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    n_networks: int
    width: int
    depth: int
    n_bins: tuple[int, ...]
    stages: tuple[dict, ...]
