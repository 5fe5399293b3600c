"""The report of a model of several targets of a table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.models.report_details import TargetDetails
from polytask.models.table_results import FitResults, TaskResult
from polytask.report.charts.forest import ForestRow, forest
from polytask.report.charts.lines import lines
from polytask.report.common_parts import data_section, how_section, listed, seconds_text
from polytask.report.how_judged import BY_ONE_FOLD
from polytask.report.metric_text import gain_text, interval_text, metric_name, value_text
from polytask.report.page import Card, Fold, Mark, Page, Part, Plots, Section, Table, Text
from polytask.report.target_parts import target_parts

__all__ = ["fit_page", "verdict_parts"]

_OPEN = 1  # targets that are shown unfolded
_DRAWN = 12  # targets with pictures
_TONES = {"helped": "good", "hurt": "bad"}
_BASELINES = {
    "separate model": "gain over a separate model, %",
    "constant answer": "gain over a constant answer, %",
}


def fit_page(record: ModelRecord) -> Page:
    """Lay out the report of a table model.

    Raises:
        BundleError: The stored results are no such things.
        MissingPackageError: matplotlib is not installed.
    """
    with reading_results(record.source):
        results = FitResults.from_json(record.results)
        told = _Told(results, {one.target: one for one in record.details.targets})
        names = [found.task for found in results.tasks]
        shortfall = results.shortfall()
        return Page(
            title=f"Report of a model of {counted(len(names), 'target')}: {listed(names, most=4)}",
            headline=told.answer(),
            lead=told.together(),
            tone="" if shortfall is None else "bad",
            more=[] if shortfall is None else [shortfall],
            cards=told.cards(),
            sections=[
                Section(title="How good it is", parts=told.verdict_parts()),
                Section(title="Target by target", parts=told.target_folds()),
                *_training(record),
                data_section(record, results.rows, results.messages),
                how_section(record),
            ],
        )


def verdict_parts(results: FitResults) -> list[Part]:
    """Show every target against every baseline: pictures, a table, and how it was judged.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    return _Told(results, {}).verdict_parts()


@dataclass(frozen=True, slots=True)
class _Told:
    results: FitResults
    details: Mapping[str, TargetDetails]

    def answer(self) -> str:
        """Say in a sentence or two what the model is worth."""
        tasks = self.results.tasks
        n_targets = len(tasks)
        poor = self.results.not_better_than_constant
        what = "A model of 1 target" if n_targets == 1 else f"A model of {n_targets} targets"
        if not poor:
            each = "clearly better than a constant answer" if n_targets == 1 else (
                "each predicted clearly better than by a constant answer"
            )  # fmt: skip
            sentence = f"{what}, {each}."
        elif len(poor) == n_targets:
            sentence = f"{what}, none of them clearly better than a constant answer: do not rely on it."
        else:
            sentence = (
                f"{what}: {n_targets - len(poor)} clearly better than a constant answer, but not "
                f"{listed(poor, most=4)}."
            )
        return sentence

    def together(self) -> str:
        """Say whether training the targets together helped."""
        tasks = self.results.tasks
        compared = [one for one in tasks if one.gain is not None and not one.single]
        if not compared:
            return ""
        groups = {word: [one for one in compared if one.verdict == word] for word in ("helped", "hurt")}
        parts = [
            f"{verb} {listed([_with_gain(one) for one in groups[word]], most=4)}"
            for word, verb in (("helped", "helps"), ("hurt", "hurts"))
            if groups[word]
        ]
        if not parts:
            return "Training them together makes no clear difference for any of them."
        rest = len(compared) - sum(map(len, groups.values()))
        tail = (
            f"; no clear difference for {'the other' if rest == 1 else f'the {rest} others'}" if rest else ""
        )
        return f"Training them together {' and '.join(parts)}{tail}."

    def cards(self) -> list[Card]:
        results = self.results
        n_targets, n_poor = len(results.tasks), len(results.not_better_than_constant)
        cards = [
            Card(
                label="Better than a constant answer",
                value=f"{n_targets - n_poor} of {n_targets}",
                note=counted(n_targets, "target"),
                tone="bad" if n_poor else "good",
            )
        ]
        if results.delta_m is not None:
            clear = abs(results.delta_m.mean) > _zero(results.delta_m.half_width)
            cards.append(
                Card(
                    label="Average gain of training together",
                    value=f"{_signed(results.delta_m.mean)} %",
                    note=f"± {results.delta_m.half_width:.1f}, over separate models",
                    tone=("good" if results.delta_m.mean > 0 else "bad") if clear else "",
                )
            )
        rows = results.rows
        cards += [
            Card(
                label="Rows with a label",
                value=f"{rows.get('labelled', 0):,}",
                note=f"of {rows.get('table', 0):,} in the table",
            ),
            Card(
                label="Training",
                value=seconds_text(results.seconds),
                note=f"{counted(results.n_folds, 'fold')}, {results.n_parameters.get('joint', 0):,} weights",
            ),
        ]
        return cards

    def verdict_parts(self) -> list[Part]:
        """Show every target against every baseline."""
        compared = any(one.baseline for one in self.results.tasks)
        headings = ["target", "measured by", "this model"]
        headings += ["separate models"] if compared else []
        headings += ["constant answer"]
        headings += ["gain of training together, %", "training together"] if compared else []
        texts = (0, 1, len(headings) - 1) if compared else (0, 1)
        rows = [self._row(one, compared=compared) for one in self.results.tasks]
        table = Table(
            caption="Held-out rows with 95 % intervals: each row is judged by networks that did not see it.",
            headings=headings,
            rows=rows,
            texts=texts,
        )
        plots = [plot for name in _BASELINES if (plot := self._forest(name)) is not None]
        many = len(rows) > _DRAWN
        return [
            Plots(plots=plots),
            Fold(title=f"All {len(rows)} targets", parts=[table]) if many else table,
            Text(self._note(), tone="muted"),
        ]

    def _row(self, one: TaskResult, *, compared: bool) -> list[str | Mark]:
        def figure(side: Mapping[str, Interval]) -> str:
            return interval_text(side.get(one.metric), one.metric)

        row: list[str | Mark] = [short_name(one.task), metric_name(one.metric), figure(one.joint)]
        row += [figure(one.baseline)] if compared else []
        row += [figure(one.constant)]
        if compared:
            row += [gain_text(one.gain), Mark(one.verdict, _TONES.get(one.verdict, ""))]
        return row

    def _forest(self, baseline: str):
        verdicts = {one.task: one for one in self.results.tasks}
        rows = []
        for name, one in verdicts.items():
            stored = self.details[name].gains.get(baseline) if name in self.details else None
            if not stored and baseline == "separate model" and one.gain is not None:
                stored = (one.gain.mean, one.gain.half_width)
            mean, half_width = stored or (None, None)
            if mean is None:
                continue
            width = math.nan if half_width is None else half_width
            tone = (
                _TONES.get(one.verdict, "")
                if baseline == "separate model"
                else "good" if one.better_than_constant else ""
            )  # fmt: skip
            rows.append(ForestRow(name=name, mean=mean, half_width=width, tone=tone))
        if not rows:
            return None
        mean = self.results.delta_m
        if baseline == "separate model" and mean is not None and len(rows) > 1:
            rows.append(ForestRow(name="average", mean=mean.mean, half_width=mean.half_width, total=True))
        return forest(
            rows,
            title=f"Gain over a {baseline}, by target, with 95 % intervals",
            measured=_BASELINES[baseline],
            explained=baseline == "separate model" or not any(one.baseline for one in self.results.tasks),
        )

    def _note(self) -> str:
        results = self.results
        again = f" {results.n_repeats} times" if results.n_repeats > 1 else ""
        groups = "; ".join(", ".join(map(short_name, group)) for group in results.groups)
        grouped = f" Networks of their own are trained for each group of targets: {groups}." if groups else ""
        beside = f" {BY_ONE_FOLD}" if any(one.baseline for one in results.tasks) else ""
        return (
            f"Rows were dealt into {counted(results.n_folds, 'fold')}{again}. Intervals come from leaving "
            "out blocks of rows (jackknife); gains are paired row by row, and verdicts adjusted for the "
            f"number of targets (Holm).{grouped}{beside}"
        )

    def target_folds(self) -> list[Part]:
        """Show each target by itself; of many only the first with pictures."""
        parts: list[Part] = []
        for index, one in enumerate(self.results.tasks):
            found = target_parts(one, self.details.get(one.task), drawn=index < _DRAWN)
            if found:
                title = f"{short_name(one.task)}, {_headline(one)}"
                parts.append(Fold(title=title, parts=found, open=index < _OPEN))
        return parts or [Text("Nothing more was kept of single targets.", tone="muted")]


def _training(record: ModelRecord) -> list[Section]:
    curves = record.details.curves
    if not curves:
        return []
    text = "Losses on held-out rows; each target keeps the weights of the step where its own is lowest."
    if any(curve.unit == "step" for curve in curves):
        text = "Figures of the first fold: losses while training, weights and conflicts of the tasks."
    plots: Sequence[Part] = [Text(text, tone="muted"), Plots(plots=[lines(curve) for curve in curves])]
    return [Section(title="Training", parts=[Fold(title="How it went", parts=plots)])]


def _headline(one: TaskResult) -> str:
    text = value_text(one.joint.get(one.metric), one.metric)
    return text.replace(one.metric, metric_name(one.metric).removesuffix(", %"), 1)


def _with_gain(one: TaskResult) -> str:
    gain = 0.0 if one.gain is None else abs(one.gain.mean)
    return f"{short_name(one.task, 40)} by {gain:.1f} %"


def _signed(value: float) -> str:
    return f"+{value:.1f}" if value > 0 else f"{value:.1f}".replace("-", "−")


def _zero(width: float) -> float:
    return width if math.isfinite(width) else math.inf
