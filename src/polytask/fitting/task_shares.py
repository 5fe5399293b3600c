r"""How much tasks with many and with few labels count beside each other, by a law of task sampling.

With :math:`n_t` labels of task :math:`t` its share is :math:`n_t` (proportional), :math:`n_t^{1/\tau}`
(temperature) or 1 (round robin). Where `polytask.data.TaskSampling` draws tasks by these shares, a fit of a
table has all of them in every step and weighs their losses by the shares: the same update on average, with
less noise. Tasks are the targets, or those of a task column.

References:
    Naveen Arivazhagan et al., "Massively Multilingual Neural Machine Translation in the Wild: Findings and
    Challenges", 2019, arXiv:1907.05019: temperatures, of which 5 is theirs.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from polytask.core import InputError
from polytask.core.settings import SettingsCheck
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.target_curriculum import CURRICULA

__all__ = ["TASK_SAMPLINGS", "check_task_sampling", "task_shares", "with_task_sampling"]

TASK_SAMPLINGS = ("proportional", "temperature", "round-robin")
"""Laws by numbers of labels; beside them there are `polytask.fitting.target_curriculum.CURRICULA`."""

_TEMPERATURE = 5.0


def check_task_sampling(check: SettingsCheck, law: Any, temperature: Any) -> None:
    """Check a law of sampling and its temperature; None where they are not asked for."""
    if law is not None:
        check.choice("task_sampling", law, (*TASK_SAMPLINGS, *CURRICULA))
    if temperature is not None:
        check.number("sampling_temperature", temperature, above=0)
        if law != "temperature":
            check.problems.append(
                "`sampling_temperature` is used with `task_sampling='temperature'` alone; leave it out, or "
                "choose that"
            )


def task_shares(counts: np.ndarray, law: str, temperature: float | None = None) -> np.ndarray:
    """Return the share of each task, float64 ``[task]``, of sum 1.

    Args:
        counts: Labels of each, 1 at least.
        law: One of `TASK_SAMPLINGS`.
        temperature: Of that law; None for 5.

    Example:
        >>> task_shares(np.array([100, 1]), "temperature", 2).round(3).tolist()
        [0.909, 0.091]
    """
    usual = _TEMPERATURE if temperature is None else temperature
    exponent = {"proportional": 1.0, "temperature": 1 / usual, "round-robin": 0.0}[law]
    logs = exponent * np.log(counts)
    shares = np.exp(logs - logs.max())  # the largest is 1, whatever the exponent
    return shares / shares.sum()


def with_task_sampling(
    prepared: PreparedTable, law: str | None, temperature: float | None, *, of_tasks: bool
) -> PreparedTable:
    """Let tasks count in training as often as they would be drawn.

    Args:
        prepared: The rows, and weights of targets.
        law: One of `TASK_SAMPLINGS` or of `CURRICULA`, which training follows; None to leave everything.
        temperature: Of that law; None for 5.
        of_tasks: Whether the tasks are those of a task column, in ``prepared.groups``; otherwise the targets.

    Raises:
        InputError: There is one target alone, and no task column.
    """
    if law is None:
        return prepared
    if of_tasks and prepared.groups is not None:
        tasks = np.unique(prepared.groups, return_inverse=True)[1].reshape(-1)
        if law in CURRICULA:
            return replace(prepared, curriculum=law, curriculum_tasks=torch.from_numpy(tasks))
        counts = np.bincount(tasks)
        of_row = (task_shares(counts, law, temperature) / counts)[tasks]
        return replace(prepared, weights=torch.from_numpy(of_row * len(of_row)).float())
    names = [task.name for task in prepared.tasks]
    if len(names) < 2:
        raise InputError(
            f"`task_sampling` says how much tasks count beside each other, but the target {names[0]!r} is "
            "the only one. Leave it out, or give a `task_column` or further targets."
        )
    if law in CURRICULA:
        return replace(prepared, curriculum=law)
    counts = np.array([max(prepared.rows.n_labels(name), 1) for name in names])
    shares = task_shares(counts, law, temperature) * [
        prepared.target_weights.get(name, 1.0) for name in names
    ]
    weights = dict(zip(names, (shares / shares.mean()).tolist(), strict=True))
    return replace(prepared, target_weights=weights)
