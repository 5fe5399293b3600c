"""What relating tasks found, for the terminal."""

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from polytask.core.names import counted, short_name
from polytask.relate.relations import Relations, TaskRelation
from polytask.relate.table_affinity import AFFINITIES
from polytask.report.metric_text import gain_text

__all__ = ["affinity_lines", "relations_table"]

_COLOURS = {"helps": "green", "hurts": "red", "helped": "green", "hurt": "red"}
_MOST_ROWS, _MOST_COLUMNS = 30, 12
_LONGEST = 14  # letters of a task in the heading of a column


def relations_table(found: Relations) -> Table:
    """Lay out the tasks; of many those with the highest and the lowest probability.

    Where no task can be told from another by its probability, that is said once below.
    """
    headings = ["gain %", "verdict", "p(helps)", "outlook", "group"]
    caption = "p(helps): probability that full joint training is better for the task"
    if not found.probability.informs:
        headings = [heading for heading in headings if heading not in ("p(helps)", "outlook")]
        caption = None
    table = Table(
        title=f"Joint training in a short comparison, {counted(found.n_folds, 'fold')}, 95 % intervals",
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("task", overflow="fold")
    for heading in headings:
        side = "left" if heading in ("verdict", "outlook") else "right"
        table.add_column(heading, justify=side, no_wrap=True)
    shown, n_between = _shown(found.tasks)
    for index, one in enumerate(shown):
        if n_between and index == len(shown) // 2:
            table.add_row(Text(f"… {n_between} between", style="dim"), *[""] * len(headings))
        cells = _cells(one)
        table.add_row(cells["task"], *(cells[heading] for heading in headings))
    table.add_section()
    table.add_row(Text("mean", style="bold"), Text(gain_text(found.mean)), *[""] * (len(headings) - 1))
    return table


def affinity_lines(found: Relations) -> list[str]:
    """Write the affinities as a table of giver and receiver; of many tasks only what was measured."""
    kind = found.affinity_kind
    title = f"Affinity ({kind}): {AFFINITIES[kind]}"
    if len(found.tasks) > _MOST_COLUMNS:
        return [f"{title}; the matrix of {len(found.tasks)} tasks is in the JSON output."]
    names = [short_name(name, _LONGEST) for name in found.affinity.names]
    cells = [
        ["–" if value != value else f"{value:.{_digits(kind)}f}" for value in row]
        for row in found.affinity.matrix.tolist()
    ]
    corner = "from \\ to"
    first = max(len(corner), *map(len, names))
    widths = [max(len(name), *map(len, column)) for name, column in zip(names, zip(*cells), strict=True)]
    lines = [
        "  ".join([head.ljust(first), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))])
        for head, row in zip((corner, *names), (names, *cells), strict=True)
    ]
    return [title, "\n".join(lines) + "\n"]


def _digits(kind: str) -> int:
    return {"transfer": 1, "lookahead": 4}.get(kind, 2)


def _shown(tasks: Sequence[TaskRelation]) -> tuple[Sequence[TaskRelation], int]:
    if len(tasks) <= _MOST_ROWS:
        return tasks, 0
    ordered = sorted(tasks, key=lambda one: (-one.probability, -_mean(one)))
    half = _MOST_ROWS // 2
    return [*ordered[:half], *ordered[-half:]], len(tasks) - 2 * half


def _mean(one: TaskRelation) -> float:
    return -math.inf if one.gain is None or math.isnan(one.gain.mean) else one.gain.mean


def _cells(one: TaskRelation) -> dict[str, Text]:
    return {
        "task": Text(short_name(one.task)),
        "gain %": Text(gain_text(one.gain)),
        "verdict": Text(one.verdict, style=_COLOURS.get(one.verdict, "")),
        "p(helps)": Text(f"{one.probability:.2f}"),
        "outlook": Text(one.outlook, style=_COLOURS.get(one.outlook, "")),
        "group": Text(str(one.group + 1)),
    }
