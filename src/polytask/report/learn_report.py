"""The report of a model that learned to learn from few images."""

import math
from collections.abc import Mapping
from typing import Any

from polytask.core import Interval
from polytask.core.names import counted, short_name
from polytask.models.model_record import ModelRecord, reading_results
from polytask.report.charts.bars import Bar, bars
from polytask.report.charts.lines import lines
from polytask.report.common_parts import data_section, how_section, seconds_text
from polytask.report.galleries import episode_galleries, miss_gallery
from polytask.report.page import Card, Fold, Mark, Page, Part, Plot, Plots, Section, Table, Text

__all__ = ["accuracy_bars", "learn_page"]

_TONES = {"helped": "good", "hurt": "bad"}


def learn_page(record: ModelRecord) -> Page:
    """Lay out the report of a few-shot model.

    Raises:
        BundleError: The stored results are no such things.
        MissingPackageError: matplotlib is not installed.
    """
    with reading_results(record.source):
        results = record.results or {}
        if "accuracy" not in results:
            return _updated_page(record, results)
        score, pixels = _interval(results["accuracy"]), _interval(results["pixel_nearest_mean"])
        way, shot, learner = int(results["way"]), int(results["shot"]), str(results["learner"])
        verdict = str(results["verdict"])
        return Page(
            title=f"Report of a model by {learner}, learned from {short_name(str(results['source']))}",
            headline=_answer(score, way, shot),
            lead=_beside(verdict, learner, pixels),
            tone="" if verdict == "helped" else "bad",
            cards=_cards(results, score),
            sections=[
                Section(title="How good it is", parts=_verdict(results, score, pixels)),
                *_pictures(record),
                *_training(record),
                data_section(record, {}, more=[Text(_classes(results))]),
                how_section(record),
            ],
        )


def _answer(score: Interval, way: int, shot: int) -> str:
    examples = counted(shot, "example")
    return (
        f"Given {examples} of each of {way} classes that it has never seen, it names "
        f"{100 * score.mean:.1f} % of new images right."
    )


def _beside(verdict: str, learner: str, pixels: Interval) -> str:
    beside = f"comparing raw pixels with the nearest class mean ({100 * pixels.mean:.1f} %)"
    return {
        "helped": f"What {learner} learned is clearly better than {beside}.",
        "hurt": f"What {learner} learned is worse than {beside}: do not use it.",
    }.get(verdict, f"What {learner} learned is not clearly better than {beside}.")


def _cards(results: Mapping[str, Any], score: Interval) -> list[Card]:
    gain = _interval(results["gain"])
    width = "" if math.isnan(score.half_width) else f"± {100 * score.half_width:.1f}, "
    return [
        Card(
            label="Right on unseen classes",
            value=f"{100 * score.mean:.1f} %",
            note=f"{width}{int(results['episodes'])} episodes",
        ),
        Card(
            label="Above raw pixels",
            value=f"{100 * gain.mean:+.1f} points",
            note=str(results["verdict"]),
            tone=_TONES.get(str(results["verdict"]), ""),
        ),
        Card(label="Chance", value=f"{100 / int(results['way']):.0f} %", note=f"{results['way']} classes"),
        Card(
            label="Training",
            value=seconds_text(float(results["seconds"])),
            note=f"{int(results['n_parameters']):,} weights",
        ),
    ]


def _verdict(results: Mapping[str, Any], score: Interval, pixels: Interval) -> list[Part]:
    plot = accuracy_bars(
        {str(results["learner"]): score},
        pixels=pixels,
        way=int(results["way"]),
        n_episodes=int(results["episodes"]),
    )
    transductive = bool(results["accuracy"].get("transductive"))
    how = "together with the others of its episode (transductive)" if transductive else "alone (inductive)"
    parts: list[Part] = [plot, Text(f"Every query is answered {how}.", tone="muted")]
    if trials := results.get("trials"):
        chosen = [
            [
                str(one["learner"]),
                f"{100 * float(one['accuracy']['mean']):.1f}",
                Mark("chosen", "good") if one["chosen"] else "",
            ]
            for one in trials
        ]
        caption = f"Learners that were tried for {trials[0]['steps']} steps, on validation classes"
        parts.append(
            Table(caption=caption, headings=["learner", "accuracy, %", ""], rows=chosen, texts=(0, 2))
        )
    return parts


def accuracy_bars(learners: Mapping[str, Interval], *, pixels: Interval, way: int, n_episodes: int) -> Plot:
    """Draw accuracies on unseen classes, as shares of 1, beside raw pixels and chance.

    Args:
        learners: By name, at least one.
        pixels: Of the nearest class mean of raw pixels.
        way: Classes of an episode.
        n_episodes: Which were the same ones for all.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    rows = [_bar(name, score) for name, score in learners.items()]
    rows += [
        _bar("raw pixels", pixels, plain=True),
        _bar("chance", Interval(mean=1 / way, half_width=math.nan, n=1), plain=True),
    ]
    return bars(
        rows,
        title="Accuracy on unseen classes, beside raw pixels and chance",
        measured="accuracy on unseen classes, %",
        caption=f"Means over {n_episodes} episodes with 95 % intervals, the same ones for all.",
        most=100,
    )


def _pictures(record: ModelRecord) -> list[Section]:
    details = record.details
    parts: list[Part] = []
    for index, episode in enumerate(details.episodes):
        title = f"Episode {index + 1}"
        parts.append(Fold(title=title, parts=episode_galleries(episode), open=index == 0))
    if details.misses:
        caption = "Queries that were taken for another class with most confidence"
        parts.append(Fold(title="The worst mistakes", parts=[miss_gallery(details.misses, caption=caption)]))
    return [Section(title="What it looks like", parts=parts)] if parts else []


def _training(record: ModelRecord) -> list[Section]:
    if not record.details.curves:
        return []
    text = "Losses while training, and the score on validation classes; the best weights are kept."
    plots = Plots(plots=[lines(curve) for curve in record.details.curves])
    parts = [Text(text, tone="muted"), plots]
    return [Section(title="Training", parts=[Fold(title="How it went", parts=parts)])]


def _updated_page(record: ModelRecord, results: Mapping[str, Any]) -> Page:
    """Lay out a model that was updated: what its new task and the known ones are worth, before and after."""
    names = {
        "new_task": "new task",
        "guard": "known classes that were held out",
        "known_tasks": "test classes",
    }
    rows = [
        [words, *(_percent(results[part][side]) for side in ("before", "after", "change"))]
        for part, words in names.items()
        if part in results
    ]
    return Page(
        title="Report of an updated few-shot model",
        headline=f"{'The update stands' if results['kept'] else 'The update was undone'}.",
        lead=str(results["reason"]),
        sections=[
            Section(
                title="Before and after",
                parts=[
                    Table(
                        caption="Accuracy in percent, with 95 % intervals",
                        headings=["judged on", "before", "after", "change"],
                        rows=rows,
                    )
                ],
            ),
            data_section(record, {}),
            how_section(record),
        ],
    )


def _classes(results: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{count} for {part}" for part, count in results["n_classes"].items())
    return f"Classes: {counts}; none is in two parts."


def _bar(name: str, interval: Interval, *, plain: bool = False) -> Bar:
    width = "" if math.isnan(interval.half_width) else f" ± {100 * interval.half_width:.1f}"
    return Bar(
        name=name,
        value=100 * interval.mean,
        text=f"{100 * interval.mean:.1f}{width}",
        half_width=100 * interval.half_width,
        plain=plain,
    )


def _percent(stored: Mapping[str, Any]) -> str:
    return _interval(stored).format(1, scale=100)


def _interval(stored: Mapping[str, Any]) -> Interval:
    mean, width = (
        math.nan if stored[part] is None else float(stored[part]) for part in ("mean", "half_width")
    )
    return Interval(mean=mean, half_width=width, n=0)
