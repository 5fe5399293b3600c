"""The report of the demo: what each table answered, and how well letters of unseen scripts are told apart."""

import math
from collections.abc import Sequence

from polytask.core.names import counted
from polytask.demo.table_questions import Question
from polytask.models.few_shot_results import FewShotResults
from polytask.models.report_details import Episode
from polytask.models.table_results import FitResults
from polytask.report.charts.bands import bands
from polytask.report.charts.bars import Bar, bars
from polytask.report.common_parts import facts_section, listed, seconds_text
from polytask.report.fit_report import verdict_parts
from polytask.report.galleries import episode_galleries
from polytask.report.learn_report import accuracy_bars
from polytask.report.page import Card, Fold, Page, Part, Section, Table, Text

__all__ = ["demo_page"]


def demo_page(
    questions: Sequence[Question],
    few_shot: Sequence[FewShotResults],
    *,
    episode: Episode | None,
    seconds: float,
    command: str | None = None,
) -> Page:
    """Lay out the report of the demo.

    Args:
        questions: Tables, what was asked of them, and what came out.
        few_shot: Learners on the same episodes of letters; at least one.
        episode: One of these, answered by the first learner; None for no picture.
        seconds: Wall time of everything.
        command: The command line that does the same again.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    judged = {one.name: one.results for one in questions if one.results is not None}
    facts = {"wall time": seconds_text(seconds), "learners": [one.learner for one in few_shot]}
    return Page(
        title="polytask: both halves on built-in data",
        headline=_answer(judged),
        lead=_letters(few_shot),
        cards=[*map(_card, questions), _letter_card(few_shot)],
        sections=[
            Section(title="Together or apart?", parts=[bands(judged)]),
            *(Section(title=one.asked, parts=_question_parts(one)) for one in questions),
            Section(title="Letters of scripts that were never seen", parts=_letter_parts(few_shot, episode)),
            facts_section(facts, command=command),
        ],
    )


def _answer(judged: dict[str, FitResults]) -> str:
    """Say where joint training helps, and where it hurts."""
    counts = {
        word: {name: _count(found, word) for name, found in judged.items()} for word in ("helped", "hurt")
    }
    helped = [f"{count} of {_n_targets(judged[name])} ({name})" for name, count in counts["helped"].items()]
    hurt = [
        f"{count} of {_n_targets(judged[name])} ({name})" for name, count in counts["hurt"].items() if count
    ]
    tail = f"; it hurts {listed(hurt)}" if hurt else "; it hurts none"
    return f"Whether it pays to learn together depends on the tasks: it helps {listed(helped)}{tail}."


def _letters(few_shot: Sequence[FewShotResults]) -> str:
    best, first = max(few_shot, key=_accuracy), few_shot[0]
    return (
        f"After {counted(first.shot, 'example')} of each of {first.way} letters of a script never seen "
        f"before, {best.learner} names {_accuracy(best):.1f} % of new drawings right; comparing pixels names "
        f"{100 * first.baseline.interval.mean:.1f} %."
    )


def _card(question: Question) -> Card:
    found = question.results
    if found is None or found.delta_m is None:
        value = next((value for name, value in question.scores.items() if "polytask" in name), math.nan)
        text = f"{value:.3g} {question.unit}".strip()
        return Card(label=_capital(question.name), value=text, note=question.measured)
    mean = found.delta_m
    clear = math.isfinite(mean.half_width) and abs(mean.mean) > mean.half_width
    return Card(
        label=f"{_capital(question.name)}: gain",
        value=f"{mean.mean:+.1f} %".replace("-", "−"),
        note=f"helps {_count(found, 'helped')}, hurts {_count(found, 'hurt')} of {_n_targets(found)}",
        tone=("good" if mean.mean > 0 else "bad") if clear else "",
    )


def _letter_card(few_shot: Sequence[FewShotResults]) -> Card:
    best = max(few_shot, key=_accuracy)
    return Card(
        label="Letters: right after one example",
        value=f"{_accuracy(best):.1f} %",
        note=f"by {best.learner}, of {best.way} classes",
        tone="good" if best.verdict == "helped" else "",
    )


def _question_parts(question: Question) -> list[Part]:
    parts: list[Part] = [Text(question.conclusion)]
    if question.scores:
        rows = [
            Bar(name=name, value=value, text=f"{value:.3g}", plain="polytask" not in name)
            for name, value in question.scores.items()
        ]
        parts.append(bars(rows, title=question.asked, measured=question.measured))
    if question.results is not None:
        details = verdict_parts(question.results)
        parts.append(Fold(title="Target by target", parts=details, open=not question.scores))
    return parts


def _letter_parts(few_shot: Sequence[FewShotResults], episode: Episode | None) -> list[Part]:
    first = few_shot[0]
    parts: list[Part] = [
        accuracy_bars(
            {one.learner: one.score.interval for one in few_shot},
            pixels=first.baseline.interval,
            way=first.way,
            n_episodes=first.n_episodes,
        ),
        Table(
            caption="The learners; each trained on the same known scripts",
            headings=["learner", "accuracy, %", "answers", "weights", "training"],
            rows=[_row(one) for one in few_shot],
            texts=(0, 2),
        ),
    ]
    parts += [Text(one.warning, tone="bad") for one in few_shot if one.warning is not None]
    if episode is not None:
        title = f"One episode, answered by {first.learner}"
        parts.append(Fold(title=title, parts=episode_galleries(episode), open=True))
    classes = ", ".join(f"{count} for {part}" for part, count in first.n_classes.items())
    return [*parts, Text(f"Classes: {classes}; none is in two parts.", tone="muted")]


def _row(one: FewShotResults) -> list[str]:
    kind = "transductive" if one.score.transductive else "inductive"
    accuracy = one.score.interval.format(1, scale=100)
    return [one.learner, accuracy, kind, f"{one.n_parameters:,}", seconds_text(one.seconds)]


def _accuracy(one: FewShotResults) -> float:
    return 100 * one.score.interval.mean


def _count(found: FitResults, verdict: str) -> int:
    return sum(one.verdict == verdict for one in found.tasks)


def _n_targets(found: FitResults) -> int:
    return len(found.tasks)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
