"""Together or apart? Three tables, fixed before their answers were known, and what `polytask.fit` says.

Whether joint training pays is a property of the data, so the product's answer is a verdict: where tasks are
kin and labels few it helps, where each task has enough of its own it makes no clear difference, and where
tasks ask for different things it may hurt.
"""

import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polytask.core import DataWarning, Interval, ResultWarning
from polytask.core.names import counted
from polytask.datasets import chick_weights, factor_world, glyph_traits_table, penguins_table
from polytask.datasets.factor_worlds import FactorWorld
from polytask.demo.rivals import mean_r2, own_ridge, reduced_rank_ridge
from polytask.estimators import fit
from polytask.estimators.task_forecast import forecast_new_tasks
from polytask.models import TableModel
from polytask.models.table_results import FitResults
from polytask.relate import relate

__all__ = ["Question", "ask_about_chicks", "ask_about_traits", "ask_helping_world", "ask_penguins"]

_WORLD_SEED = 11  # the worlds of seeds 0, 1 and 2 were looked at while `fit` was built
_BY_KIND = (("letter",), ("bold", "slanted", "serif"))  # what is drawn, and how
_RANK = 3  # of the world's factors: the linear rival is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A table, what is asked of it, and the answer.

    Args:
        name: By which results name it.
        asked: The question.
        conclusion: What came out, in a sentence.
        results: The verdicts of `polytask.fit`; None where no joint training is judged.
        scores: Further figures by name.
        measured: What these figures are.
        unit: Theirs; empty for none.
        seconds: Wall time.
    """

    name: str
    asked: str
    conclusion: str
    results: FitResults | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    measured: str = ""
    unit: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "question": self.asked,
            "answer": self.conclusion,
            "figures": {name: round(value, 3) for name, value in self.scores.items()},
            "results": None if self.results is None else self.results.to_json(),
            "seconds": round(self.seconds, 1),
        }


def ask_helping_world(*, n_tasks: int = 60, progress: bool = False, **settings: Any) -> Question:
    """Ask a generated world of kindred tasks, with an oracle, and one of tasks without kinship beside it.

    Args:
        n_tasks: Targets of each.
        progress: Show bars.
        **settings: Of `polytask.fit`, for tests; its defaults otherwise.
    """
    start = time.perf_counter()
    world = factor_world(n_tasks=n_tasks, seed=_WORLD_SEED)
    model = _fitted(world, progress=progress, **settings)
    results = _results(model)
    figures = {
        "own ridge regressions": _ridge(world, factors=False),
        "reduced-rank ridge regression": _reduced_rank(world),
        "polytask.fit": _explained(model, world),
        "oracle (ridge on the true factors)": _ridge(world, factors=True),
    }
    control = factor_world(n_tasks=n_tasks, kindred=False, seed=_WORLD_SEED)
    figures["without kinship: own ridge regressions"] = _ridge(control, factors=False)
    figures["without kinship: polytask.fit"] = _explained(
        _fitted(control, progress=progress, baselines=False, **settings), control
    )
    answer = (
        f"{_verdicts(results)} On new rows it explains {figures['polytask.fit']:.2f} of the variance, where "
        f"ridge regressions of each task's own labels explain {figures['own ridge regressions']:.2f} and one "
        f"that is told the factors {figures['oracle (ridge on the true factors)']:.2f}."
    )
    return Question(
        name="kindred tasks",
        asked=f"{n_tasks} kindred tasks with 16 labels each: does it help to learn them together?",
        conclusion=answer,
        results=results,
        scores=figures,
        measured="R² on new rows of the generated worlds",
        seconds=time.perf_counter() - start,
    )


def ask_penguins(*, progress: bool = False, **settings: Any) -> tuple[Question, TableModel]:
    """Ask the Palmer penguins, whose four targets have enough labels each."""
    start = time.perf_counter()
    targets = ("species", "sex", "island", "body_mass_g:regression")
    model = fit(penguins_table(), targets, drop=("year",), progress=progress, **settings)
    results = _results(model)
    question = Question(
        name="penguins",
        asked="333 penguins, four targets: does it make a difference?",
        conclusion=_verdicts(results),
        results=results,
        seconds=time.perf_counter() - start,
    )
    return question, model


def ask_about_traits(*, n_rows: int = 600, progress: bool = False, **settings: Any) -> Question:
    """Ask drawings of letters which letter it is, and whether its font is bold, slanted, or has serifs.

    They are learned together, in two groups (what is drawn, and how), and apart.

    Args:
        n_rows: Drawings.
        progress: Show bars.
        **settings: Of `polytask.fit`, for tests; its defaults otherwise.
    """
    start = time.perf_counter()
    targets = ("letter", "bold", "slanted", "serif")
    table = glyph_traits_table(n_rows)
    drawn = table.loc[:, table.nunique() > 1]  # some pixels at the border never have ink
    related = relate(drawn, targets)
    results = _results(fit(drawn, targets, progress=progress, **settings))
    grouped = _results(fit(drawn, targets, groups=_BY_KIND, baselines=False, progress=progress, **settings))
    figures = {
        "polytask.fit, all together": _mean_accuracy([one.joint for one in results.tasks]),
        "polytask.fit, in two groups": _mean_accuracy([one.joint for one in grouped.tasks]),
        "each apart": _mean_accuracy([one.baseline for one in results.tasks]),
    }
    together, in_groups, apart = (f"{value:.1f} %" for value in figures.values())
    return Question(
        name="traits of letters",
        asked=f"{n_rows} drawings of letters, four unlike questions: may it hurt?",
        conclusion=(
            f"{_verdicts(results)} {related.grouping} On average {together} of the answers are right when "
            f"all are learned together, {in_groups} in two groups (the letter; bold, slanted and serif), and "
            f"{apart} apart."
        ),
        results=results,
        scores=figures,
        measured="right answers on held-out rows, mean of four questions, %",
        seconds=time.perf_counter() - start,
    )


def ask_about_chicks(*, n_splits: int = 2, progress: bool = False, **settings: Any) -> Question:
    """Ask what a chick will weigh later, from its first four weighings and what other chicks taught.

    Args:
        n_splits: How often a fifth of the chicks is held out anew.
        progress: Show bars.
        **settings: Of `polytask.fit`, for tests; its defaults otherwise.

    Raises:
        DataError: The package river, which carries the weights, is not installed.
    """
    start = time.perf_counter()
    table = chick_weights()
    errors: dict[str, list[float]] = {}
    for split in range(n_splits):
        found = forecast_new_tasks(
            table, "weight", task_column="chick", order="time", seed=split, progress=progress, **settings
        )
        for side, error in found.errors.items():
            errors.setdefault(side, []).append(error)
    mean = {side: float(np.mean(values)) for side, values in errors.items()}
    figures = {
        "a line through its own four weighings": mean["line"],
        "what others weigh, shifted": mean["shifted"],
        "polytask.fit, then adapt": mean["model"],
    }
    return Question(
        name="chicks",
        asked="A chick's later weights from its first four: does it help to know other chicks?",
        conclusion=(
            f"With what other chicks taught the error is {mean['model']:.1f} g; what others weigh, shifted "
            f"to its own mean, misses by {mean['shifted']:.1f} g, and a line through its own weighings by "
            f"{mean['line']:.1f} g."
        ),
        scores=figures,
        measured=f"error on later weights of new chicks, g (mean of {counted(n_splits, 'split')})",
        unit="g",
        seconds=time.perf_counter() - start,
    )


def _fitted(world: FactorWorld, *, progress: bool, **settings: Any) -> TableModel:
    targets = dict.fromkeys(world.targets, "regression")
    with warnings.catch_warnings():  # that a few of sixty targets are hard is a part of the answer
        warnings.simplefilter("ignore", ResultWarning)
        return fit(world.table, targets, progress=progress, **settings)


def _mean_accuracy(metrics: Sequence[Mapping[str, Interval]]) -> float:
    """Return the accuracy in percent, averaged over targets."""
    return 100 * float(np.mean([one["accuracy"].mean for one in metrics]))


def _results(model: TableModel) -> FitResults:
    if model.results is None:
        raise RuntimeError("a fresh fit has results")
    return model.results


def _explained(model: TableModel, world: FactorWorld) -> float:
    names = list(world.targets)
    with warnings.catch_warnings():  # of five hundred normal rows some lie outside the range of others
        warnings.simplefilter("ignore", DataWarning)
        predicted = model.predict(world.test.drop(columns=names))[names].to_numpy()
    return mean_r2(predicted, world.test[names].to_numpy())


def _ridge(world: FactorWorld, *, factors: bool) -> float:
    """Return what ridge regressions explain that are told the inputs, or the true factors."""
    names, tasks = list(world.targets), range(len(world.targets))
    known, new = (
        [world.factors(frame, task) if factors else world.inputs(frame) for task in tasks]
        for frame in (world.table, world.test)
    )
    return mean_r2(own_ridge(known, world.table[names].to_numpy(), new), world.test[names].to_numpy())


def _reduced_rank(world: FactorWorld) -> float:
    names = list(world.targets)
    predicted = reduced_rank_ridge(
        world.inputs(world.table), world.table[names].to_numpy(), world.inputs(world.test), rank=_RANK
    )
    return mean_r2(predicted, world.test[names].to_numpy())


def _verdicts(results: FitResults) -> str:
    """Say what joint training did, in a sentence."""
    verdicts = Counter(found.verdict for found in results.tasks)
    n_tasks = len(results.tasks)
    if verdicts["no clear difference"] == n_tasks:
        return f"Joint training makes no clear difference for any of {counted(n_tasks, 'target')}."
    parts = [
        f"{word} {count}"
        for word, count in (("helps", verdicts["helped"]), ("hurts", verdicts["hurt"]))
        if count
    ]
    unclear = verdicts["no clear difference"]
    rest = f", and makes no clear difference for {unclear}" if unclear else ""
    return f"Joint training {' and '.join(parts)} of {counted(n_tasks, 'target')}{rest}."
