"""What a report shows of one target: predictions beside labels, certainty, what they rest on, the worst."""

from polytask.core.names import counted, short_name
from polytask.models.report_details import TargetDetails
from polytask.models.table_results import TaskResult
from polytask.report.charts.bars import Bar, bars
from polytask.report.charts.matrix import confusion_matrix
from polytask.report.charts.points import points, residuals
from polytask.report.charts.reliability import reliability
from polytask.report.metric_text import interval_text, metric_name
from polytask.report.page import Part, Plot, Plots, Table, Text

__all__ = ["importance_plot", "target_parts"]

_MOST_COLUMNS = 10
_LITTLE = 0.005  # of importance that rounds to nothing


def target_parts(result: TaskResult, details: TargetDetails | None, *, drawn: bool) -> list[Part]:
    """Lay out one target.

    Args:
        result: Its figures.
        details: What was kept of it; None for nothing.
        drawn: Whether with pictures.
    """
    parts: list[Part] = [_metrics(result)]
    if details is None:
        return parts
    plots: list[Plot] = []
    if drawn and len(details.truth) > 1:
        plots += [
            points(details.truth, details.predicted, target=details.target),
            residuals(details.truth, details.predicted, target=details.target),
        ]
    if drawn and len(details.classes) > 1:
        plots.append(confusion_matrix(details.classes, details.confusion, target=details.target))
    if drawn and len(details.reliability) > 1:
        plots.append(reliability(details.reliability, target=details.target))
    if drawn and details.importance:
        plots.append(importance_plot(details))
    parts += [Plots(plots=plots)] if plots else []
    if sampled := _sampled(details):
        parts.append(Text(sampled, tone="muted"))
    parts += _coverage(details)
    parts += [Text(text) for text in [_temperature(result)] if text]
    if details.importance and not drawn:
        first = list(details.importance.items())[:3]
        named = ", ".join(f"{short_name(name, 40)} ({value:.2f})" for name, value in first)
        parts.append(Text(f"It rests most on {named}."))
    parts += _misses(details)
    return parts


def importance_plot(details: TargetDetails) -> Plot:
    """Draw which columns a target rests on."""
    ranked = list(details.importance.items())
    shown = [(name, value) for name, value in ranked[:_MOST_COLUMNS] if value > _LITTLE] or ranked[:3]
    rest = len(ranked) - len(shown)
    more = f" {counted(rest, 'other column')} of less use." if rest else ""
    seen = "had" if details.seen else "had not"
    return bars(
        [Bar(name=name, value=value, text=f"{value:.2f}") for name, value in shown],
        title=f"Importance of columns for {short_name(details.target, 60)}",
        measured="what shuffling it costs",
        caption="How much worse predictions get when a column is shuffled; 1 is as much as a constant "
        f"answer is off. {details.importance_rows} rows that the networks {seen} seen.{more}",
    )


def _metrics(result: TaskResult) -> Table:
    rows = [
        [metric_name(name), interval_text(one, name), interval_text(result.constant.get(name), name)]
        for name, one in result.joint.items()
    ]
    return Table(
        caption="All metrics on held-out rows, with 95 % intervals",
        headings=["metric", "this model", "constant answer"],
        rows=rows,
    )


def _sampled(details: TargetDetails) -> str:
    if details.truth and len(details.truth) < details.judged:
        return f"A random sample of {len(details.truth)} of the {details.judged:,} rows that were judged."
    return ""


def _coverage(details: TargetDetails) -> list[Part]:
    """Tell how many labels lie where intervals and sets say, each judged by the rows of other folds."""
    if not details.coverage:
        return []
    what = "intervals" if details.truth else "sets of classes"
    levels = [f"{100 * float(level):g} % asked" for level in details.coverage]
    shares = [f"{100 * share:.1f} %" for share in details.coverage.values()]
    sets = "" if details.truth else "; a set always has the answer in it"
    caption = f"How often {what} held the label of a held-out row{sets}"
    return [Table(caption=caption, headings=["", *levels], rows=[["held", *shares]])]


def _temperature(result: TaskResult) -> str:
    errors = result.calibration_error
    if "after" not in errors:
        return ""
    before, after = (100 * errors[part] for part in ("before", "after"))
    changed = f" ({before:.1f} before they were adjusted)" if abs(before - after) >= 0.05 else ""
    return f"Probabilities are off by {after:.1f} percentage points on average{changed}."


def _misses(details: TargetDetails) -> list[Part]:
    if not details.misses:
        return []
    is_number = bool(details.truth)
    rows = [
        [
            str(miss.row),
            miss.truth,
            miss.predicted,
            f"{miss.size:.3g}" if is_number else f"{100 * miss.size:.0f} %",
            ", ".join(f"{short_name(name, 30)}: {value}" for name, value in miss.features.items()),
        ]
        for miss in details.misses
    ]
    headings = ["row", "true", "predicted", "off by" if is_number else "how sure", "what it has"]
    with_features = any(row[-1] for row in rows)
    caption = "The rows that were predicted worst, by their number in the table from 0 on"
    if not with_features:
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    return [Table(caption=caption, headings=headings, rows=rows, texts=(0, 1, 2, 4))]
