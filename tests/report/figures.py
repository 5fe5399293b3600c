"""Results of a fit, made up."""

from polytask.core import Interval
from polytask.models.table_results import FitResults, TaskResult


def interval(mean: float, half_width: float = 0.02) -> Interval:
    return Interval(mean=mean, half_width=half_width, n=20)


def task_result(name: str, *, gain: float = 20.0, p_value: float | None = 0.01, **others) -> TaskResult:
    """A regression in which joint training gains so many percent."""
    return TaskResult(
        task=name, kind="regression", metric="rmse", joint={"rmse": interval(1.21), "mae": interval(1.0)},
        baseline={"rmse": interval(1.51), "mae": interval(1.0)}, gain=interval(gain, 3.0), p_value=p_value,
        **others,
    )  # fmt: skip


def fit_results(*tasks: TaskResult, compared: bool = True, **others) -> FitResults:
    gains = [one.gain.mean for one in tasks if one.gain]
    settings = {
        "delta_m": interval(sum(gains) / len(gains)) if compared else None,
        "n_folds": 5, "n_repeats": 1, "n_parameters": {"joint": 5, "separate": 10 if compared else 0},
        "rows": {"table": 10, "labelled": 9, "judged": 8}, "seconds": 1.0, "messages": (),
    }  # fmt: skip
    return FitResults(tasks=tasks, **{**settings, **others})
