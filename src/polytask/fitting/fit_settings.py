"""How a table is fitted: settings as people write them, checked in one message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Number
from pathlib import Path
from typing import Any, Self, TypeAlias

from polytask.core.files import user_path
from polytask.core.settings import SettingsCheck
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.target_groups import Groups, check_groups
from polytask.fitting.target_options import check_class_weights, check_metrics, check_target_weights
from polytask.fitting.task_shares import check_task_sampling
from polytask.models.table_config import TableConfig, check_used

__all__ = ["FitSettings", "GroupFinder"]

GroupFinder: TypeAlias = Callable[[PreparedTable, int], Groups]
"""Finds the groups that are asked for as ``"auto"``, from a table and the seed of the fit."""

_OF_ONE_ARCHITECTURE = ("bins", "members", "soft_strength")  # None for "not asked", refused elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How a table is fitted, its columns apart; see `polytask.fit` for each setting.

    Args:
        config: The form of the model, and how it is trained.
        folds: How many, or what `folds_by_splitter` takes; None for a number that fits the table.
        repeats: How often rows are dealt anew.
        baselines: Whether a model for each target alone is trained, too.
        class_weights: How much each class counts, as `check_class_weights` returns it.
        target_weights: How much each target counts in the loss of what is shared; None for all alike.
        metrics: Which metric judges each target, by name; None for the first of its kind.
        task_sampling: By which law tasks are drawn or count, see `polytask.fitting.task_shares`.
        sampling_temperature: Of the law ``"temperature"``; None for its usual one.
        groups: Which targets are trained together, as `check_groups` returns it; None for all.
        find_groups: Finds them where ``groups`` is ``"auto"``.
        seed: Decides everything random.
        time_budget: Seconds after which training stops; None for as long as it takes.
        resume_folder: Where a killed fit continues; None for nowhere.
        accelerator: As in Lightning Fabric.
        precision: As in `polytask.train.train`.
        progress: Show a line with phase and time left.
    """

    config: TableConfig = field(default_factory=TableConfig)
    folds: Any = None
    repeats: int = 1
    baselines: bool = True
    class_weights: Any = None
    target_weights: Any = None
    metrics: Any = None
    task_sampling: str | None = None
    sampling_temperature: float | None = None
    groups: Any = None
    find_groups: GroupFinder | None = None
    seed: int = 0
    time_budget: float | None = None
    resume_folder: Path | None = None
    accelerator: str = "cpu"
    precision: str = "32-true"
    progress: bool = False

    @classmethod
    def checked(cls, given: Mapping[str, Any], *, find_groups: GroupFinder | None = None) -> Self:
        """Take settings as people write them, those of `TableConfig` and those of the fit in one mapping.

        Args:
            given: The settings.
            find_groups: Finds groups that are asked for as ``"auto"``.

        Raises:
            InputError: Whatever is wrong with any of them, in one message.

        Example:
            >>> FitSettings.checked({"width": 8, "repeats": 2}).config.width
            8
        """
        defaults = {entry.name: entry.default for entry in fields(cls)}
        of_fit = [name for name in defaults if name not in ("config", "find_groups")]
        of_model = [entry.name for entry in fields(TableConfig)]
        call: dict[str, Any] = {name: defaults[name] for name in of_fit}
        call |= {name: given[name] for name in of_fit if name in given}
        asked = {
            name: value
            for name, value in given.items()
            if name not in of_fit and not (name in _OF_ONE_ARCHITECTURE and value is None)
        }
        check = SettingsCheck()
        check.names(asked, [*of_model, *of_fit])
        check_used(check, asked)
        call |= {
            "repeats": check.whole("repeats", call["repeats"], least=1),
            "seed": check.whole("seed", call["seed"], least=0),
            "baselines": check.flag("baselines", call["baselines"]),
            "progress": check.shown("progress", call["progress"]),
            "accelerator": check.accelerator("accelerator", call["accelerator"]),
            "precision": check.precision("precision", call["precision"]),
            "class_weights": check_class_weights(check, call["class_weights"]),
            "target_weights": check_target_weights(check, call["target_weights"]),
            "metrics": check_metrics(check, call["metrics"]),
            "groups": check_groups(check, call["groups"]),
        }
        check_task_sampling(check, call["task_sampling"], call["sampling_temperature"])
        balancing = asked.get("balancing", "equal")
        if call["target_weights"] and isinstance(balancing, str) and balancing != "equal":
            check.unused("target_weights", "balancing", balancing, ["equal"])
        if isinstance(call["folds"], Number):
            call["folds"] = check.whole("folds", call["folds"], least=2)
        if call["time_budget"] is not None:
            call["time_budget"] = check.number("time_budget", call["time_budget"], above=0)
        check.folder("resume_folder", call["resume_folder"])
        config = check.finish(
            lambda: TableConfig(**{name: value for name, value in asked.items() if name in of_model})
        )
        folder = call.pop("resume_folder")
        return cls(
            config=config,
            resume_folder=None if folder is None else user_path(folder),
            find_groups=find_groups,
            **call,
        )
