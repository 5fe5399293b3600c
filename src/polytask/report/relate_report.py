"""The report of related tasks: who helps whom, who belongs together, and how likely it pays."""

import math
from pathlib import Path

from polytask.core.names import counted, short_name
from polytask.relate.relations import Relations, TaskRelation
from polytask.relate.table_affinity import AFFINITIES
from polytask.report.charts.forest import ForestRow, forest
from polytask.report.charts.matrix import affinity_matrix
from polytask.report.common_parts import facts_section, listed, rows_text, seconds_text
from polytask.report.metric_text import gain_text
from polytask.report.page import (
    Card,
    Cell,
    Code,
    Fold,
    Mark,
    Notes,
    Page,
    Part,
    Section,
    Table,
    Text,
    write_page,
)

__all__ = ["relations_page", "write_relations_report"]

_TONES = {"helped": "good", "hurt": "bad", "helps": "good", "hurts": "bad"}
_MOST_DRAWN = 40  # tasks of a heat map
_MANY = 12
_MOST_ROWS = 300


def write_relations_report(found: Relations, path: str | Path, *, command: str | None = None) -> Path:
    """Write the report of related tasks as one HTML file: no network, readable on a phone, printable.

    Args:
        found: What `polytask.relate` returned.
        path: The file.
        command: The command line that makes it again; None where it was made in Python.

    Raises:
        InputError: The file cannot be written.
        MissingPackageError: jinja2 or matplotlib is not installed.
    """
    return write_page(relations_page(found, command=command), path)


def relations_page(found: Relations, *, command: str | None = None, fit: str | None = None) -> Page:
    """Lay out the report of related tasks.

    Args:
        found: What `polytask.relate` returned.
        command: The command line that makes it again.
        fit: The command line that trains the groups.
    """
    names = [one.task for one in found.tasks]
    rest = found.recommendation.replace(found.grouping, "").strip()
    return Page(
        title=f"Relations of {counted(len(names), 'task')}: {listed(names, most=4)}",
        headline=found.grouping,
        lead=rest,
        cards=_cards(found),
        sections=[
            Section(title="Training them together, in a short comparison", parts=_gains(found)),
            Section(title="Who helps whom", parts=_affinity(found)),
            Section(title="Groups", parts=_groups(found, fit)),
            Section(title="Data", parts=_data(found)),
            facts_section({"affinity": found.affinity_kind}, command=command),
        ],
    )


def _cards(found: Relations) -> list[Card]:
    verdicts = [one.verdict for one in found.tasks]
    cards = [
        Card(label="Tasks", value=str(len(found.tasks)), note=counted(len(found.groups), "group")),
        Card(
            label="Clearly helped, clearly hurt",
            value=f"{verdicts.count('helped')}, {verdicts.count('hurt')}",
            note="in the short comparison",
        ),
    ]
    if found.mean is not None and math.isfinite(found.mean.mean):
        clear = found.mean.low > 0 or found.mean.high < 0
        cards.append(
            Card(
                label="Average gain of training together",
                value=f"{found.mean.mean:+.1f} %",
                note=f"± {found.mean.half_width:.1f}",
                tone=("good" if found.mean.mean > 0 else "bad") if clear else "",
            )
        )
    cards.append(Card(label="Time", value=seconds_text(found.seconds), note=counted(found.n_folds, "fold")))
    return cards


def _gains(found: Relations) -> list[Part]:
    rows = [
        ForestRow(
            name=one.task,
            mean=one.gain.mean,
            half_width=one.gain.half_width,
            tone=_TONES.get(one.verdict, ""),
        )
        for one in found.tasks
        if one.gain is not None
    ]
    if found.mean is not None and len(rows) > 1:
        rows.append(
            ForestRow(name="average", mean=found.mean.mean, half_width=found.mean.half_width, total=True)
        )
    parts: list[Part] = []
    if any(math.isfinite(row.mean) for row in rows):
        parts.append(
            forest(
                rows,
                title="Gain of joint training over a network for each task alone, with 95 % intervals",
                measured="gain over a network for the task alone, %",
            )
        )
    informs = found.probability.informs
    headings = [
        "task",
        "labels",
        "gain, %",
        "verdict",
        *(["probability", "outlook"] if informs else []),
        "group",
    ]
    table = Table(
        caption="Each task in the short comparison",
        headings=headings,
        rows=[_row(one, informs=informs) for one in found.tasks[:_MOST_ROWS]],
        texts=(0, 3, 5) if informs else (0, 3),
    )
    many = len(found.tasks) > _MANY
    parts.append(Fold(title=f"All {len(found.tasks)} tasks", parts=[table]) if many else table)
    return parts


def _row(one: TaskRelation, *, informs: bool) -> list[Cell]:
    row: list[Cell] = [
        short_name(one.task),
        f"{one.labels:,}",
        gain_text(one.gain),
        Mark(one.verdict, _TONES.get(one.verdict, "")),
    ]
    if informs:
        row += [f"{one.probability:.2f}", Mark(one.outlook, _TONES.get(one.outlook, ""))]
    return [*row, str(one.group + 1)]


def _affinity(found: Relations) -> list[Part]:
    meaning = AFFINITIES[found.affinity_kind]
    names = list(found.affinity.names)
    values = found.affinity.matrix.tolist()
    order = [names.index(name) for group in found.groups for name in group if name in names]
    order += [index for index in range(len(names)) if index not in order]
    if len(names) > _MOST_DRAWN:
        order = order[:_MOST_DRAWN]
    parts: list[Part] = [
        affinity_matrix(
            [names[index] for index in order],
            [[values[row][column] for column in order] for row in order],
            meaning=meaning,
        )
    ]
    if len(names) > _MOST_DRAWN:
        parts.append(Text(f"The first {_MOST_DRAWN} of {len(names)} tasks, group by group.", tone="muted"))
    return parts


def _groups(found: Relations, fit: str | None) -> list[Part]:
    rows: list[list[Cell]] = [
        [str(index + 1), str(len(group)), listed(group, most=20)] for index, group in enumerate(found.groups)
    ]
    parts: list[Part] = [
        Table(caption="Train together", headings=["group", "tasks", "names"], rows=rows, texts=(0, 2))
    ]
    return parts if fit is None else [*parts, Text("To train these groups:"), Code(fit)]


def _data(found: Relations) -> list[Part]:
    parts: list[Part] = [Text(rows_text(found.rows))]
    return [*parts, Notes(found.messages)] if found.messages else parts
