"""Figures in words: an interval, a gain, the name of a metric."""

import math

from polytask.core import Interval

__all__ = ["SHARES", "gain_text", "interval_text", "metric_name", "metric_text", "value_text"]

SHARES = ("accuracy", "balanced_accuracy", "auroc", "f1", "average_precision")
"""Metrics that are written in percent."""


def interval_text(interval: Interval | None, metric: str) -> str:
    """Write a metric: shares in percent, errors in their units with about three significant digits.

    Example:
        >>> interval_text(Interval(mean=0.00001234, half_width=0.000002, n=3), "rmse")
        '1.23e-05 ± 2.00e-06'
        >>> interval_text(Interval(mean=-0.000849, half_width=0.00219, n=3), "r2")  # of a constant answer
        '-0.001 ± 0.002'
        >>> interval_text(None, "auroc")
        '–'
    """
    if interval is None or math.isnan(interval.mean):
        return "–"
    if metric in SHARES:
        return interval.format(1, scale=100)
    size = abs(interval.mean)
    if metric == "r2" and size < 1e-3:
        return interval.format(3)
    if size and not 1e-3 <= size < 1e7:
        width = "" if math.isnan(interval.half_width) else f" ± {interval.half_width:.2e}"
        return f"{interval.mean:.2e}{width}"
    digits = 3 if size >= 0.1 else 5
    return interval.format(digits if size < 1 else 2 if size < 100 else 0)


def gain_text(gain: Interval | None) -> str:
    """Write a gain in percent; a dash where it is unknown."""
    return "–" if gain is None else gain.format(1)


def value_text(interval: Interval | None, metric: str) -> str:
    """Write a metric with its name and unit, as within a sentence.

    Example:
        >>> value_text(Interval(mean=0.914, half_width=0.012, n=600), "accuracy")
        'accuracy 91.4 ± 1.2 %'
    """
    return f"{metric} {interval_text(interval, metric)}{' %' if metric in SHARES else ''}"


_NAMES = {"rmse": "RMSE", "mae": "MAE", "r2": "R²", "auroc": "AUROC", "f1": "F1", "brier": "Brier score"}


def metric_name(metric: str) -> str:
    """Name a metric as a report does.

    Example:
        >>> metric_name("balanced_accuracy"), metric_name("rmse")
        ('balanced accuracy, %', 'RMSE')
    """
    name = _NAMES.get(metric, metric.replace("_", " "))
    return f"{name}, %" if metric in SHARES else name


def metric_text(metric: str) -> str:
    """Name a metric with its unit."""
    return f"{metric} %" if metric in SHARES else metric
