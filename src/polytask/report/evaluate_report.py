"""The report of a model on new rows: its figures there, beside those of its training."""

import math

import pandas as pd

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.models.table_results import FitResults
from polytask.report.common_parts import facts_section, listed
from polytask.report.metric_text import interval_text, metric_name
from polytask.report.page import Card, Cell, Mark, Page, Section, Table, Text

__all__ = ["classes_page", "evaluation_page", "new_tasks_page"]


def evaluation_page(
    metrics: pd.DataFrame, record: ModelRecord, *, table: str, command: str | None = None
) -> Page:
    """Lay out what a model is worth on new rows.

    Args:
        metrics: As `polytask.estimators.evaluate_table` returns them.
        record: The model.
        table: What the rows are called.
        command: The command line that makes it again.
    """
    before: dict[str, dict[str, Interval]] = {}
    if record.kind == "table" and record.results is not None:
        with reading_results(record.source):
            before = {one.task: dict(one.joint) for one in FitResults.from_json(record.results).tasks}
    rows, worse = [], []
    for target, line in metrics.iterrows():
        for name in [column for column in metrics.columns if column not in ("kind", "rows")]:
            value = float(line[name])
            if math.isfinite(value):
                then = before.get(str(target), {}).get(name)
                rows.append(_row(str(target), name, value, int(line["rows"]), then))
                if _outside(name, value, then) and str(target) not in worse:
                    worse.append(str(target))
    n_rows = int(metrics["rows"].max()) if len(metrics) else 0
    return Page(
        title=f"A model on the rows of {short_name(table)}",
        headline=_answer(len(metrics), n_rows, worse, known=bool(before)),
        tone="bad" if worse else "",
        cards=[
            Card(label="Rows with a label", value=f"{n_rows:,}", note=counted(len(metrics), "target")),
            Card(
                label="Worse than when it was fitted",
                value=f"{len(worse)} of {len(metrics)}" if before else "unknown",
                tone="bad" if worse else "",
            ),
        ],
        sections=[
            Section(
                title="Figures",
                parts=[
                    Table(
                        caption="On these rows, and on held-out rows of the fit with 95 % intervals",
                        headings=["target", "metric", "rows", "here", "when fitted", ""],
                        rows=rows,
                        texts=(0, 1, 5),
                    ),
                    Text("Worse: outside the interval of the fit, on the bad side.", tone="muted"),
                ],
            ),
            facts_section({"model": record.source, "rows": table}, command=command),
        ],
    )


def new_tasks_page(
    metrics: pd.DataFrame, record: ModelRecord, *, measured: str, table: str, command: str | None = None
) -> Page:
    """Lay out how new tasks, or new classes, are answered by what few rows or examples say of them.

    Args:
        metrics: A row for each number of these.
        record: The model.
        measured: What the figures are, in a sentence.
        table: What the rows or examples are called.
        command: The command line that makes it again.
    """
    index = str(metrics.index.name)
    first, *rest = [name for name in metrics.columns if f"{name}_half_width" in metrics.columns]
    last = metrics.iloc[-1]
    headings = [index.replace("_", " "), *(str(name).replace("_", " ") for name in metrics.columns)]
    rows: list[list[Cell]] = [
        [str(n), *(_number(float(value)) for value in line)]
        for n, line in zip(metrics.index, metrics.itertuples(index=False), strict=True)
    ]
    told = [f"{name.replace('_', ' ')} {_number(float(last[name]))}" for name in (first, *rest)]
    return Page(
        title=f"A model on new tasks of {short_name(table)}",
        headline=f"By {metrics.index[-1]} {index.replace('_', ' ')}: {', '.join(told)}.",
        lead=measured,
        sections=[
            Section(
                title="Figures",
                parts=[Table(caption="By what is known of a task", headings=headings, rows=rows, texts=())],
            ),
            facts_section({"model": record.source, "rows": table}, command=command),
        ],
    )


def classes_page(
    metrics: pd.DataFrame, record: ModelRecord, *, source: str, command: str | None = None
) -> Page:
    """Lay out what a classifier of few examples is worth on others.

    Args:
        metrics: As `polytask.estimators.evaluate_classes` returns them: first a row for all.
        record: The classifier.
        source: What the examples are called.
        command: The command line that makes it again.
    """
    total, of_classes = metrics.iloc[0], metrics.iloc[1:]
    rows: list[list[Cell]] = [
        [
            str(name),
            f"{int(line['examples']):,}",
            _number(float(line["accuracy"])),
            _number(float(line["none"])),
            str(line["mistaken_for"]),
        ]
        for name, line in of_classes.iterrows()
    ]
    measured = [
        ("Accuracy", "accuracy"),
        ("Calibration error", "calibration_error"),
        ("Called none of these", "none"),
    ]
    n_examples = counted(int(total["examples"]), "example")
    return Page(
        title=f"A classifier on {short_name(source)}",
        headline=f"It tells {_share(total['accuracy'])} of {n_examples} right.",
        cards=[Card(label=label, value=_share(total[name])) for label, name in measured],
        sections=[
            Section(
                title="Classes",
                parts=[
                    Table(
                        caption="The share of right answers; a class that the model does not have has none",
                        headings=["class", "examples", "accuracy", "called none", "mostly mistaken for"],
                        rows=rows,
                        texts=(0, 4),
                    )
                ],
            ),
            facts_section({"model": record.source, "examples": source}, command=command),
        ],
    )


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}"


_LOWER_IS_BETTER = ("rmse", "mae", "log_loss", "brier")


def _row(target: str, name: str, value: float, n_rows: int, then: Interval | None) -> list[Cell]:
    here = interval_text(Interval(mean=value, half_width=math.nan, n=1), name)
    outside = _outside(name, value, then)
    shown = interval_text(then, name)
    return [target, metric_name(name), f"{n_rows:,}", here, shown, Mark("worse", "bad") if outside else ""]


def _outside(name: str, value: float, then: Interval | None) -> bool:
    if then is None or not math.isfinite(then.half_width):
        return False
    return value > then.high if name in _LOWER_IS_BETTER else value < then.low


def _answer(n_targets: int, n_rows: int, worse: list[str], *, known: bool) -> str:
    on = f"On {counted(n_rows, 'row')} with labels"
    if not known:
        return f"{on}, {counted(n_targets, 'target')} measured."
    if worse:
        return f"{on}, predictions are worse than when the model was fitted for {listed(worse, most=4)}."
    return f"{on}, predictions are about as good as when the model was fitted."
