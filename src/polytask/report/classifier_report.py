"""The report of a classifier of few examples."""

from collections.abc import Mapping
from typing import Any

from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.report.charts.matrix import confusion_matrix
from polytask.report.common_parts import data_section, how_section, listed
from polytask.report.galleries import miss_gallery
from polytask.report.page import Card, Fold, Page, Part, Section, Table, Text

__all__ = ["classifier_page"]

_MANY = 20  # classes of a table that is folded


def classifier_page(record: ModelRecord) -> Page:
    """Lay out the report of a classifier that `polytask.adapt` made.

    Raises:
        BundleError: The description is not as polytask writes it.
    """
    with reading_results(record.source):
        classes = [str(name) for name in record.config["classes"]]
        counts = [len(names) for names in record.config["examples"]]
        kind = str(record.config["space"]["kind"])
        share = record.data.get("left_out_accuracy")
        accuracy = float(share) if isinstance(share, int | float) else None
        return Page(
            title=f"Report of a classifier of {kind}s: {listed(classes, most=4)}",
            headline=_answer(len(classes), sum(counts), kind, accuracy),
            lead=_lead(len(classes), accuracy),
            cards=_cards(record, len(classes), sum(counts), accuracy),
            sections=[
                Section(title="How good it is", parts=_verdict(record, classes, counts)),
                *_mistakes(record),
                data_section(record, {}, [str(note) for note in record.data.get("messages", ())]),
                how_section(record),
            ],
        )


def _answer(n_classes: int, n_examples: int, kind: str, accuracy: float | None) -> str:
    told = f"It tells {counted(n_classes, 'class', 'classes')} of {kind}s apart"
    if accuracy is None:
        return f"{told}, from {counted(n_examples, 'example')}; how well, these are too few to say."
    return f"{told}: {100 * accuracy:.0f} % of the examples were told right when they were left out."


def _lead(n_classes: int, accuracy: float | None) -> str:
    if accuracy is None:
        return "Give two examples or more of a class, and it can be judged by leaving one out."
    return (
        f"Chance would be right in {100 / n_classes:.0f} %. Examples that came later, or by other ways, may "
        "differ."
    )


def _cards(record: ModelRecord, n_classes: int, n_examples: int, accuracy: float | None) -> list[Card]:
    head = record.config["head"]
    encoders = " and ".join(str(view["name"]) for view in record.config["space"]["views"])
    shown = "unknown" if accuracy is None else f"{100 * accuracy:.0f} %"
    return [
        Card(label="Right when left out", value=shown, note=f"chance: {100 / n_classes:.0f} %"),
        Card(label="Classes", value=str(n_classes), note=f"{n_examples} labelled examples"),
        Card(label="Read by", value=short_name(encoders, 40), note=f"then {_head(head)}"),
    ]


def _head(head: Mapping[str, Any]) -> str:
    from polytask.meta.heads import HEADS

    name = str(head["name"])
    return HEADS[name].about if name in HEADS else name


def _verdict(record: ModelRecord, classes: list[str], counts: list[int]) -> list[Part]:
    details = record.details
    parts: list[Part] = []
    if len(details.classes) > 1 and details.confusion:
        parts.append(confusion_matrix(details.classes, details.confusion, target="class"))
    rows = [[short_name(name), str(count)] for name, count in zip(classes, counts, strict=True)]
    table = Table(caption="Labelled examples of each class", headings=["class", "examples"], rows=rows)
    parts.append(Fold(title=f"All {len(rows)} classes", parts=[table]) if len(rows) > _MANY else table)
    return parts


def _mistakes(record: ModelRecord) -> list[Section]:
    if not record.details.classes:
        return []
    if not record.details.misses:
        parts: list[Part] = [Text("No example was taken for another class.", tone="muted")]
    else:
        caption = "Examples that were taken for another class when they were left out, the surest first"
        parts = [miss_gallery(record.details.misses, caption=caption)]
    return [Section(title="The worst mistakes", parts=parts)]
