"""The verdict of a comparison on many tasks: which model, where how much is known of a task.

One candidate, the model that knows each task if it takes part, is held against all others; gains are paired
row by row, tasks are left out whole for their intervals, and p-values are adjusted for all candidates,
targets and numbers of known rows (Holm).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from polytask.compare.plan import Plan
from polytask.compare.results import Comparison, Contrast
from polytask.compare.task_parts import TaskRowsKnown, words_of
from polytask.compare.task_results import TaskComparison
from polytask.compare.verdict import Judged, judged_cells
from polytask.core import Interval
from polytask.core.names import all_of, short_name
from polytask.evaluate.jackknife import p_values_of
from polytask.models.table_results import gain_words

__all__ = ["judge_tasks", "sentence_of"]

_REFERENCES = ("mixed", "pooled")
_CONSTANT = "constant"


def judge_tasks(plans: Mapping[TaskRowsKnown, Plan], task_column: str) -> TaskComparison:
    """Judge the cells that are done of comparisons that differ in how much is known of a task.

    Raises:
        TrainingError: Of one of them no fold has been done by all candidates.
        BundleError: A cell is damaged.
    """
    judged = {known: judged_cells(plan) for known, plan in plans.items()}
    first = next(iter(plans.values()))
    shared = [name for name in first.candidates if all(name in one.court.outputs for one in judged.values())]
    reference = next((name for name in _REFERENCES if name in shared), shared[0])
    gains = {
        (known, target, name): one.court.gain(target, reference, name)
        for known, one in judged.items()
        for target in one.court.judges
        for name in one.court.outputs
        if name != reference
    }
    p_values = p_values_of(gains)
    parts = {known: _with_contrasts(one, reference, gains, p_values, known) for known, one in judged.items()}
    return TaskComparison(
        task_column=task_column,
        parts=parts,
        reference=reference,
        recommendation=_recommendation(parts, reference, first.words),
        messages=tuple(
            dict.fromkeys(
                f"{words_of(known)[:1].upper()}{words_of(known)[1:]}: {message}"
                for known, part in parts.items()
                for message in part.messages
            )
        ),
    )


_Question = tuple[TaskRowsKnown, str, str]  # how much is known, target, candidate


def _with_contrasts(
    judged: Judged,
    reference: str,
    gains: Mapping[_Question, Interval | None],
    p_values: Mapping[_Question, float | None],
    known: TaskRowsKnown,
) -> Comparison:
    contrasts = tuple(
        Contrast(
            target=target, candidate=reference, baseline=name, joint=False, gain=gain, p_value=p_values[key]
        )
        for key, gain in gains.items()
        for asked, target, name in [key]
        if asked == known
    )
    return replace(judged.comparison, contrasts=contrasts, delta_m={})


def _recommendation(
    parts: Mapping[TaskRowsKnown, Comparison], reference: str, words: Mapping[str, str]
) -> str:
    targets = [task.name for task in next(iter(parts.values())).tasks]
    sentences = []
    for target in targets:
        name = f"{short_name(target)}: " if len(targets) > 1 else None
        for known, part in parts.items():
            ours = [one for one in part.contrasts if one.target == target]
            told = [sentence_of(ours, words_of(known), words[reference], words)]
            asked = {reference, *(one.baseline for one in ours)}
            if _CONSTANT not in asked and target in part.not_better_than_constant:
                told.append("nothing is clearly better than a constant there.")
            sentences += [one[:1].upper() + one[1:] if name is None else name + one for one in told]
    return " ".join(sentences)


def sentence_of(contrasts: Sequence[Contrast], where: str, ours: str, words: Mapping[str, str]) -> str:
    """Say which model to take where so much is known, and where that is not clearly better than a constant.

    Args:
        contrasts: Of the reference against each other candidate, on one target.
        where: What is known, in words.
        ours: What sentences call the reference.
        words: What sentences call the others, by name.
    """
    beaten = [one for one in contrasts if one.verdict == "better"]
    ahead = [one for one in contrasts if one.verdict == "worse"]
    useless = any(one.baseline == _CONSTANT and one not in beaten for one in contrasts)
    poor = f" {ours[:1].upper()}{ours[1:]} is not clearly better than {words[_CONSTANT]}." if useless else ""
    if ahead:
        best = min(ahead, key=_mean)
        text = f"for {where}, take {words[best.baseline]}: {ours} loses {gain_words(best.gain)} against it."
        return text if best.baseline == _CONSTANT else text + poor
    if not beaten:
        even = f", {words[_CONSTANT]} included" if useless else ""
        return f"for {where}, nothing is clearly better or worse than {ours}{even}."
    text = f"for {where}, take {ours}: it is better than"
    if len(beaten) == len(contrasts) > 1:
        closest = min(beaten, key=_mean)
        least = f"by {gain_words(closest.gain)} where that is least, than {words[closest.baseline]}"
        return f"{text} all other models, {least}."
    if len(beaten) == 1:
        return f"{text} {words[beaten[0].baseline]}, by {gain_words(beaten[0].gain)}.{poor}"
    return f"{text} {all_of([f'{words[one.baseline]} (by {gain_words(one.gain)})' for one in beaten])}.{poor}"


def _mean(one: Contrast) -> float:
    return one.gain.mean if one.gain else 0.0
