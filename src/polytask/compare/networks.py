"""Networks as candidates: a model for each target, or for several together."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

import polytask  # its room `relate` is looked up when groups are asked for
from polytask.compare.candidate import Candidate, Fitted, Settings, as_predictions
from polytask.compare.network_space import check_network_space, network_space
from polytask.compare.search_space import Space
from polytask.compare.table_rows import TableRows
from polytask.core import InputError, ResultWarning, derive_seed
from polytask.core.names import counted
from polytask.fitting.table_ensemble_fit import fit_ensemble, stacked
from polytask.fitting.table_folds import usual_folds
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.target_groups import AUTO, group_problems, groups_text
from polytask.models.table_config import TableConfig

__all__ = ["JointNetworks", "Networks", "SingleNetworks"]

_LONGEST = 60  # letters of groups in a name
_GRID: tuple[Settings, ...] = (
    {"width": 128},
    {"dropout": 0.3},
    {"learning_rate": 1e-3},
    {"weight_decay": 0.1},
    {"depth": 3},
    {"width": 32, "dropout": 0.0},
    {"width": 256, "dropout": 0.3, "learning_rate": 1e-3},
)


class Networks(Candidate):
    """What all kinds of networks have in common.

    Folds of the training part choose the step at which each target stops, and judge the settings.
    """

    def __init__(self, settings: Mapping[str, Any], *, name: str, words: str) -> None:
        self.name, self.words = name, words
        self.fixed, self.config = dict(settings), TableConfig(**settings)
        grid = [option for option in _GRID if not option.keys() & self.fixed.keys()]
        self.grids = (grid, grid)
        space = network_space(self.config, self.fixed)
        self.spaces = (space, space)
        self.defaults = (self.config.to_json(), self.config.to_json())

    def check_space(self, space: Space) -> None:
        """See `Candidate.check_space`."""
        check_network_space(space, self.fixed)

    def fit_together(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """Fit one model of all targets of the rows."""
        config = TableConfig(**{**self.fixed, **settings})
        if rows.weights is not None and not stacked(config):
            text = "`weight_column` is not used, as these networks take no weights of rows."
            warnings.warn(text, ResultWarning, stacklevel=2)
        folds = rows.folds(usual_folds(len(rows)), seed=derive_seed(seed, "inner folds"))
        fitted = fit_ensemble(
            rows.prepared([folds]),
            config,
            baselines=False,
            seed=derive_seed(seed, "networks"),
            where=Surroundings(),
        )
        predictor = fitted.model.eval().adapt(rows.tasks)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            outputs = predictor(others.batch.inputs)
            return {task.name: as_predictions(task, outputs[task.name]) for task in rows.tasks}

        return Fitted(
            predict=predict,
            out_of_fold={task.name: as_predictions(task, fitted.joint[task.name]) for task in rows.tasks},
        )


class SingleNetworks(Networks):
    """A model of networks for each target, trained on it alone.

    Args:
        settings: Of `TableConfig`, which the candidate does not choose itself.
        name: By which results name it.

    Example:
        >>> SingleNetworks({"epochs": 20}).name
        'single'
    """

    per_target = True

    def __init__(self, settings: Mapping[str, Any] | None = None, *, name: str | None = None) -> None:
        settings = dict(settings or {})
        architecture = settings.get("architecture", "hard")
        usual = "single" if architecture == "hard" else f"single:{architecture}"
        super().__init__(settings, name=name or usual, words="a network for each target")
        self.recipe = {"kind": "single", "settings": self.fixed}

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        return self.fit_together(rows, settings, seed=seed)


class JointNetworks(Networks):
    """One model of networks for several targets.

    Args:
        settings: Of `TableConfig`, which the candidate does not choose itself: among them ``architecture``
            and ``balancing``.
        groups: Targets that are trained together, each in one group; ``"auto"`` for those that
            `polytask.relate` finds in each training part, anew in each fold; None for all together.
        name: By which results name it.

    Example:
        >>> JointNetworks({"architecture": "mmoe", "balancing": "pcgrad"}).name
        'joint:mmoe+pcgrad'
        >>> JointNetworks(groups=[["a", "b"], ["c"]]).name, JointNetworks(groups="auto").name
        ('groups:a,b;c', 'groups:auto')
    """

    per_target = False

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        groups: Sequence[Sequence[str]] | Literal["auto"] | None = None,
        name: str | None = None,
    ) -> None:
        settings = dict(settings or {})
        super().__init__(settings, name="", words="")
        architecture, balancing = self.config.architecture, self.config.balancing
        usual = f"joint:{architecture}" + (f"+{balancing}" if balancing != "equal" else "")
        words = "hard sharing" if architecture == "hard" else f"architecture {architecture}"
        words += f" and balancing {balancing}" if balancing != "equal" else ""
        if groups is not None:
            asked = _shown(groups)
            usual = f"groups:{asked}" + (
                "" if usual == "joint:hard" else f" ({usual.removeprefix('joint:')})"
            )
            words += " in groups that the training rows tell" if groups == AUTO else f" in the groups {asked}"
        self.name, self.words = name or usual, words
        self.groups = groups if groups is None or groups == AUTO else tuple(map(tuple, groups))
        stored = [list(group) for group in self.groups] if isinstance(self.groups, tuple) else self.groups
        self.recipe = {"kind": "joint", "settings": self.fixed, "groups": stored}

    @property
    def single(self) -> str:
        """The name of the networks without the others that it is compared with, if they take part."""
        architecture = self.config.architecture
        return "single" if architecture == "hard" else f"single:{architecture}"

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`.

        Raises:
            InputError: Groups name other targets than the table has.
        """
        if self.groups is None or len(rows.tasks) < 2:
            return self.fit_together(rows, settings, seed=seed)
        groups = self._groups(rows, seed=seed)
        parts = [self.fit_together(rows.only(group), settings, seed=seed) for group in groups]

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            return {name: values for part in parts for name, values in part.predict(others).items()}

        out_of_fold = {
            name: _spread(values, rows, group)
            for group, part in zip(groups, parts, strict=True)
            for name, values in (part.out_of_fold or {}).items()
        }
        return Fitted(predict=predict, out_of_fold=out_of_fold)

    def _groups(self, rows: TableRows, *, seed: int) -> list[list[str]]:
        """Return the groups of the targets that have labels in this part of the table."""
        there = [task.name for task in rows.tasks]
        groups = self.groups
        if groups == AUTO:
            relate: Any = polytask.relate  # a room that is also a function
            groups = relate.related_groups(rows.prepared([]), derive_seed(seed, "groups"))
        return [group for names in groups or () if (group := [name for name in names if name in there])]

    def check_targets(self, names: Sequence[str]) -> None:
        """Refuse groups of other targets.

        Raises:
            InputError: A target is in no group, in two, or is none of the table.
        """
        if not isinstance(self.groups, tuple):
            return
        if problems := group_problems(self.groups, names):
            raise InputError(
                f"The groups of {self.name!r}: {'; '.join(problems)}. Each target belongs in one group: "
                f"{', '.join(names)}."
            )


def _shown(groups: Sequence[Sequence[str]] | Literal["auto"]) -> str:
    """Write groups as they are typed, or how many there are where that is long."""
    if groups == AUTO:
        return AUTO
    text = groups_text(groups)
    n_targets = sum(map(len, groups))
    return text if len(text) <= _LONGEST else f"{n_targets} targets in {counted(len(groups), 'group')}"


def _spread(values: np.ndarray, rows: TableRows, group: Sequence[str]) -> np.ndarray:
    """Put what is known of the rows of a group where they are among all rows; NaN in the others."""
    index = rows.labelled(group)
    spread = np.full((len(rows), *values.shape[1:]), np.nan)
    spread[index] = values
    return spread
