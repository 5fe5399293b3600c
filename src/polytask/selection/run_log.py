"""What was run so far: scores of configurations on tasks, kept in a JSON file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.core.files import user_path, write_atomically
from polytask.core.strict_json import format_json, parse_json

__all__ = ["RunLog"]

_FORMAT = "polytask run log 1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunLog:
    """Scores of configurations on tasks.

    Args:
        tasks: Names of the tasks, all different.
        configurations: Names of the configurations, all different: learners, or settings of one.
        scores: Float ``[task, configuration]``, kept as float64; NaN where a configuration was not run or
            failed.
        higher_is_better: Whether scores are gains, such as accuracy, or losses.
        feature_names: Names of the meta-features.
        features: Float ``[task, meta-feature]``; None where there are none.

    Raises:
        InputError: Something does not fit; the message lists all of it.

    Example:
        >>> log = RunLog(tasks=("a", "b"), configurations=("small", "large"), higher_is_better=True,
        ...              scores=torch.tensor([[0.9, 0.5], [0.6, 0.7]]))
        >>> log.regrets()
        tensor([[0., 1.],
                [1., 0.]], dtype=torch.float64)
    """

    tasks: tuple[str, ...]
    configurations: tuple[str, ...]
    scores: Tensor
    higher_is_better: bool
    feature_names: tuple[str, ...] = ()
    features: Tensor | None = None

    def __post_init__(self) -> None:
        problems = [
            f"{what} repeat or are empty: {', '.join(map(repr, names)) or 'there is none'}"
            for what, names in (("`tasks`", self.tasks), ("`configurations`", self.configurations))
            if not names or len(set(names)) < len(names) or not all(names)
        ]
        shape = (len(self.tasks), len(self.configurations))
        if self.scores.shape != shape:
            problems.append(
                f"`scores` has shape {tuple(self.scores.shape)}, not [task, configuration] {shape}"
            )
        else:
            if self.scores.isinf().any():
                problems.append("a score is infinite; put NaN where a run failed")
            without = self.scores.isnan().all(1).nonzero().flatten().tolist()
            if without:
                names = ", ".join(repr(self.tasks[row]) for row in without)
                problems.append(f"there is no score at all of {names}; drop the task")
        wide = (len(self.tasks), len(self.feature_names))
        if self.features is None and self.feature_names:
            problems.append("there are `feature_names` without `features`")
        if self.features is not None and self.features.shape != wide:
            problems.append(f"`features` has shape {tuple(self.features.shape)}, not [task, name] {wide}")
        if self.features is not None and not self.features.isfinite().all():
            problems.append("a meta-feature is not finite; `task_features` gives finite ones")
        if problems:
            raise InputError("RunLog: " + "; ".join(problems) + ".")
        object.__setattr__(self, "scores", self.scores.detach().double().cpu())
        if self.features is not None:
            object.__setattr__(self, "features", self.features.detach().double().cpu())

    def regrets(self) -> Tensor:
        """Return each task's losses between its best run, 0, and its worst, 1: ``[task, configuration]``.

        All are 0 where they do not differ. What is missing is 1: a configuration is not trusted unseen.
        """
        losses = -self.scores if self.higher_is_better else self.scores
        missing = losses.isnan()
        best = torch.where(missing, torch.inf, losses).amin(1, keepdim=True)
        worst = torch.where(missing, -torch.inf, losses).amax(1, keepdim=True)
        # Halved first, so that not even the largest numbers overflow.
        spread = worst / 2 - best / 2
        scaled = (losses / 2 - best / 2) / torch.where(spread > 0, spread, 1.0)
        return torch.where(missing, 1.0, scaled)

    def rows(self, indices: Sequence[int]) -> "RunLog":
        """Keep the tasks at these indices."""
        kept = list(indices)
        return RunLog(
            tasks=tuple(self.tasks[row] for row in kept),
            configurations=self.configurations,
            scores=self.scores[kept],
            higher_is_better=self.higher_is_better,
            feature_names=self.feature_names,
            features=None if self.features is None else self.features[kept],
        )

    def save(self, path: str | Path) -> None:
        """Write the log as JSON, whole or not at all; a missing score is null."""
        content = {
            "format": _FORMAT,
            "tasks": list(self.tasks),
            "configurations": list(self.configurations),
            "higher_is_better": self.higher_is_better,
            "scores": [[None if math.isnan(x) else x for x in row] for row in self.scores.tolist()],
            "feature_names": list(self.feature_names),
            "features": None if self.features is None else self.features.tolist(),
        }
        text = format_json(content, indent=1) + "\n"
        write_atomically(path, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, path: str | Path) -> "RunLog":
        """Read what `save` wrote.

        Raises:
            InputError: The file is missing, no JSON, of another format, or what it holds does not fit.
        """
        try:
            content = parse_json(user_path(path).read_bytes())
        except OSError as error:
            raise InputError(f"The run log {path} cannot be read: {error.strerror}.") from error
        except InputError as error:
            raise InputError(f"The run log {path} is no JSON: {error}. Save it again.") from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise InputError(f'The file {path} is no run log: its "format" is not {_FORMAT!r}.')
        try:
            return _read(content)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"The run log {path} is damaged: {what}") from error


def _read(content: dict[str, Any]) -> RunLog:
    scores = [[math.nan if score is None else score for score in row] for row in content["scores"]]
    features = content["features"]
    if not isinstance(content["higher_is_better"], bool):
        raise InputError('"higher_is_better" is neither true nor false.')
    return RunLog(
        tasks=_names(content["tasks"]),
        configurations=_names(content["configurations"]),
        scores=torch.tensor(scores, dtype=torch.float64),
        higher_is_better=content["higher_is_better"],
        feature_names=_names(content["feature_names"]),
        features=None if features is None else torch.tensor(features, dtype=torch.float64),
    )


def _names(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError("names are not a list of texts.")
    return tuple(values)
