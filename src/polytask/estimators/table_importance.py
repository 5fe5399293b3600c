"""How much each target of a table model needs each column."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import DataWarning, generator
from polytask.core.settings import SettingsCheck
from polytask.data import TableEncoder
from polytask.estimators.table_evaluation import LabelledRows, labelled_rows
from polytask.evaluate.constant import constant_predictor
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import row_losses
from polytask.models.table_model import TableModel

__all__ = ["importance"]


def importance(
    model: TableModel, table: Any, *, n_repeats: int = 5, seed: int = 0, stacklevel: int = 2
) -> pd.DataFrame:
    r"""Tell how much worse each target is predicted when a column is shuffled.

    .. math:: (L_s - L) / L_c

    with the loss :math:`L` (squared error, or log loss) on the table, :math:`L_s` with the column's values
    dealt to other rows at random, and :math:`L_c` of the constant answer that is best for these labels. 0
    means that the column is not used; 1, that shuffling it costs as much as the constant answer is off.
    Columns that tell the same are each found unimportant, as the other one is still there.

    Args:
        model: The model.
        table: Rows with labels, best such as the model was not trained on; see `evaluate_table`.
        n_repeats: How often each column is shuffled.
        seed: Decides how.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Returns:
        A row for each column in use, those of most use first. By target ``importance``, the mean over the
        repeats, and ``spread``, their standard deviation; NaN where labels are all equal.

    Raises:
        InputError: A setting is wrong.
        DataError: The table has no label of any target, or one that the model does not know.

    References:
        Leo Breiman, "Random Forests", Machine Learning 45, 2001, section 10.
    """
    check = SettingsCheck()
    n_repeats = check.whole("n_repeats", n_repeats, least=1)
    seed = check.whole("seed", seed, least=0)
    check.done()
    rows = labelled_rows(model, table)
    inputs, report = model.encoder.transform(rows.frame)
    for message in report.messages(fitting=False):
        warnings.warn(message, DataWarning, stacklevel=stacklevel)
    before = _losses(rows, model.network_outputs(inputs))
    units = _constant_losses(rows)
    found: dict[str, Tensor] = {}
    for column, place in _places(model.encoder).items():
        draw = generator(seed, "importance", column)
        repeats = []
        for _ in range(n_repeats):
            shuffled = inputs.clone()
            shuffled[:, place] = inputs[torch.randperm(len(inputs), generator=draw)][:, place]
            repeats.append((_losses(rows, model.network_outputs(shuffled)) - before) / units)
        found[column] = torch.stack(repeats)  # [repeat, target]
    return _framed(found, [task.name for task in rows.tasks])


def _losses(rows: LabelledRows, outputs: Mapping[str, Tensor]) -> Tensor:
    """Return the mean loss of each target ``[target]``."""
    return torch.stack(
        [row_losses(task, outputs[task.name].double(), rows.labels).mean() for task in rows.tasks]
    )


def _constant_losses(rows: LabelledRows) -> Tensor:
    """Return those of the best constant answers; NaN where labels are all equal."""
    losses = _losses(rows, all_predictions(constant_predictor(rows.tasks, rows.labels), rows.labels))
    targets, masks = rows.labels.targets, rows.labels.masks
    differ = [len(targets[task.name][masks[task.name]].unique()) > 1 for task in rows.tasks]
    return torch.where(torch.tensor(differ), losses, torch.nan)


def _places(encoder: TableEncoder) -> dict[str, slice]:
    """Tell which features are a column's: shuffled together, they are the column shuffled."""
    places, start = {}, 0
    for encoding in encoder.encodings:
        places[encoding.name] = slice(start, start + len(encoding.feature_names))
        start += len(encoding.feature_names)
    return places


def _framed(found: Mapping[str, Tensor], names: list[str]) -> pd.DataFrame:
    """Return means and spreads of ``[repeat, target]`` by column, those of most use first."""
    means = np.stack([values.mean(0).numpy() for values in found.values()])  # [column, target]
    spreads = np.stack(
        [values.std(0, correction=min(1, len(values) - 1)).numpy() for values in found.values()]
    )
    columns = pd.MultiIndex.from_product([names, ["importance", "spread"]], names=["target", "statistic"])
    figures = np.stack([means, spreads], axis=-1).reshape(len(found), -1)
    frame = pd.DataFrame(figures, index=pd.Index(list(found), name="column"), columns=columns)
    order = np.argsort(-np.nan_to_num(means).mean(axis=1), kind="stable")
    return frame.iloc[order]
