"""The tables of `tables.py` as data frames, as their files have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from polytask.datasets import census_income, heart_sites, parkinsons, penguins_table
from polytask.datasets.formats.arff_file import read_arff
from polytask.datasets.location import data_folder, package_folder
from polytask.datasets.mulan import MULAN_TABLES

__all__ = ["TABLES", "TableSet"]

_CENSUS_ROWS = 4000
_DEGREE = ("Bachelors degree(BA AB BS)", "Masters degree(MA MS MEng MEd MSW MBA)")
_MORE_DEGREES = ("Doctorate degree(PhD EdD)", "Prof school degree (MD DDS DVM LLB JD)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSet:
    """A table and what is asked of it.

    Args:
        frame: Its rows.
        targets: Kinds by name.
        group: A column whose values are never on both sides of a split; no feature.
    """

    frame: pd.DataFrame
    targets: Mapping[str, str]
    group: str | None = None


def _mulan(name: str) -> TableSet:
    folder = data_folder("mulan_multitarget")
    columns = read_arff(next(folder.rglob(f"{name}.arff")))
    data: dict[str, np.ndarray | pd.Series] = {}
    for column in columns:
        if column.categories:
            codes = pd.Series(column.values)
            data[column.name] = codes.map(dict(enumerate(column.categories))).astype(object)
        else:
            data[column.name] = column.values.astype(float)
    names = list(data)[-MULAN_TABLES[name] :]
    return TableSet(frame=pd.DataFrame(data), targets=dict.fromkeys(names, "regression"))


def _parkinsons() -> TableSet:
    found = parkinsons()
    frame = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names)).astype(float)
    frame["patient"] = found.patients.numpy()
    names = ("motor UPDRS", "total UPDRS")
    for index, name in enumerate(names):
        frame[name] = found.scores[:, index].double().numpy()
    return TableSet(frame=frame, targets=dict.fromkeys(names, "regression"), group="patient")


def _heart() -> TableSet:
    found = heart_sites()
    frame = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names)).astype(float)
    for name in ("cp", "restecg", "thal", "slope"):  # codes
        frame[name] = frame[name].map(lambda value: None if np.isnan(value) else f"code {value:.0f}")
    frame["hospital"] = np.asarray(found.site_names)[found.sites.numpy()]
    severity = found.severity.numpy()
    frame["disease"] = np.where(severity > 0, "yes", "no")
    frame["severity"] = [f"degree {value}" for value in severity]
    return TableSet(frame=frame, targets={"disease": "binary", "severity": "multiclass"})


def _census() -> TableSet:
    frame = census_income().drop(columns=["instance weight", "marital status"])
    frame = frame.sample(_CENSUS_ROWS, random_state=0).reset_index(drop=True)
    frame["income above 50k"] = np.where(frame["income above 50k"] > 0, "yes", "no")
    frame["never married"] = np.where(frame["never married"] > 0, "yes", "no")
    frame["degree"] = np.where(frame.pop("education").isin([*_DEGREE, *_MORE_DEGREES]), "yes", "no")
    return TableSet(
        frame=frame,
        targets=dict.fromkeys(("income above 50k", "never married", "degree"), "binary"),
    )


def _penguins() -> TableSet:
    return TableSet(
        frame=penguins_table(),
        targets={"species": "multiclass", "body_mass_g": "regression", "sex": "binary"},
    )


def _of_river(file: str, targets: Mapping[str, str]) -> TableSet:
    """Read a file that the package river carries, without importing it: ``pip install --no-deps river``."""
    folder = package_folder("river", extra="builtin", purpose=f"{file}") / "datasets"
    frame = pd.read_csv(folder / file)
    for name, kind in targets.items():
        if kind == "binary":
            frame[name] = np.where(frame[name] > 0, "yes", "no")
    return TableSet(frame=frame, targets=targets)


_VISIBLE = (
    *("andro", "atp1d", "atp7d", "edm", "enb", "jura", "oes10", "oes97", "osales", "scpf"),
    *("sf1", "sf2", "slump", "wq"),
)

TABLES: Mapping[str, Callable[[], TableSet]] = {
    **{name: lambda name=name: _mulan(name) for name in _VISIBLE},
    "parkinsons": _parkinsons,
    "heart": _heart,
    "census": _census,
    "penguins": _penguins,
    "solar-flare": lambda: _of_river(
        "solar-flare.csv.zip", dict.fromkeys((f"{size}-class-flares" for size in "cmx"), "regression")
    ),
    "yeast": lambda: _of_river("yeast.csv.gz", {f"Class{index}": "binary" for index in range(1, 15)}),
}
"""What loads each table, by name."""
