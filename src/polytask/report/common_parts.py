"""Parts that several reports have: the data, how to make it again, lists of names."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core.names import all_of, counted, short_name
from polytask.models.model_record import ModelRecord
from polytask.report.page import Code, Fold, Notes, Part, Section, Table, Text
from polytask.version import __version__

__all__ = [
    "data_section",
    "facts_section",
    "how_section",
    "listed",
    "rows_text",
    "seconds_text",
    "sentences",
    "settings_table",
    "value_text",
]

_MOST_ROWS = 100
_ROWS = {
    "table": "in the table",
    "labelled": "with a label",
    "judged": "judged",
    "used": "used",
    "pooled": "pooled",
}
_HIDDEN = ("fingerprint", "left_out_accuracy", "messages", "extended")


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """Write names as in a sentence; of many the first and how many more.

    Example:
        >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=2)
        ('a, b and c', 'a, b and 1 more')
    """
    shown = [short_name(name, 60) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return all_of(shown)


def sentences(text: str) -> tuple[str, str]:
    """Part a text into its first sentence and the rest; a point within a number or a name ends none.

    Example:
        >>> sentences("Train a.b together: it gains 1.5 %. Keep c apart.")
        ('Train a.b together: it gains 1.5 %.', 'Keep c apart.')
    """
    first, point, rest = text.partition(". ")
    return (f"{first}.", rest) if point else (text, "")


def seconds_text(seconds: float) -> str:
    """Write a time as people say it.

    Example:
        >>> seconds_text(0.42), seconds_text(75.0), seconds_text(7300.0)
        ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def value_text(value: Any) -> str:
    """Write a setting for people.

    Example:
        >>> value_text(True), value_text(["a", "b"]), value_text(0.003), value_text(None)
        ('yes', 'a, b', '0.003', 'left to polytask')
    """
    if value is None:
        return "left to polytask"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(map(value_text, value)) or "none"
    if isinstance(value, Mapping) and all(isinstance(one, str | int | float) for one in value.values()):
        return ", ".join(f"{name}: {value_text(one)}" for name, one in value.items())
    return json.dumps(value, ensure_ascii=False, default=str)


def rows_text(rows: Mapping[str, int]) -> str:
    """Say how many rows there are.

    Example:
        >>> rows_text({"table": 1200, "labelled": 1100})
        'Rows: 1,200 in the table, 1,100 with a label.'
    """
    return f"Rows: {', '.join(f'{count:,} {_ROWS.get(part, part)}' for part, count in rows.items())}."


def data_section(
    record: ModelRecord, rows: Mapping[str, int], messages: Sequence[str] = (), more: Sequence[Part] = ()
) -> Section:
    """Tell what was read, what was guessed, and what was left out."""
    details = record.details
    parts: list[Part] = [Text(rows_text(rows))] if rows else []
    parts += more
    if messages:
        parts.append(Notes(list(messages)[:_MOST_ROWS]))
    if details.targets and any(one.labels < rows.get("table", 0) for one in details.targets):
        missing = [
            [short_name(one.target), f"{one.labels:,}", f"{max(rows.get('table', 0) - one.labels, 0):,}"]
            for one in details.targets
        ]
        table = Table(
            caption="Labels of each target",
            headings=["target", "labels", "missing"],
            rows=missing[:_MOST_ROWS],
        )
        parts.append(table if len(missing) <= 12 else Fold(title="Missing labels", parts=[table]))
    if details.columns:
        columns = [[kind, str(len(names)), listed(names, most=12)] for kind, names in details.columns.items()]
        parts.append(
            Table(
                caption="Columns that the model reads, by kind",
                headings=["kind", "columns", "names"],
                rows=columns,
                texts=(0, 2),
            )
        )
    if details.dropped:
        dropped = [[short_name(name), reason] for name, reason in list(details.dropped.items())[:_MOST_ROWS]]
        parts.append(
            Table(
                caption=f"{counted(len(details.dropped), 'column')} left out",
                headings=["column", "why"],
                rows=dropped,
                texts=(0, 1),
            )
        )
    if details.notes:
        parts.append(Notes(details.notes))
    return Section(title="Data", parts=parts or [Text("Nothing was noteworthy.", tone="muted")])


def how_section(record: ModelRecord) -> Section:
    """Tell how to make it again: command, settings, fingerprint, version."""
    parts: list[Part] = []
    if record.command is not None:
        parts += [Text("The same again, called in the same folder:"), Code(record.command)]
    else:
        parts.append(Text("It was made in Python; the settings below make it again."))
    facts = [
        [name.replace("_", " "), value_text(value)]
        for name, value in record.data.items()
        if value not in (None, [], "") and name not in _HIDDEN
    ]
    facts += [["fingerprint of the data", record.fingerprint or "not kept"]]
    facts += [["weights in the model", f"{record.n_parameters:,}"], ["polytask", record.library]]
    parts.append(Table(caption="Where it comes from", headings=["what", "value"], rows=facts, texts=(0, 1)))
    model = record.config.get("model")
    settings = record.settings or (model if isinstance(model, dict) else {})
    if settings:
        parts.append(Fold(title="Configuration", parts=[settings_table(settings)]))
    return Section(title="How it was made", parts=parts)


def facts_section(facts: Mapping[str, Any], *, command: str | None) -> Section:
    """Tell how a result that is no model was made."""
    parts: list[Part] = []
    if command is not None:
        parts += [Text("The same again, called in the same folder:"), Code(command)]
    rows = [[name, value_text(value)] for name, value in facts.items()] + [["polytask", __version__]]
    parts.append(Table(caption="Where it comes from", headings=["what", "value"], rows=rows, texts=(0, 1)))
    return Section(title="How it was made", parts=parts)


def settings_table(settings: Mapping[str, Any]) -> Table:
    """Lay out settings by name."""
    rows = [[name.replace("_", " "), value_text(value)] for name, value in settings.items()]
    return Table(caption="Settings", headings=["setting", "value"], rows=rows[:_MOST_ROWS], texts=(0, 1))
