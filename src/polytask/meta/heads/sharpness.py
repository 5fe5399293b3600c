"""How sure scores are: the factor by which they become the logits of probabilities."""

import numpy as np

from polytask.meta.heads.softmax import log_softmax, softmax

__all__ = ["best_sharpness", "calibration_gap", "expected_calibration_error", "log_losses"]

_WIDEST = 6.0  # standard deviations of the prior within which the factor is sought
_BINS = 15


def log_losses(scores: np.ndarray, labels: np.ndarray, sharpness: float = 1.0) -> np.ndarray:
    """Return the log loss of every row ``[row]`` for scores ``[row, class]``."""
    return -log_softmax(sharpness * scores)[np.arange(len(labels)), labels]


def best_sharpness(scores: np.ndarray, labels: np.ndarray, *, usual: float, spread: float = 0.7) -> float:
    r"""Return the factor :math:`\beta` of the scores for which held-out rows are least surprising.

    .. math::
        \min_\beta \; \sum_i -\log \mathrm{softmax}(\beta s_i)_{y_i}
        + \frac{(\log \beta - \log \beta_0)^2}{2 \sigma^2}

    Args:
        scores: Of rows that the head was not fitted to, ``[row, class]``; there may be none.
        labels: Their classes.
        usual: :math:`\beta_0`, what other tasks had.
        spread: :math:`\sigma`, how much tasks differ in it.

    References:
        Chuan Guo, Geoff Pleiss, Yu Sun, Kilian Q. Weinberger, "On Calibration of Modern Neural Networks",
        ICML 2017, arXiv:1706.04599, section 4.2: a temperature is its inverse. The prior is ours: where all
        rows are right, no finite factor is best.
    """
    if not len(labels):
        return usual
    from scipy.optimize import minimize_scalar  # a predictor that is loaded has no need of it

    middle = float(np.log(usual))

    def surprise(logarithm: float) -> float:
        far = (logarithm - middle) / spread
        return float(log_losses(scores, labels, float(np.exp(logarithm))).sum() + far**2 / 2)

    bounds = (middle - _WIDEST * spread, middle + _WIDEST * spread)
    return float(np.exp(minimize_scalar(surprise, bounds=bounds, method="bounded").x))


def expected_calibration_error(scores: np.ndarray, labels: np.ndarray, sharpness: float) -> float:
    """Return `calibration_gap` of scores ``[row, class]`` times a sharpness."""
    return calibration_gap(softmax(sharpness * scores), labels)


def calibration_gap(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error: how far off the probability of the answer is, on average.

    Rows are put into 15 bins of equal width by the probability of the class that is answered; the difference
    between its mean and the share of right answers is averaged over bins, weighted by their rows.

    Args:
        probabilities: ``[row, class]``.
        labels: The class of each row.

    References:
        Guo et al., as in `best_sharpness`, section 2.
    """
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    index = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(index, weights=sure - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(labels))
