"""The options of `polytask.fit` as a type, for editors and type checkers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

__all__ = ["FitOptions"]


class FitOptions(TypedDict, total=False):
    """What `polytask.fit` takes by name, the task column apart; each is described there."""

    group: str | int | None
    time_column: str | int | None
    weight_column: str | int | None
    fold_column: str | int | None
    text_encoder: str | None
    drop: Any
    groups: Any
    folds: Any
    repeats: int
    baselines: bool
    class_weights: Any
    target_weights: Mapping[str, float] | None
    metrics: Mapping[str, str] | None
    task_sampling: str | None
    sampling_temperature: float | None
    architecture: str
    balancing: str
    heads: str | None
    width: int
    depth: int
    dropout: float
    epochs: int
    patience: int
    learning_rate: float
    weight_decay: float
    batch_size: int | None
    bins: int | None
    members: int | None
    soft_strength: float | None
    seed: int
    time_budget: float | None
    resume_folder: str | Path | None
    accelerator: str
    precision: str
    progress: bool | None
