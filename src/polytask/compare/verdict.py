"""The verdict of a comparison: who is better than whom, by held-out predictions paired row by row.

There are two questions, each adjusted for all its candidates and targets (Holm): of every joint candidate,
whether it is better than the same networks without the other targets; of every other method, whether it is
better than the networks that are recommended for the target. `polytask.compare.court` answers them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.compare.cells import Cell, CellRecord, is_done, read_outputs, read_record
from polytask.compare.court import Court
from polytask.compare.networks import JointNetworks
from polytask.compare.plan import Plan
from polytask.compare.recommendation import Advice, recommendation
from polytask.compare.results import CandidateResult, Comparison
from polytask.core import Interval, TrainingError
from polytask.core.doors import by_door
from polytask.core.names import counted
from polytask.core.strict_json import format_json
from polytask.evaluate.jackknife import p_values_of
from polytask.models.table_results import SIGNIFICANT

__all__ = ["Judged", "judge_cells", "judged_cells"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A comparison that is judged.

    Args:
        comparison: What it found.
        court: The predictions by which it was judged.
    """

    comparison: Comparison
    court: Court


def judge_cells(plan: Plan) -> Comparison:
    """Judge the cells that are done.

    Raises:
        TrainingError: No fold has been done by all candidates.
        BundleError: A cell is damaged.
    """
    return judged_cells(plan).comparison


def judged_cells(plan: Plan) -> Judged:
    """Judge the cells that are done, and return the predictions, too; see `judge_cells`."""
    cells = plan.folder / "cells"
    done = [cell for cell in plan.cells if is_done(cells, cell)]
    records = {cell: read_record(cells, cell) for cell in done}
    errors = {
        cell.candidate: record.error or "" for cell, record in records.items() if record.status == "failed"
    }
    names = [name for name in plan.candidates if name not in errors]
    whole = _whole_folds(plan, names, records)
    if not names or not whole:
        raise TrainingError(_nothing_judged(errors, len(done), len(plan.cells)))
    court = Court(plan, {name: _outputs(plan, name, whole) for name in names})
    results = [_result(plan, court, name, records, errors) for name in plan.candidates]
    best_joint, contrasts = court.contrasts()
    hopeless = court.not_better_than_constant(results)
    delta_m = {name: court.delta_m(name) for name in court.joint}
    recommended = None if best_joint is None else plan.candidates[best_joint]
    advice = Advice(
        targets=[task.name for task in plan.rows.tasks],
        words=plan.words,
        joint=best_joint,
        contrasts=contrasts,
        hopeless=hopeless,
        networks={task.name: court.networks(task.name, best_joint) for task in plan.rows.tasks},
        mean=None if best_joint is None else _clear(delta_m, best_joint),
        groups=recommended.groups if isinstance(recommended, JointNetworks) else None,
    )
    comparison = Comparison(
        tasks=plan.rows.tasks,
        candidates=tuple(results),
        contrasts=tuple(contrasts),
        delta_m=delta_m,
        recommendation=recommendation(advice),
        not_better_than_constant=hopeless,
        n_folds=len(plan.repeats[0]),
        n_repeats=len(plan.repeats),
        rows={"labelled": len(plan.rows), "judged": court.n_judged},
        n_cells=len(plan.cells),
        n_left=len(plan.cells) - len(done),
        seconds=sum(record.seconds for record in records.values()),
        messages=tuple(_messages(plan, errors, whole, results)),
    )
    return Judged(comparison=comparison, court=court)


def _clear(gains: Mapping[str, Interval | None], name: str) -> Interval | None:
    """Return the mean gain of a joint candidate if it is clearly not 0, adjusted for all of them."""
    p_value = p_values_of(gains)[name]
    return gains[name] if p_value is not None and p_value < SIGNIFICANT else None


def _whole_folds(
    plan: Plan, names: Sequence[str], records: Mapping[Cell, CellRecord]
) -> list[tuple[int, int]]:
    """Return the folds (repeat, fold) that all of some candidates have done."""
    pairs = [(repeat, fold) for repeat, folds in enumerate(plan.repeats) for fold in range(len(folds))]
    return [
        (repeat, fold)
        for repeat, fold in pairs
        if all(Cell(candidate=name, repeat=repeat, fold=fold) in records for name in names)
    ]


def _nothing_judged(errors: Mapping[str, str], n_done: int, n_cells: int) -> str:
    if errors:
        told = "; ".join(f"{name}: {error.removesuffix('.')}" for name, error in errors.items())
        return f"There is nothing to compare: candidates failed ({told}). Mend or leave them out."
    return (
        f"{n_done} of {n_cells} cells are done, but no fold by all candidates, so that there is nothing to "
        f"compare. Raise `time_budget`, and {_again()}."
    )


def _again() -> str:
    return by_door(
        python="call `polytask.compare` again with the same `directory`", command="run the same command again"
    )


def _outputs(plan: Plan, name: str, whole: Sequence[tuple[int, int]]) -> list[dict[str, Tensor]]:
    """Put the predictions of a candidate together, for each repeat."""
    tasks = plan.rows.tasks
    n_outputs = {task.name: task.n_outputs for task in tasks}
    found: dict[int, dict[str, Tensor]] = {}
    for repeat, fold in whole:
        cell = Cell(candidate=name, repeat=repeat, fold=fold)
        held_out = plan.fold(cell).held_out
        part = found.setdefault(
            repeat, {task.name: torch.full((len(plan.rows), task.n_outputs), torch.nan) for task in tasks}
        )
        for target, values in read_outputs(plan.folder / "cells", cell, n_outputs, len(held_out)).items():
            part[target][torch.from_numpy(held_out)] = torch.from_numpy(values)
    return list(found.values())


def _result(
    plan: Plan,
    court: Court,
    name: str,
    records: Mapping[Cell, CellRecord],
    errors: Mapping[str, str],
) -> CandidateResult:
    ours = [record for cell, record in records.items() if cell.candidate == name]
    counts: dict[str, Counter[str]] = {}
    for record in ours:
        for target, settings in record.settings.items():
            counts.setdefault(target, Counter())[format_json(settings, indent=None)] += 1
    peaks = [record.peak_bytes for record in ours if record.peak_bytes is not None]
    return CandidateResult(
        name=name,
        words=plan.words[name],
        metrics={} if name in errors else court.metrics(name),
        seconds=sum(record.seconds for record in ours) / max(len(ours), 1),
        peak_bytes=max(peaks, default=None),
        settings={target: dict(chosen) for target, chosen in counts.items()},
        trials={target: max(_n_trials(record, target) for record in ours) for target in counts},
        error=errors.get(name),
        messages=tuple(dict.fromkeys(text for record in ours for text in record.messages)),
    )


def _n_trials(record: CellRecord, target: str) -> int:
    """Return of how many settings a cell chose one for a target."""
    return sum(target in trial["targets"] for trial in record.trials) or 1


def _messages(
    plan: Plan,
    errors: Mapping[str, str],
    whole: Sequence[tuple[int, int]],
    results: Sequence[CandidateResult],
) -> list[str]:
    """Say what is missing, and of whom."""
    told = [f"Candidate {name!r} failed and is left out: {error}" for name, error in errors.items()]
    n_folds = sum(len(folds) for folds in plan.repeats)
    if len(whole) < n_folds:
        again = _again()
        told.append(
            f"{len(whole)} of {counted(n_folds, 'fold')} are judged, as time was up. To do the rest, {again}."
        )
    for one in results:
        lacking = [task.name for task in plan.rows.tasks if task.name not in one.metrics]
        if lacking and one.error is None:
            told.append(f"Candidate {one.name!r} does not predict {', '.join(lacking)}.")
        told += [f"Candidate {one.name!r}: {message}" for message in one.messages[:1]]
    return told
