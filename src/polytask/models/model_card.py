"""The card of a model: a ``README.md`` in the layout of the Hugging Face hub, out of its own record."""

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from polytask.core.names import counted, printable, short_name
from polytask.models.bundle_folder import model_named
from polytask.models.model_record import ModelRecord, reading_results

__all__ = ["model_card"]

_SHARES = ("accuracy", "balanced_accuracy", "auroc", "f1", "average_precision")
_PIPELINES = {
    "text": "text-classification",
    "image": "image-classification",
    "sound": "audio-classification",
    "vector": "tabular-classification",
}
_ITEMS = {"text": "texts", "image": "images", "sound": "sounds", "vector": "rows of numbers"}
_MOST_ROWS = 60
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


def model_card(record: ModelRecord, *, name: str = "") -> str:
    """Write the card of a model.

    Its front matter says what the hub asks: library, tags, task, and figures on held-out data as model-index.
    The text says what the model is for, what it was made of, how good it is, what it is not good for, and how
    to use it.

    Args:
        record: What the model tells of itself.
        name: What the model is called.

    Raises:
        BundleError: Its stored results are not as polytask writes them.
    """
    with reading_results(record.source):
        figures = _figures(record)
        title = name or model_named(record.kind).partition(" (")[0].removeprefix("a ").capitalize()
        parts = [
            _front_matter(record, title, figures),
            f"# {_text(title)}",
            _summary(record),
            f"## Intended use\n\n{_use(record)}",
            f"## Data\n\n{_data(record)}",
            f"## Evaluation\n\n{_evaluation(record, figures)}",
            f"## Limits\n\n{_limits(record)}",
            f"## How to use\n\n{_how(record)}",
        ]
    return "\n\n".join(parts) + "\n"


class _Figure:
    """A figure on held-out data: of which task, by which metric, and how large."""

    def __init__(
        self, task: str, kind: str, metric: str, interval: Mapping[str, Any], note: str = ""
    ) -> None:
        self.task, self.kind, self.metric, self.note = task, kind, metric, note
        mean, width = interval.get("mean"), interval.get("half_width")
        self.mean = math.nan if mean is None else float(mean)
        self.half_width = math.nan if width is None else float(width)

    @property
    def shown(self) -> str:
        scale, unit = (100, " %") if self.metric in _SHARES else (1, "")
        width = "" if math.isnan(self.half_width) else f" ± {scale * self.half_width:.2g}"
        return f"{scale * self.mean:.4g}{width}{unit}"


def _figures(record: ModelRecord) -> list[_Figure]:
    results = record.results or {}
    if record.kind == "table":
        return [
            _Figure(one["task"], one["kind"], metric, interval, one["verdict"])
            for one in results.get("tasks", [])
            for metric, interval in one["joint"].items()
        ]
    if record.kind == "few-shot" and "accuracy" in results:
        task = f"{results['way']}-way {results['shot']}-shot"
        return [_Figure(task, "multiclass", "accuracy", results["accuracy"], results["verdict"])]
    if record.kind == "few-shot-classifier":
        share = record.data.get("left_out_accuracy")
        return [] if share is None else [_Figure("class", "multiclass", "accuracy", {"mean": share})]
    return []


def _front_matter(record: ModelRecord, title: str, figures: Sequence[_Figure]) -> str:
    lines = ["---", "library_name: polytask", "tags:", "- polytask"]
    lines += [f"- {tag}" for tag in _tags(record)]
    lines.append(f"pipeline_tag: {_pipeline(record)}")
    if finite := [one for one in figures if math.isfinite(one.mean)]:
        lines += ["model-index:", f"- name: {_yaml(title)}", "  results:"]
        by_task: dict[str, list[_Figure]] = {}
        for one in finite:
            by_task.setdefault(one.task, []).append(one)
        for task, ones in by_task.items():
            is_number = ones[0].kind in ("regression", "log")
            kind = "tabular-regression" if is_number else _pipeline(record)
            lines += [
                "  - task:",
                f"      type: {kind}",
                f"      name: {_yaml(task)}",
                "    dataset:",
                "      type: held-out",
                f"      name: {_yaml(_dataset(record))}",
                "    metrics:",
            ]
            for one in ones:
                lines += [f"    - type: {one.metric}", f"      value: {one.mean:.6g}"]
                lines += [f"      name: {_yaml(f'{one.metric}, held-out data')}"]
    return "\n".join([*lines, "---"])


def _tags(record: ModelRecord) -> list[str]:
    if record.kind in ("table", "task-table"):
        return ["multi-task-learning", "tabular"]
    if record.kind == "in-context":
        return ["meta-learning", "tabular"]
    return ["few-shot-learning", "meta-learning"]


def _pipeline(record: ModelRecord) -> str:
    if record.kind in ("table", "task-table"):
        kinds = {one.get("kind") for one in _targets(record)}
        return "tabular-classification" if kinds - {"regression"} else "tabular-regression"
    if record.kind == "in-context":
        return "tabular-regression"
    return _PIPELINES.get(str(_part(record.config, "space").get("kind", "image")), "image-classification")


def _dataset(record: ModelRecord) -> str:
    rows, source = record.data.get("rows"), record.data.get("source")
    if isinstance(source, str):
        return short_name(source)
    return f"a table of {rows} rows" if isinstance(rows, int) else "the examples it was made of"


def _summary(record: ModelRecord) -> str:
    if record.kind in ("table", "task-table"):
        targets = [f"{_text(one.get('name', ''))} ({one.get('kind')})" for one in _targets(record)]
        what = f"It predicts {counted(len(targets), 'column')} of a table: {'; '.join(targets[:_MOST_ROWS])}."
    elif record.kind == "few-shot-classifier":
        names = record.config.get("classes") or []
        shown = ", ".join(_text(str(one)) for one in names[:_MOST_ROWS])
        what = f"It tells {len(names)} classes apart: {shown}."
    elif record.kind == "in-context":
        what = "It predicts a number of a new task by reading the rows that are known of it."
    else:
        items = _ITEMS.get(str(_part(record.config, "space").get("kind", "image")), "examples")
        what = f"It learns to tell new classes apart from a few labelled {items} of each."
    return f"Made with [polytask](https://pypi.org/project/polytask/) {record.library}. {what}"


def _use(record: ModelRecord) -> str:
    if record.kind in ("table", "task-table"):
        columns = [str(one.get("name")) for one in _records(_part(record.config, "encoder").get("columns"))]
        listed = ", ".join(f"{_text(name)}" for name in columns[:_MOST_ROWS])
        return (
            f"For rows such as it was trained on, with the columns {listed}. A missing column counts as "
            "missing values, and a category that was never seen as none of the known ones; both are told in "
            "a warning."
        )
    if record.kind == "few-shot-classifier":
        return "For examples such as it was shown; what is none of its classes is marked as such."
    if record.kind == "in-context":
        return (
            "For tasks that are kin to those it was trained on: give some labelled rows, then ask for others."
        )
    items = _ITEMS.get(str(_part(record.config, "space").get("kind", "image")), "examples")
    return f"For {items} such as it was trained on: give some of each new class, then ask for others."


def _data(record: ModelRecord) -> str:
    results = record.results or {}
    facts = [f"Fingerprint of the data: `{record.fingerprint}`."] if record.fingerprint else []
    if isinstance(rows := results.get("rows"), dict):
        facts.append("Rows: " + ", ".join(f"{count:,} {part}" for part, count in rows.items()) + ".")
    facts += [f"- {_text(note)}" for note in list(results.get("messages") or [])[:_MOST_ROWS]]
    if record.details.misses or any(one.misses for one in record.details.targets):
        facts.append(
            "The file report.json of this model holds some examples of its data: those that it got wrong, "
            "and a sample of labels. Make it without a report where they must not be passed on."
        )
    return "\n\n".join(facts) or "Nothing was kept of where the data came from."


def _evaluation(record: ModelRecord, figures: Sequence[_Figure]) -> str:
    if not figures:
        return (
            "No figures stand here."
            if record.results is None
            else "Its figures are in its file results.json."
        )
    lines = ["| task | metric | value | beside separate training |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {_text(one.task)} | {_text(one.metric)} | {one.shown} | {_text(one.note) or '–'} |"
        for one in figures[: 3 * _MOST_ROWS]
    ]
    how = {
        "table": "Held-out rows: each is judged by networks that did not see it; ± is half of a 95 % "
        "interval.",
        "few-shot": "Episodes of classes that were never seen; ± is half of a 95 % interval.",
    }.get(record.kind, "Each example was left out in turn.")
    return f"{how}\n\n" + "\n".join(lines)


def _limits(record: ModelRecord) -> str:
    results = record.results or {}
    poor = [one["task"] for one in results.get("tasks", []) if one.get("better_than_constant") is False]
    lines = []
    if poor:
        named = ", ".join(_text(name) for name in poor[:_MOST_ROWS])
        lines.append(f"- It is not clearly better than a constant answer for {named}: do not rely on these.")
    lines += [
        "- Figures hold for data that come as those of the training did; they say nothing of others.",
        "- Intervals and probabilities are right on average over rows, not for each kind of row.",
        "- Nobody has looked for what may be unfair in its data or answers; do so before people depend on "
        "it.",
    ]
    return "\n".join(lines)


def _how(record: ModelRecord) -> str:
    ask = {
        "few-shot": 'classes = model.adapt("my-support/")  # a folder with one folder of images per class\n'
        'print(classes.predict("new-images/"))',
        "learned-features": 'classes = model.adapt("few-labelled-examples.csv")\n'
        'print(classes.predict("new-examples.csv"))',
        "in-context": 'tasks = model.adapt("labelled-rows-of-new-tasks.csv")\n'
        'print(tasks.predict("their-other-rows.csv"))',
    }.get(record.kind, 'print(model.predict("new.csv"))')
    code = f'import polytask\n\nmodel = polytask.load("folder-of-this-model")\n{ask}'
    again = ""
    if record.command is not None and "`" not in record.command:
        again = f"\n\nThe command that made it:\n\n```bash\n{record.command}\n```"
    return f"```python\n{code}\n```{again}"


def _targets(record: ModelRecord) -> list[Mapping[str, Any]]:
    pooled = _part(record.config, "pooled")
    return [
        {**one, "kind": "log" if one.get("log") is True else one.get("kind")}
        for one in _records(record.config.get("targets") or pooled.get("targets"))
    ]


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _records(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: str) -> str:
    """Write a text that is no markup: names of columns may be anything."""
    return _SPECIAL.sub(r"\\\1", html.escape(short_name(printable(value), 120), quote=False))


def _yaml(value: str) -> str:
    """Write a text as YAML, of which JSON is a part."""
    return json.dumps(short_name(value, 200))
