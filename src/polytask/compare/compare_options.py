"""The options of `polytask.compare` as a type, for editors and type checkers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

__all__ = ["CompareOptions"]


class CompareOptions(TypedDict, total=False):
    """What `polytask.compare` takes by name, the task column apart; each is described there."""

    candidates: Any
    settings: Mapping[str, Any] | None
    directory: str | Path | None
    folds: Any
    repeats: int
    trials: int
    search: int | None
    spaces: Mapping[str, Any] | None
    group: str | int | None
    time_column: str | int | None
    weight_column: str | int | None
    fold_column: str | int | None
    text_encoder: str | None
    task_rows: Any
    metrics: Mapping[str, str] | None
    drop: Any
    seed: int
    time_budget: float | None
    executor: Any
    workers: int | None
    progress: bool | None
    files: Mapping[str, str] | None
