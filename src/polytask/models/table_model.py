"""A trained model of a table's targets."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import InputError, Learner, Task, generator
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.data import TableEncoder
from polytask.data.tables.features import EncodingReport
from polytask.data.tables.large_table import LargeTable, open_table, table_pieces
from polytask.data.tables.target_column import TargetColumn
from polytask.models.bundle import Bundle
from polytask.models.bundle_tensors import build_filled
from polytask.models.calibration import Calibration
from polytask.models.encoded_rows import encoded_rows
from polytask.models.kept_columns import beside, kept_columns
from polytask.models.prediction_file import WrittenPredictions, numbered, write_pieces
from polytask.models.report_details import ReportDetails
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.stored_ensemble import ensemble_to_json, read_ensemble
from polytask.models.table_config import TableConfig
from polytask.models.table_ensemble import TableEnsemble
from polytask.models.table_learner import build_table_learner
from polytask.models.table_regions import region_columns
from polytask.models.table_results import FitResults
from polytask.models.tensor_parts import named_part, other_parts, taken_part
from polytask.models.text_vectors import provide_pretrained_texts

__all__ = ["TableModel"]

_ROWS_AT_ONCE = 4096  # so that an ensemble of 32 wide networks takes some 100 MB
_CALIBRATION = "calibration."  # in the names of tensors


class TableModel(SavedModel):
    """Predicts several targets of a table's rows; made by `polytask.fit` or `polytask.load`.

    Args:
        learner: The trained model; any that `Learner.adapt` makes answer by the names of the targets.
        encoder: Encodes the features.
        targets: Decode the predictions.
        config: How it was built.
        data: Where it came from: fingerprint, column roles.
        results: Its figures on held-out rows; None for a loaded model.
        calibration: What held-out rows say of its certainty; None for models of earlier versions.
        details: What a report shows beside the results; None for a loaded model, which has them on disk.
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
        calibration: Calibration | None = None,
        details: ReportDetails | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.encoder = encoder
        self.targets = targets
        self.config = config
        self.data = data
        self.results = results
        self.calibration = calibration
        self.details = details
        provide_pretrained_texts()

    def predict(
        self, table: Any, *, intervals: float | None = None, joint: bool = False, keep: Any = ()
    ) -> pd.DataFrame:
        """Predict every target of every row.

        A category never seen in training counts as none of the known ones, and a missing column as missing
        values; both are reported by a `DataWarning`.

        Args:
            table: Rows with the feature columns, in whatever `read_table` reads; targets and other columns
                are ignored.
            intervals: The share of rows whose label shall lie in an interval or a set of classes, as 0.9;
                None for answers alone. What this promises, and what not: `polytask.models.table_regions`.
            joint: Whether that is the share of rows whose labels of *all* targets lie inside together.
            keep: Columns of the table that are put in front of the answers, by name; one, or several.

        Returns:
            One row per input row. A target's column holds its answer, in the units or classes of the training
            table and of their type; ``TARGET:p(CLASS)`` its probabilities. With ``intervals``,
            ``TARGET:low`` and ``TARGET:high`` in units of the column, or ``TARGET:set``, as ``a|b``.

        Raises:
            DataError: The table cannot be read, has none of the model's columns, or a column holds something
                else than in training.
            InputError: Intervals are asked for at an impossible level, or of a model that has none; or the
                table lacks a column that is to be kept.

        Warns:
            DataWarning: Rows have something that was not there in training, or a level takes more labels.
        """
        radii, reports = self._radii(intervals, joint=joint), []
        pieces = list(self._predicted(open_table(table), radii, reports, keep))
        warn_all(_messages(reports), stacklevel=2)
        return pieces[0] if len(pieces) == 1 else pd.concat(pieces)

    def predict_to(
        self,
        table: Any,
        output: str | Path,
        *,
        intervals: float | None = None,
        joint: bool = False,
        keep: Any = (),
        row_numbers: bool = False,
    ) -> WrittenPredictions:
        """Predict every target of every row, and write the answers into a file; see `predict`.

        A table of more than a million rows is read, predicted and written piece by piece, so that it takes no
        more memory than a smaller one. The file is whole or not there.

        Args:
            table: As for `predict`.
            output: A file that ends in ``.csv`` or ``.parquet``.
            intervals: As for `predict`.
            joint: As for `predict`.
            keep: As for `predict`.
            row_numbers: Whether a column ``row`` tells the number of each row in the table, from 1.

        Returns:
            How many rows were written, and which columns.

        Raises:
            DataError: As for `predict`.
            InputError: As for `predict`; or the file cannot be written.

        Warns:
            DataWarning: As for `predict`.
        """
        radii, reports = self._radii(intervals, joint=joint), []
        pieces = self._predicted(open_table(table), radii, reports, keep)
        written = write_pieces(numbered(pieces) if row_numbers else pieces, output)
        warn_all(_messages(reports), stacklevel=2)
        return written

    def _predicted(
        self,
        table: pd.DataFrame | LargeTable,
        radii: Mapping[str, float],
        reports: list[EncodingReport],
        keep: Any,
    ) -> Iterator[pd.DataFrame]:
        """Give the answers piece by piece; the last of the reports is about all of them."""
        kept = kept_columns(keep, table)
        for frame in table_pieces(table, [*self.encoder.columns, *kept]):
            inputs, report = self.encoder.transform(frame)
            reports.append(reports[-1].with_more(report) if reports else report)
            yield beside(frame, kept, self._answers(frame, inputs, radii))

    def _answers(self, frame: pd.DataFrame, inputs: Tensor, radii: Mapping[str, float]) -> pd.DataFrame:
        outputs = self.network_outputs(inputs)
        columns: dict[str, np.ndarray] = {}
        for target in self.targets:
            name = target.task.name
            found = target.decode(outputs[name])
            if self.calibration is not None and name in radii:
                calibration = self.calibration.targets[name]
                found |= region_columns(target, calibration, radii[name], outputs[name], inputs)
            columns |= {f"{name}:{suffix}" if suffix else name: values for suffix, values in found.items()}
        return pd.DataFrame(columns, index=frame.index)

    def outputs(self, frame: pd.DataFrame, *, stacklevel: int = 2) -> dict[str, Tensor]:
        """Return what the networks say of every row, before it becomes units and classes.

        Args:
            frame: A table, as `read_table` returns it.
            stacklevel: Whose line warnings point at; 2 for the caller's.

        Returns:
            By target ``[row, n_outputs]``: a standardized number, or logits, divided by their temperature.
        """
        return self.network_outputs(encoded_rows(self.encoder, frame, stacklevel=stacklevel))

    def network_outputs(self, inputs: Tensor) -> dict[str, Tensor]:
        """Run the networks on encoded rows ``[row, feature]``, a limited number at a time; see `outputs`."""
        device = next(self.learner.parameters()).device
        names = [target.task.name for target in self.targets]
        with torch.inference_mode():
            predictor = self.learner.adapt([target.task for target in self.targets])
            parts = [predictor(part.to(device)) for part in inputs.split(_ROWS_AT_ONCE)]
            found = {name: torch.cat([part[name].float().cpu() for part in parts]) for name in names}
        if self.calibration is None:
            return found
        tasks = [target.task for target in self.targets]
        return {task.name: self.calibration.sharpen(task, found[task.name]) for task in tasks}

    def _radii(self, level: float | None, *, joint: bool) -> dict[str, float]:
        """Return the radius of every target's regions; none where none are asked for."""
        if level is None:
            if joint:
                raise InputError("`joint` is about intervals: ask for them by `intervals`, as 0.9.")
            return {}
        check = SettingsCheck()
        check.number("intervals", level, above=0, below=1)
        joint = check.flag("joint", joint)
        check.done()
        if self.calibration is None:
            raise InputError(
                "`intervals` need what held-out rows said of the model, but an earlier version saved it "
                "without. Fit the model again."
            )
        radii, notes = self.calibration.radii(float(level), joint=joint)
        warn_all(notes, stacklevel=3)
        return radii

    def evaluate(self, table: Any) -> pd.DataFrame:
        """Measure the predictions for new rows with labels; see `polytask.estimators.evaluate_table`."""
        return polytask.estimators.evaluate_table(self, table, stacklevel=3)

    def importance(
        self, table: Any, *, n_repeats: int = 5, sample_rows: int | None = None, seed: int = 0
    ) -> pd.DataFrame:
        """Tell how much each target needs each column; see `polytask.estimators.importance`."""
        return polytask.estimators.importance(
            self, table, n_repeats=n_repeats, sample_rows=sample_rows, seed=seed, stacklevel=3
        )

    def export(self, path: str | Path) -> Path:
        """Write the networks for other programs, as ONNX; see `polytask.estimators.export_table`."""
        return polytask.estimators.export_table(self, path)

    def __repr__(self) -> str:
        """Name the targets with their kinds, the rows, and the seconds of training."""
        targets = ", ".join(f"{target.task.name!r}: {target.kind}" for target in self.targets)
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
            config["ensemble"] = ensemble_to_json(self.learner)
        tensors = self.learner.state_dict()
        if self.calibration is not None:
            config["calibration"] = self.calibration.to_json()
            tensors |= named_part(_CALIBRATION, self.calibration.tensors())
        return Contents(
            config=config, tensors=tensors, data=self.data, results=self.results, details=self.details
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        config = TableConfig.from_json(part(bundle, "model"))
        encoder = TableEncoder.from_json(part(bundle, "encoder"))
        targets = _read_targets(part(bundle, "targets"))
        tensors = other_parts(_CALIBRATION, bundle.tensors)
        if config.depth > len(tensors):
            raise InputError(f"`depth` is {config.depth}, but there are {len(tensors)} weights")
        tasks = [target.task for target in targets]
        described = bundle.config.get("ensemble")
        if described is None:  # a bundle of one network
            learner = build_filled(lambda: build_table_learner(tasks, encoder.n_features, config), tensors)
        else:
            learner = read_ensemble(described, tensors, tasks, encoder.n_features, config)
        calibration = _read_calibration(bundle, tasks, encoder.n_features)
        return cls(learner, encoder, targets, config=config, data=bundle.data, calibration=calibration)

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Predict a few standardized rows."""
        tasks = [target.task for target in self.targets]
        rows = torch.randn(16, self.encoder.n_features, generator=generator(0, "trial"), dtype=torch.float32)
        with torch.inference_mode():
            return tasks, self.learner.adapt(tasks)(rows.to(next(self.learner.parameters()).device))


def _messages(reports: Sequence[EncodingReport]) -> Sequence[str]:
    """Say what was noteworthy of new rows, by the last report."""
    return reports[-1].messages(fitting=False) if reports else ()


def _read_calibration(bundle: Bundle, tasks: Sequence[Task], n_features: int) -> Calibration | None:
    """Read what held-out rows said; None where an earlier version saved the model."""
    tensors = taken_part(_CALIBRATION, bundle.tensors)
    if "calibration" not in bundle.config and not tensors:
        return None
    names = [task.name for task in tasks]
    return Calibration.read(part(bundle, "calibration"), tensors, names=names, n_features=n_features)


def _read_targets(entries: Any) -> tuple[TargetColumn, ...]:
    if not isinstance(entries, list) or not entries:
        raise InputError("the description has no list of targets")
    targets = tuple(TargetColumn.from_json(entry) for entry in entries)
    if len({target.task.name for target in targets}) < len(targets):
        raise InputError("two targets have the same name")
    return targets
