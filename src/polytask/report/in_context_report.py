"""The report of a network that reads the rows of a task: what was tried, on tasks that it did not see."""

from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.report.charts.by_rows import by_rows
from polytask.report.common_parts import data_section, how_section, seconds_text
from polytask.report.page import Card, Mark, Page, Part, Section, Table

__all__ = ["in_context_page"]

_BASELINE = "levels"
_NAMES = {_BASELINE: "levels of tasks alone"}


def in_context_page(record: ModelRecord) -> Page:
    """Lay out the report of a model that `polytask.learn` made of a table with a task column.

    Raises:
        BundleError: The stored results are no such things.
        MissingPackageError: matplotlib is not installed.
    """
    with reading_results(record.source):
        results = record.results or {}
        target, n_tasks = str(results["target"]), int(results["n_tasks"])
        trials = list(results["trials"])
        chosen = next(one for one in trials if one["chosen"])
        return Page(
            title=f"Report of a model of {short_name(target)} over {counted(n_tasks, 'task')}",
            headline=_answer(trials, chosen, short_name(target)),
            lead="It reads the known rows of a task each time that it answers others; nothing is trained for "
            "a new task.",
            cards=[
                Card(label="Tasks", value=f"{n_tasks:,}", note=f"{int(results['n_rows']):,} labelled rows"),
                Card(label="Learner", value=str(chosen["learner"]), note=f"{len(trials) - 1} tried"),
                Card(
                    label="Training",
                    value=seconds_text(float(results["seconds"] or 0)),
                    note=f"{int(results['n_parameters']):,} weights, {int(results['steps'])} steps",
                ),
            ],
            sections=[
                Section(title="A new task, by its known rows", parts=_figures(trials, target)),
                data_section(record, {}, [str(note) for note in results["messages"]]),
                how_section(record),
            ],
        )


def _answer(trials: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any], target: str) -> str:
    """Say whether the learner beats levels of tasks, by log density."""
    ours = _interval(chosen["log_density"])
    levels = next((_interval(one["log_density"]) for one in trials if one["learner"] == _BASELINE), None)
    told = f"New tasks of {target} are answered by {chosen['learner']}"
    if levels is None:
        return f"{told}."
    words = "better" if ours.mean > levels.mean else "no better"
    of_classes = "error_rate" in _metrics(trials)
    simplest = "the shares of the classes" if of_classes else "a level for each task"
    return (
        f"{told}, {words} than by {simplest}: a log {'probability' if of_classes else 'density'} of "
        f"{ours.mean:.3g} against "
        f"{levels.mean:.3g} on tasks that it did not see."
    )


def _figures(trials: Sequence[Mapping[str, Any]], target: str) -> list[Part]:
    counts = sorted({int(row["known_rows"]) for one in trials for row in one["new_tasks"]})
    parts: list[Part] = []
    for metric, name in _metrics(trials).items():
        ways = {_name(one): [_at(one, n, metric) for n in counts] for one in trials}
        better = "Higher" if metric == "log_density" else "Lower"
        of_what = short_name(metric.partition(":")[2] or target)
        parts.append(
            by_rows(
                ways,
                [str(n) for n in counts],
                title=f"{name} for {of_what} on new tasks, by the rows known of them",
                measured=name,
                caption=f"{better} is better; bars are 95 % intervals over tasks.",
            )
        )
    for metric, name in _metrics(trials).items():
        rows = [
            [
                _name(one),
                *(_text(_at(one, n, metric)) for n in counts),
                Mark("taken", "good") if one["chosen"] else "",
            ]
            for one in trials
        ]
        heads = ["learner", *(counted(n, "row") for n in counts), ""]
        caption = f"{name} on held-out tasks, with 95 % intervals"
        parts.append(Table(caption=caption, headings=heads, rows=rows, texts=(0, len(heads) - 1)))
    return parts


def _metrics(trials: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name the figures of learners, errors first."""
    first = next((row for one in trials for row in one["new_tasks"]), {})
    errors = [str(name) for name in first if name not in ("known_rows", "log_density")]
    if errors == ["error_rate"]:
        return {"error_rate": "share of wrong answers", "log_density": "log probability"}
    words = {name: f"RMSE of {name.partition(':')[2]}" if ":" in name else "RMSE" for name in errors}
    return {**words, "log_density": "log density"}


def _name(trial: Mapping[str, Any]) -> str:
    return _NAMES.get(str(trial["learner"]), str(trial["learner"]))


def _at(trial: Mapping[str, Any], n: int, metric: str) -> Interval | None:
    found = next((row for row in trial["new_tasks"] if int(row["known_rows"]) == n), None)
    return None if found is None else _interval(found[metric])


def _text(found: Interval | None) -> str:
    return "–" if found is None else f"{found.mean:.4g} ± {found.half_width:.2g}"


def _interval(stored: Mapping[str, Any]) -> Interval:
    width = stored["half_width"]
    return Interval(mean=float(stored["mean"]), half_width=0.0 if width is None else float(width), n=2)
