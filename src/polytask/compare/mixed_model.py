"""The model of many tasks as a candidate: what all have in common, and by what each differs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.compare.candidate import Fitted, Settings, as_predictions
from polytask.compare.networks import Networks
from polytask.compare.table_rows import TableRows
from polytask.core import derive_seed
from polytask.fitting.table_calibration import calibrate
from polytask.fitting.table_ensemble_fit import fit_ensemble
from polytask.fitting.table_fit import TrainedTable
from polytask.fitting.table_folds import usual_folds
from polytask.fitting.table_surroundings import Surroundings
from polytask.fitting.task_table_fit import learned_prior
from polytask.models.table_config import TableConfig
from polytask.models.table_model import TableModel
from polytask.models.target_tasks import TargetTasks

__all__ = ["MixedModel"]


class MixedModel(Networks):
    """What `polytask.fit` makes of a table with a task column.

    It answers without intervals: of the calibration the temperature of classes alone counts, so that what
    averaging takes off the distances of numbers (`polytask.fitting.network_spread`) changes nothing.

    Args:
        settings: Of `TableConfig`, which the candidate does not choose itself.

    Example:
        >>> MixedModel({"epochs": 20}).name
        'mixed'
    """

    per_target = False
    needs_tasks = True

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(dict(settings or {}), name="mixed", words="a model of all tasks that knows each")
        self.recipe = {"kind": "mixed", "settings": self.fixed}

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted:
        """See `Candidate.fit`."""
        config = TableConfig(**{**self.fixed, **settings})
        folds = rows.folds(usual_folds(len(rows)), seed=derive_seed(seed, "inner folds"))
        prepared = rows.prepared([folds])
        networks = derive_seed(seed, "networks")
        fitted = fit_ensemble(prepared, config, baselines=False, seed=networks, where=Surroundings())
        calibration, _ = calibrate(prepared, fitted.joint, seed=derive_seed(seed, "blocks"))
        model = TableModel(
            fitted.model, rows.encoder, rows.targets, config=config, data={}, calibration=calibration
        )
        trained = TrainedTable(model=model, prepared=prepared, held_out=fitted.joint)
        inputs = _inputs(rows)
        names, code = np.unique(rows.known_groups, return_inverse=True)
        tasks = _learned(trained, inputs, torch.from_numpy(code.reshape(-1)), len(names), seed=seed)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            place = np.searchsorted(names, others.known_groups).clip(max=len(names) - 1)
            known = names[place] == others.known_groups
            code = torch.from_numpy(np.where(known, place, -1))
            outputs = model.network_outputs(_inputs(others))
            return {
                one.target.name: as_predictions(
                    one.target, one.predictions(_inputs(others), outputs[one.target.name], code)[0]
                )
                for one in tasks
            }

        return Fitted(predict=predict)


def _learned(
    trained: TrainedTable, inputs: Tensor, code: Tensor, n_tasks: int, *, seed: int
) -> list[TargetTasks]:
    """Learn by what tasks differ, and then each task from its rows."""
    outputs, batch = trained.model.network_outputs(inputs), trained.prepared.rows
    found = []
    for target in trained.model.targets:
        name = target.task.name
        prior = learned_prior(trained, target, n_tasks, seed=derive_seed(seed, "tasks", name))
        mask = batch.masks[name]
        labels = batch.targets[name][mask]
        unknown = TargetTasks.unknown(target.task, prior.prior, prior.spread)
        found.append(unknown.learned(inputs[mask], outputs[name][mask], labels, code[mask], n_tasks=n_tasks))
    return found


def _inputs(rows: TableRows) -> Tensor:
    return torch.from_numpy(rows.features)
