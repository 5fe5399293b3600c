"""A trained model of a table's targets."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import DataWarning, InputError, Learner, SharedModel, Task, generator
from polytask.core.records import record_from_json
from polytask.data import TableEncoder, read_table
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.bundle_tensors import build_filled
from polytask.models.network_stack import StackedEnsemble, StackPlan
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.models.table_learner import build_table_learner
from polytask.models.table_results import FitResults

__all__ = ["TableModel"]

_ROWS_AT_ONCE = 4096  # so that an ensemble of 32 wide networks takes some 100 MB


class TableModel(SavedModel):
    """Predicts several targets of a table's rows; made by `polytask.fit` or `polytask.load`.

    Args:
        learner: The trained model; any that `Learner.adapt` makes answer by the names of the targets.
        encoder: Encodes the features.
        targets: Decode the predictions.
        config: How it was built.
        data: Where it came from: fingerprint, column roles.
        results: Its figures on held-out rows; None for a loaded model.
    """

    kind = "table"

    def __init__(
        self,
        learner: Learner,
        encoder: TableEncoder,
        targets: tuple[TargetColumn, ...],
        *,
        config: TableConfig,
        data: dict[str, object],
        results: FitResults | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.encoder = encoder
        self.targets = targets
        self.config = config
        self.data = data
        self.results = results

    def predict(self, table: Any) -> pd.DataFrame:
        """Predict every target of every row.

        A category never seen in training counts as none of the known ones, and a missing column as missing
        values; both are reported by a `DataWarning`.

        Args:
            table: Rows with the feature columns, in whatever `read_table` reads; targets and other columns
                are ignored.

        Returns:
            One row per input row. A target's column holds its answer, in the units or classes of the training
            table and of their type; ``TARGET:p(CLASS)`` its probabilities.

        Raises:
            DataError: The table cannot be read, has none of the model's columns, or a column holds something
                else than in training.
        """
        frame = read_table(table)
        outputs = self.outputs(frame, stacklevel=3)
        columns: dict[str, np.ndarray] = {}
        for target in self.targets:
            name = target.task.name
            for suffix, values in target.decode(outputs[name]).items():
                columns[f"{name}:{suffix}" if suffix else name] = values
        return pd.DataFrame(columns, index=frame.index)

    def outputs(self, frame: pd.DataFrame, *, stacklevel: int = 2) -> dict[str, Tensor]:
        """Return what the networks say of every row, before it becomes units and classes.

        Args:
            frame: A table, as `read_table` returns it.
            stacklevel: Whose line warnings point at; 2 for the caller's.

        Returns:
            By target ``[row, n_outputs]``: a standardized number, or logits.
        """
        inputs, report = self.encoder.transform(frame)
        for message in report.messages(fitting=False):
            warnings.warn(message, DataWarning, stacklevel=stacklevel)
        return self.network_outputs(inputs)

    def network_outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        """Run the networks on encoded rows ``[row, feature]``, a limited number at a time; see `outputs`."""
        device = next(self.learner.parameters()).device
        names = [target.task.name for target in self.targets]
        with torch.inference_mode():
            predictor = self.learner.adapt([target.task for target in self.targets])
            parts = [predictor(part.to(device)) for part in inputs.split(_ROWS_AT_ONCE)]
            return {name: torch.cat([part[name].float().cpu() for part in parts]) for name in names}

    def evaluate(self, table: Any) -> pd.DataFrame:
        """Measure the predictions for new rows with labels; see `polytask.estimators.evaluate_table`."""
        return polytask.estimators.evaluate_table(self, table, stacklevel=3)

    def importance(self, table: Any, *, n_repeats: int = 5, seed: int = 0) -> pd.DataFrame:
        """Tell how much each target needs each column; see `polytask.estimators.importance`."""
        return polytask.estimators.importance(self, table, n_repeats=n_repeats, seed=seed, stacklevel=3)

    def export(self, path: str | Path) -> Path:
        """Write the networks for other programs, as ONNX; see `polytask.estimators.export_table`."""
        return polytask.estimators.export_table(self, path)

    def __repr__(self) -> str:
        """Name the targets with their kinds, the rows, and the seconds of training."""
        targets = ", ".join(f"{target.task.name!r}: {target.task.kind}" for target in self.targets)
        rows = self.data.get("rows")
        seconds = None if self.results is None else f"{self.results.seconds:.1f} s of training"
        facts = [None if rows is None else f"{rows} rows", seconds]
        return f"TableModel({'; '.join([f'{{{targets}}}', *filter(None, facts)])})"

    def _contents(self) -> Contents:
        config = {
            "model": self.config.to_json(),
            "encoder": self.encoder.to_json(),
            "targets": [target.to_json() for target in self.targets],
        }
        if isinstance(self.learner, TableEnsemble):
            config["ensemble"] = _ensemble_to_json(self.learner)
        return Contents(
            config=config, tensors=self.learner.state_dict(), data=self.data, results=self.results
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        config = TableConfig.from_json(part(bundle, "model"))
        encoder = TableEncoder.from_json(part(bundle, "encoder"))
        targets = _read_targets(part(bundle, "targets"))
        if config.depth > len(bundle.tensors):
            raise InputError(f"`depth` is {config.depth}, but there are {len(bundle.tensors)} weights")
        tasks = [target.task for target in targets]
        described = bundle.config.get("ensemble")
        stored = None if described is None else record_from_json(_Stored, described, name="the ensemble")
        if stored is not None and len(stored.members) > len(bundle.tensors):
            raise InputError(
                f"the ensemble has {len(stored.members)} members, but {len(bundle.tensors)} weights"
            )
        if stored is not None:
            _check_plans(stored, bundle.tensors)
        learner = build_filled(lambda: _build(tasks, encoder.n_features, config, stored), bundle.tensors)
        return cls(learner, encoder, targets, config=config, data=bundle.data)

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Predict a few standardized rows."""
        tasks = [target.task for target in self.targets]
        rows = torch.randn(16, self.encoder.n_features, generator=generator(0, "trial"), dtype=torch.float32)
        with torch.inference_mode():
            return tasks, self.learner.adapt(tasks)(rows.to(next(self.learner.parameters()).device))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """An ensemble as plain JSON.

    Args:
        members: The plan of each member; None for a model as the settings say.
        weights: Of each member, by target.
    """

    members: tuple[dict | None, ...]
    weights: Mapping[str, tuple[float, ...]]


def _check_plans(stored: _Stored, tensors: Mapping[str, Tensor]) -> None:
    """Refuse plans of other networks than there are weights for, before lists of their size are made."""
    for index, described in enumerate(stored.members):
        if described is None:
            continue
        plan, edges = StackPlan.from_json(described), tensors.get(f"members.{index}.embedding.lower")
        if plan.depth > len(tensors) or sum(plan.n_bins) != (0 if edges is None else edges.numel()):
            raise InputError(f"member {index} of the ensemble has other layers or bins than weights")


def _ensemble_to_json(ensemble: TableEnsemble) -> dict[str, Any]:
    plans = [
        member.plan.to_json() if isinstance(member, StackedEnsemble) else None for member in ensemble.members
    ]
    return {"members": plans, "weights": {name: list(shares) for name, shares in ensemble.weights.items()}}


def _build(tasks: Sequence[Task], n_features: int, config: TableConfig, stored: _Stored | None) -> Learner:
    """Build the untrained model that a bundle describes."""
    if stored is None:  # a bundle of one network
        return build_table_learner(tasks, n_features, config)
    members: list[SharedModel | StackedEnsemble] = []
    for described in stored.members:
        if described is None:
            members.append(build_table_learner(tasks, n_features, config))
            continue
        plan = StackPlan.from_json(described)
        named = [task for task in tasks if task.name in plan.targets]
        members.append(StackedEnsemble(named, n_features, plan))
    return TableEnsemble(tasks, members, stored.weights)


def _read_targets(entries: Any) -> tuple[TargetColumn, ...]:
    if not isinstance(entries, list) or not entries:
        raise InputError("the description has no list of targets")
    targets = tuple(TargetColumn.from_json(entry) for entry in entries)
    if len({target.task.name for target in targets}) < len(targets):
        raise InputError("two targets have the same name")
    return targets
