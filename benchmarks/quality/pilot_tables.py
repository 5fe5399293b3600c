"""The tables of `pilot_probability.py`: those of `tables.py`, wide ones, and some whose rows are tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from table_sets import TABLES, TableSet

from polytask.datasets import (
    chembl5,
    fashion_titles,
    heart_sites,
    parkinsons,
    sarcos_test,
    school,
    tox21,
    toxcast,
)
from polytask.datasets.formats.molecules_file import Molecules

__all__ = ["PILOT_TABLES", "PilotTable"]

_WIDE, _BITS, _DRAWN = 12, 128, 4000  # assays and bits of the larger collections, and rows of large tables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PilotTable:
    """A table to relate.

    Args:
        table: Its rows, and what is asked of it.
        task_column: The column whose values are the tasks; None where the targets are.
    """

    table: TableSet
    task_column: str | None = None


def _sarcos() -> PilotTable:
    found = sarcos_test()
    frame = pd.DataFrame(np.asarray(found.data.inputs), columns=list(found.feature_names)).astype(float)
    for task in found.tasks:
        frame[task.name] = found.data.targets[task.name].double().numpy()
    return PilotTable(
        table=TableSet(frame=frame, targets=dict.fromkeys([task.name for task in found.tasks], "regression"))
    )


def _molecules(load: Callable[[], Molecules], assays: Sequence[int] | None = None) -> PilotTable:
    """Take the assays with most labels, rows with any of them, and the bits that vary most."""
    found = load()
    counts = found.n_labels()
    columns = np.argsort(-counts, kind="stable")[:_WIDE] if assays is None else np.asarray(assays)
    labels = found.labels[:, columns]
    rows = np.flatnonzero(~np.isnan(labels).all(1))[:_DRAWN]
    bits = found.fingerprints().numpy()[rows]
    chosen = np.sort(np.argsort(-bits.var(0), kind="stable")[:_BITS])
    frame = pd.DataFrame(bits[:, chosen], columns=[f"bit {bit}" for bit in chosen]).astype(float)
    kind = "binary" if found.kind == "binary" else "regression"
    names = [found.assays[column] for column in columns]
    for index, name in enumerate(names):
        values = labels[rows, index]
        frame[name] = (
            values.astype(float)
            if kind == "regression"
            else pd.Series(values).map({0.0: "inactive", 1.0: "active"}).astype(object)
        )
    return PilotTable(table=TableSet(frame=frame, targets=dict.fromkeys(names, kind)))


def _fashion() -> PilotTable:
    frame = fashion_titles()
    targets: dict[str, str] = {}
    for name in ("gender", "masterCategory", "season", "usage"):
        targets[name] = "multiclass"
    return PilotTable(
        table=TableSet(
            frame=frame[["title", *targets]].sample(_DRAWN, random_state=0).reset_index(drop=True),
            targets=targets,
        )
    )


def _schools() -> PilotTable:
    """The first 30 schools."""
    found = school()
    frame = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names)).astype(float)
    frame["school"] = found.schools.numpy()
    frame["score"] = found.scores.double().numpy()
    frame = frame[frame["school"] < 30].reset_index(drop=True)
    return PilotTable(table=TableSet(frame=frame, targets={"score": "regression"}), task_column="school")


def _hospitals() -> PilotTable:
    found = heart_sites()
    frame = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names)).astype(float)
    frame["hospital"] = np.asarray(found.site_names)[found.sites.numpy()]
    frame["disease"] = np.where(found.severity.numpy() > 0, "yes", "no")
    return PilotTable(table=TableSet(frame=frame, targets={"disease": "binary"}), task_column="hospital")


def _patients() -> PilotTable:
    """The first 12 patients."""
    found = parkinsons()
    frame = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names)).astype(float)
    frame["patient"] = found.patients.numpy()
    frame["total UPDRS"] = found.scores[:, 1].double().numpy()
    names = sorted(frame["patient"].unique())[:12]
    frame = frame[frame["patient"].isin(names)].reset_index(drop=True)
    return PilotTable(
        table=TableSet(frame=frame, targets={"total UPDRS": "regression"}), task_column="patient"
    )


PILOT_TABLES: Mapping[str, Callable[[], PilotTable]] = {
    **{name: lambda load=load: PilotTable(table=load()) for name, load in TABLES.items()},
    "sarcos": _sarcos,
    "tox21": lambda: _molecules(tox21, range(12)),
    "toxcast": lambda: _molecules(toxcast),
    "chembl5": lambda: _molecules(chembl5),
    "fashion": _fashion,
    "school": _schools,
    "hospitals": _hospitals,
    "patients": _patients,
}
"""What loads each table, by name."""
