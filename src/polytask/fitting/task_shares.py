r"""How much tasks with many and with few labels count beside each other, by a law of task sampling.

With :math:`n_t` labels of task :math:`t` its share is :math:`n_t` (proportional), :math:`n_t^{1/\tau}`
(temperature) or 1 (round robin), or follows from losses. **Tasks of a task column** are drawn by these
shares: rows of batches come by `polytask.fitting.task_draws`. Rows that judge, and so decide when training
stops, count by the shares of a law by numbers of labels; with one that follows from losses they count alike.

**Targets** of a table are not drawn: their losses are weighed by the shares. A row has labels of several
targets, and drawing it for one of them would draw those of all others, too; and a step computes the outputs
of a row for all targets at once, so that a draw would spare nothing. In the loss of a step each target has
the mean over its labels there, so how often these come is no weight. Losses weighed by the shares are the
update that draws of targets would have on average, with less noise.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from polytask.core import InputError
from polytask.core.settings import SettingsCheck
from polytask.data.steps.sampling_law import SAMPLING_LAWS, USUAL_TEMPERATURE, sampling_shares
from polytask.data.tables.large_table import LARGE_ROWS
from polytask.fitting.table_ensemble_fit import stacked
from polytask.fitting.table_preparation import PreparedTable
from polytask.fitting.target_curriculum import CURRICULA
from polytask.fitting.task_draws import TaskDraws
from polytask.models.table_config import TableConfig

__all__ = ["check_task_sampling", "refuse_task_sampling", "shares_of_targets", "with_task_sampling"]


def check_task_sampling(check: SettingsCheck, law: Any, temperature: Any) -> None:
    """Check a law of sampling and its temperature; None where they are not asked for."""
    if law is not None:
        check.choice("task_sampling", law, (*SAMPLING_LAWS, *CURRICULA))
    if temperature is not None:
        check.number("sampling_temperature", temperature, above=0)
        if law != "temperature":
            check.problems.append(
                "`sampling_temperature` is used with `task_sampling='temperature'` alone; leave it out, or "
                "choose that"
            )


def refuse_task_sampling(law: str | None, config: TableConfig, *, of_tasks: bool, in_pieces: bool) -> None:
    """Refuse a law of sampling that does not go with how networks are trained, or with the table.

    Args:
        law: The law; None where none is asked for.
        config: How networks are trained.
        of_tasks: Whether the tasks are those of a task column; otherwise the targets.
        in_pieces: Whether the table is read in pieces.

    Raises:
        InputError: It does not go with them.
    """
    if law in CURRICULA and in_pieces:
        raise InputError(
            f"`task_sampling={law!r}` does not go with a table that is read in pieces. Choose temperature, "
            f"or give at most {LARGE_ROWS:,} rows."
        )
    if law in CURRICULA and not stacked(config):
        raise InputError(
            f"`task_sampling={law!r}` follows what rows that are held out say of each task, which is known "
            "where the networks of all folds are trained at once, but those of "
            f"`architecture={config.architecture!r}` with `balancing={config.balancing!r}` are trained fold "
            "after fold. Choose temperature or round-robin, or `architecture='hard'` and `balancing='equal'`."
        )
    if law is not None and not of_tasks and config.balancing != "equal":
        raise InputError(
            f"`task_sampling` weighs the losses of targets, which `balancing={config.balancing!r}` does "
            "itself. Leave one of them out, or give a `task_column`, whose tasks are drawn."
        )


def with_task_sampling(
    prepared: PreparedTable, law: str | None, temperature: float | None, *, of_tasks: bool
) -> PreparedTable:
    """Let tasks of a task column be drawn, or targets count as often as they would be.

    Args:
        prepared: The rows, and weights of targets.
        law: One of `SAMPLING_LAWS` or of `CURRICULA`, which training follows; None to leave everything.
        temperature: Of that law; None for 5.
        of_tasks: Whether the tasks are those of a task column, in ``prepared.groups``; otherwise the targets.

    Raises:
        InputError: There is one target alone, and no task column.
    """
    if law is None:
        return prepared
    temperature = USUAL_TEMPERATURE if temperature is None else temperature
    if of_tasks and prepared.groups is not None:
        return _with_draws(prepared, law, temperature, prepared.groups)
    names = [task.name for task in prepared.tasks]
    if len(names) < 2:
        raise InputError(
            f"`task_sampling` says how much tasks count beside each other, but the target {names[0]!r} is "
            "the only one. Leave it out, or give a `task_column` or further targets."
        )
    if law in CURRICULA:
        return replace(prepared, curriculum=law)
    counts = np.array([max(prepared.rows.n_labels(name), 1) for name in names])
    shares = sampling_shares(counts, law, temperature) * [
        prepared.target_weights.get(name, 1.0) for name in names
    ]
    weights = dict(zip(names, (shares / shares.mean()).tolist(), strict=True))
    return replace(prepared, target_weights=weights)


def shares_of_targets(prepared: PreparedTable, law: str | None) -> dict[str, float] | None:
    """Tell the share of each target in the common loss, of sum 1; None without a law, or if losses decide.

    Args:
        prepared: What `with_task_sampling` returned.
        law: By which law targets count.
    """
    if law is None or law in CURRICULA:
        return None
    weights = {task.name: prepared.target_weights.get(task.name, 1.0) for task in prepared.tasks}
    return {name: round(weight / sum(weights.values()), 4) for name, weight in weights.items()}


def _with_draws(prepared: PreparedTable, law: str, temperature: float, groups: np.ndarray) -> PreparedTable:
    """Let rows be drawn by their tasks; in proportion to rows they are without a law, each once an epoch."""
    if law == "proportional" or temperature == 1:
        return prepared
    tasks = np.unique(groups, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(tasks)
    draws = TaskDraws(
        law=law,
        task=torch.from_numpy(tasks),
        numbers=torch.arange(len(counts)),
        temperature=temperature,
    )
    if draws.follows:
        return replace(prepared, draws=draws)
    of_row = (sampling_shares(counts, law, temperature) / counts)[tasks]
    return replace(prepared, draws=draws, weights=torch.from_numpy(of_row * len(of_row)).float())
