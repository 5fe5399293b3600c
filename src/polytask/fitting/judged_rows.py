"""How right a network that reads rows is about others."""

import numpy as np
import torch

from polytask.fitting.new_task_scores import RowPredictions
from polytask.models.in_context_model import InContextModel
from polytask.models.known_rows import KnownRows

__all__ = ["LEAST_PROBABILITY", "judged_rows", "judged_classes"]

LEAST_PROBABILITY = 1e-6
"""That a class counts with at least, so that one that a learner never met does not decide alone."""


def judged_rows(model: InContextModel, asked: KnownRows, numbers: np.ndarray | None) -> RowPredictions:
    """Answer rows by what a model knows, and judge the answers.

    Args:
        model: The model.
        asked: The rows, with their labels as the network has them.
        numbers: The labels of numbers in units of the columns, float64 ``[row, target]``; None for classes.
    """
    targets = model.targets
    if numbers is None:
        log_p = torch.zeros(len(asked), dtype=torch.float64)
        decided = torch.zeros(len(asked), dtype=torch.int64)
        codes = asked.labels[:, 0].long()
        for answers in model.row_predictions(asked.inputs, asked.task, together=True):
            log_p[answers.rows] = answers.log_probability(codes[answers.rows])
            decided[answers.rows] = answers.decided()
        return judged_classes(log_p.numpy(), decided.numpy() != codes.numpy())
    shape = (len(asked), len(targets))
    mean, level = np.zeros(shape), np.zeros(shape)
    density = np.zeros(len(asked))
    labels = asked.labels.double()
    for answers in model.row_predictions(asked.inputs, asked.task, together=True):
        rows = answers.rows.numpy()
        density[rows] = answers.log_density(targets, numbers[rows])
        for index, found in enumerate(answers.numbers):
            mean[rows, index] = targets[index].units(found.mean()).numpy()
            level[rows, index] = (2 * found.below(labels[answers.rows, index]) - 1).abs().numpy()
    return RowPredictions(error=(mean - numbers) ** 2, log_density=density, level=level)


def judged_classes(log_p: np.ndarray, wrong: np.ndarray) -> RowPredictions:
    """Judge answers by the log probability of the right class ``[row]``, and whether they are wrong."""
    return RowPredictions(
        error=wrong[:, None].astype(float),
        log_density=np.maximum(log_p, np.log(LEAST_PROBABILITY)),
        level=np.full((len(wrong), 1), np.nan),
    )
