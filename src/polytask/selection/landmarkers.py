"""How simple rules fare on a table, each row answered without it, in closed form."""

import numpy as np

__all__ = ["landmarkers"]

_PENALTIES = {"ridge error": 0.01, "strong ridge error": 1.0}
_MOST_NEIGHBOURS = 512


def landmarkers(inputs: np.ndarray, outputs: np.ndarray, *, classes: bool) -> dict[str, float]:
    r"""Return leave-one-out errors of five rules.

    For classes an error is the share of wrong decisions; for a regression the root of the mean squared error
    over that of the mean of all rows, and 1 where the target is constant. The rules:

    - constant: the most frequent class, or the mean;
    - nearest mean: the class with the nearest mean; for a regression the mean target of the nearer of two
      halves, of rows below and above the median;
    - ridge and strong ridge: ridge regression of the outputs with penalty :math:`0.01 n` and :math:`n` on
      coefficients of standardized features, none on the offset;
    - neighbour: the nearest row's target, among 512 rows at most, evenly spaced in the given order.

    A row's error without it is exact; only scaling, and the halves of a regression, have seen it. With a
    single row every error is 1.

    Args:
        inputs: Standardized, 0 where missing, ``[row, feature]``.
        outputs: One-hot classes, or the standardized target, ``[row, output]``.
        classes: Whether the outputs are classes.

    Example:
        >>> line = np.linspace(-1.5, 1.5, 9)[:, None]
        >>> found = landmarkers(line, line, classes=False)
        >>> round(found["constant error"], 3), round(found["neighbour error"], 3)  # 9 / 8, a step's length
        (1.125, 0.387)
    """
    if len(inputs) < 2:
        return dict.fromkeys(("constant error", "nearest mean error", *_PENALTIES, "neighbour error"), 1.0)
    n_rows = len(inputs)
    without = (outputs.sum(0) - outputs) / (n_rows - 1)  # [row, output]
    half = outputs[:, 0] > np.median(outputs[:, 0])
    groups = outputs if classes else np.stack([~half, half], axis=1).astype(np.float64)
    answers = {"constant error": without, "nearest mean error": _nearest_mean(inputs, groups, outputs)}
    left, singular, _ = np.linalg.svd(inputs, full_matrices=False)
    for name, penalty in _PENALTIES.items():
        answers[name] = _ridge(left, singular, outputs, penalty * n_rows)
    found = {name: _error(answer, outputs, classes) for name, answer in answers.items()}
    kept = np.unique(np.linspace(0, n_rows - 1, min(n_rows, _MOST_NEIGHBOURS)).round().astype(int))
    found["neighbour error"] = _error(_neighbour(inputs[kept], outputs[kept]), outputs[kept], classes)
    return found


def _nearest_mean(inputs: np.ndarray, groups: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Answer each row by the mean outputs of the group with the nearest mean, without that row.

    A row alone in its group leaves none: that group then cannot be chosen.
    """
    own = groups.argmax(1)
    count = groups.sum(0)
    means = groups.T @ inputs / np.maximum(count, 1)[:, None]  # [group, feature]
    distances = ((inputs**2).sum(1)[:, None] - 2 * inputs @ means.T + (means**2).sum(1)).clip(min=0)
    distances[:, count == 0] = np.inf
    rows = np.arange(len(inputs))
    n_own = count[own]
    # Without a row the mean of its group is farther from it by n / (n - 1).
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(n_own > 1, n_own / (n_own - 1), np.inf)
        distances[rows, own] = np.where(n_own > 1, distances[rows, own] * factor**2, np.inf)
    chosen = distances.argmin(1)
    values = groups.T @ outputs  # [group, output]
    mine = chosen == own
    totals = values[chosen] - np.where(mine[:, None], outputs, 0)
    return totals / np.maximum(count[chosen] - mine, 1)[:, None]


def _ridge(left: np.ndarray, singular: np.ndarray, outputs: np.ndarray, penalty: float) -> np.ndarray:
    """Answer each row by the ridge regression on the others: ``y - (y - f) / (1 - h)``."""
    shrunk = singular**2 / (singular**2 + penalty)
    mean = outputs.mean(0)
    fitted = mean + left @ (shrunk[:, None] * (left.T @ (outputs - mean)))
    leverage = 1 / len(outputs) + (left**2 * shrunk).sum(1)  # below 1, by the penalty
    return outputs - (outputs - fitted) / (1 - leverage)[:, None]


def _neighbour(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    squares = (inputs**2).sum(1)
    distances = squares[:, None] - 2 * inputs @ inputs.T + squares
    np.fill_diagonal(distances, np.inf)
    return outputs[distances.argmin(1)]


def _error(answers: np.ndarray, outputs: np.ndarray, classes: bool) -> float:
    if classes:
        return float((answers.argmax(1) != outputs.argmax(1)).mean())
    variance = outputs.var(0).mean()
    if variance < 1e-12:
        return 1.0
    return float(np.sqrt(((answers - outputs) ** 2).mean() / variance))
