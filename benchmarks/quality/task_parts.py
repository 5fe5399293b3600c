"""Whole tasks of a table in parts, each of which is new once: how learners of small tasks are measured."""

import argparse
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results import write_results  # beside this file

from polytask.core import derive_seed, mean_interval
from polytask.core.random import numpy_generator
from polytask.estimators.learn_tasks import trained_network, tried_learners
from polytask.estimators.task_learning import TaskLearning
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.task_learner_table import TaskLearnerTable
from polytask.fitting.task_learner_trials import Trial
from polytask.fitting.task_table_fit import fit_task_table
from polytask.models import InContextModel, TaskTableModel

__all__ = ["Figures", "by_parts", "learned", "measure_sets"]

Figures = dict[tuple[str, int], list[tuple[float, float]]]
"""By method and number of known rows: two figures of each task."""


def learned(
    known: pd.DataFrame, read: TaskLearnerTable, name: str, how: TaskLearning, *, seed: int
) -> tuple[Trial, InContextModel | TaskTableModel]:
    """Try a learner on folds of known tasks, and let it learn from all of them."""
    trial = tried_learners(read, how)[name]
    if name != "mixed":
        return trial, trained_network(read, name, trial, how)
    settings = FitSettings.checked({"baselines": False, "seed": seed, "progress": False})
    return trial, fit_task_table(known, how.columns, settings, "task")


def by_parts(
    name: str,
    table: pd.DataFrame,
    part: Callable[[pd.DataFrame, pd.DataFrame, int, dict[str, float]], tuple[Figures, str]],
    *,
    n_parts: int,
    n_rows: Sequence[int],
    metrics: tuple[str, str],
    seed: int,
) -> dict[str, object]:
    """Return the figures of a set, over the tasks of all parts.

    Args:
        name: Of the set.
        table: Its rows, with a column ``task``.
        part: Learns from known rows and judges on new ones, by a seed; adds to the seconds of each learner,
            and returns figures and which learner was chosen.
        n_parts: Into how many parts the tasks are dealt.
        n_rows: How many rows of a new task are known.
        metrics: What the two figures are.
        seed: Decides the parts.
    """
    tasks = np.sort(table["task"].unique())
    place = numpy_generator(seed, "parts").permutation(len(tasks)) % n_parts
    seconds: dict[str, float] = {}
    joined: Figures = {}
    chosen = []
    for index in range(n_parts):
        new = table["task"].isin(tasks[place == index]).to_numpy()
        known, asked = table[~new].reset_index(drop=True), table[new].reset_index(drop=True)
        found, taken = part(known, asked, derive_seed(seed, name, index) % 2**31, seconds)
        chosen.append(taken)
        for key, values in found.items():
            joined.setdefault(key, []).extend(values)
        print(name, index, taken, {key: round(value) for key, value in seconds.items()}, flush=True)
    methods: dict[str, object] = {}
    for method in dict.fromkeys(key for key, _ in joined):
        rows = {}
        for n in n_rows:
            if values := joined.get((method, n)):
                columns = (list(map(float, column)) for column in zip(*values, strict=True))
                rows[str(n)] = {
                    metric: mean_interval(column).to_json()
                    for metric, column in zip(metrics, columns, strict=True)
                }
        methods[method] = rows
    return {
        "tasks": len(tasks),
        "rows": len(table),
        "methods": methods,
        "auto_chose": chosen,
        "cpu_seconds": {key: round(value, 1) for key, value in seconds.items()},
    }


def measure_sets(
    measured: Callable[[str], dict[str, object]],
    *,
    about: str | None,
    sets: Sequence[str],
    results: Path,
    setting: Mapping[str, Any],
    seed: int,
    split: str,
) -> None:
    """Measure the sets that are named at the command line, beside those that were measured before."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="+", choices=sets, default=sets)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in parser.parse_args().set:
        found = measured(name)
        figures = json.loads(results.read_text())["figures"] if results.exists() else {}
        figures[name] = found
        write_results(results, setting=dict(setting), figures=figures, seed=seed, threads=1, split=split)
