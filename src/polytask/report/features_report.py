"""The report of features that were learned from known classes: which maps were tried, and what they gain."""

from collections.abc import Mapping
from typing import Any

from polytask.core.names import counted
from polytask.models.model_record import ModelRecord, reading_results
from polytask.report.common_parts import data_section, how_section, listed, seconds_text
from polytask.report.page import Card, Mark, Page, Section, Table, Text

__all__ = ["features_page"]


def features_page(record: ModelRecord) -> Page:
    """Lay out the report of a model that `polytask.learn` made of known classes for a frozen encoder.

    Raises:
        BundleError: The stored results are no such things.
    """
    with reading_results(record.source):
        results = record.results or {}
        n_classes, kind = int(results["n_classes"]), str(results["kind"])
        gain, learned = results["gain"], results["chosen"] != "none"
        return Page(
            title=f"Report of features of {kind}s, from {counted(n_classes, 'known class', 'known classes')}",
            headline=_answer(gain, learned=learned),
            lead="It is no classifier yet: adapt it to a few labelled examples of new classes.",
            cards=[
                Card(
                    label="Gain of the best map",
                    value=f"{100 * float(gain['mean']):.1f} points",
                    note=f"± {100 * _width(gain):.1f}",
                    tone="good" if learned else "",
                ),
                Card(
                    label="Known classes",
                    value=f"{n_classes:,}",
                    note=f"{int(results['n_examples']):,} {kind}s",
                ),
                Card(
                    label="Read by",
                    value=listed([str(name) for name in results["encoders"]], most=2),
                    note=seconds_text(float(results["seconds"] or 0)),
                ),
            ],
            sections=[
                Section(
                    title="On known classes that were held out",
                    parts=[_table(results), Text(_HOW, tone="muted")],
                ),
                data_section(record, {}, [str(note) for note in results["messages"]]),
                how_section(record),
            ],
        )


_HOW = (
    "Accuracy of the nearest class mean, in episodes of classes of which the map knew nothing. A map is "
    "taken if the interval of its gain lies above 0."
)


def _answer(gain: Mapping[str, Any], *, learned: bool) -> str:
    told = (
        f"{100 * float(gain['mean']):.1f} ± {100 * _width(gain):.1f} points of accuracy on held-out classes"
    )
    if learned:
        return f"What was learned from known classes tells new ones apart better: {told}."
    return f"Nothing was gained from known classes ({told} for the best map): the features stay as they are."


def _table(results: Mapping[str, Any]) -> Table:
    shots = sorted({int(shot) for one in results["trials"] for shot in one["shots"]})
    rows = [
        [
            "none (frozen features)" if one["map"] == "none" else f"map {one['map']}",
            *(_text(one["shots"].get(str(shot))) for shot in shots),
            Mark("taken", "good") if one["map"] == results["chosen"] else "",
        ]
        for one in results["trials"]
    ]
    heads = ["map", *(counted(shot, "example") for shot in shots), ""]
    caption = "Accuracy in percent by labelled examples of a class, with 95 % intervals"
    return Table(caption=caption, headings=heads, rows=rows, texts=(0, len(heads) - 1))


def _text(found: Mapping[str, Any] | None) -> str:
    return "–" if found is None else f"{100 * float(found['mean']):.1f} ± {100 * _width(found):.1f}"


def _width(found: Mapping[str, Any]) -> float:
    return 0.0 if found["half_width"] is None else float(found["half_width"])
