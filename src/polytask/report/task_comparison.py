"""A comparison on many tasks for the terminal."""

from rich.table import Table
from rich.text import Text

from polytask.compare.task_parts import TaskRowsKnown, words_of
from polytask.compare.task_results import TaskComparison
from polytask.core.names import counted, short_name
from polytask.report.comparison import adjusted_note, candidate_table
from polytask.report.metric_text import gain_text, interval_text, metric_text

__all__ = ["task_comparison_table"]

_COLOURS = {"better": "green", "worse": "red"}


def task_comparison_table(found: TaskComparison, known: TaskRowsKnown) -> Table:
    """Lay out what was found where so much is known of a task: every candidate, and the gain on it.

    Args:
        found: The comparison.
        known: One of its parts.
    """
    part, words = found.parts[known], words_of(known)
    table = candidate_table(
        f"{words[:1].upper()}{words[1:]}, {counted(part.n_folds, 'fold')}, 95 % intervals",
        f"gain %, verdict: of {found.reference} against the others. {adjusted_note(part.contrasts)}".strip(),
    )
    for task in part.tasks:
        metric = part.metric(task.name)
        table.add_row(Text(f"{short_name(task.name)}, {metric_text(metric)}", style="bold"))
        for one in part.candidates:
            contrast = found.contrast(known, task.name, one.name)
            value = interval_text(one.metrics.get(task.name, {}).get(metric), metric)
            verdict = "" if contrast is None else contrast.verdict
            table.add_row(
                Text(f" {short_name(one.name)}"),
                Text("failed" if one.error else value),
                Text("" if contrast is None else gain_text(contrast.gain)),
                Text(verdict, style=_COLOURS.get(verdict, "")),
                Text(f"{one.seconds:.1f}"),
            )
        table.add_section()
    return table
