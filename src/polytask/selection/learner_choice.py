"""Which learner to use for a new task: what the task's own support says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from polytask.core import Batch, EpisodicLearner, InputError, Task, generator
from polytask.selection.support_parts import support_folds

__all__ = ["Measure", "LearnerChoice", "LearnerScore", "choose_learner"]

Measure = Literal["error", "objective"]
_ALONE = "{} is the only learner that can answer."
_PRIOR = (
    "The support is too small for cross-validation: without rows left out, classes would have no example. "
    "{} is the first of the prior order that can answer."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerScore:
    """How a learner fared on rows of the support that it had not learned from; less is better.

    Args:
        name: The learner's.
        mean: Over the rows.
        half_width: Of the 95 % interval of the mean by Student's t, rows taken as independent; what
            other folds would change is not in it.
    """

    name: str
    mean: float
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerChoice:
    """Which learner was chosen, and why.

    Args:
        name: The learner to use.
        decided_by: ``"cross-validation"``; ``"prior"`` where the support is too small for it; ``"only-one"``
            where no other learner was given, or could answer.
        reason: The same in a sentence.
        scores: Of each learner that answered, the best first; empty without cross-validation.
        refused: Why each of the others could not answer.
        n_judged: Rows of the support that were answered by learners that had not seen them.
        n_kept: Labelled rows that could not be left out, as the last ones of their class.
    """

    name: str
    decided_by: Literal["cross-validation", "prior", "only-one"]
    reason: str
    scores: tuple[LearnerScore, ...]
    refused: Mapping[str, str]
    n_judged: int
    n_kept: int


def choose_learner(
    learners: Mapping[str, EpisodicLearner],
    tasks: Sequence[Task],
    support: Batch,
    *,
    n_folds: int = 5,
    prior: Sequence[str] | None = None,
    measure: Measure = "error",
    seed: int = 0,
) -> LearnerChoice:
    """Choose one learner for tasks by cross-validation on their support.

    Each fold leaves out rows such that every class that the support has keeps an example, and each learner
    adapts to the others. With one example of a class that one is never left out; with one of every class
    there is nothing to leave out, and the first of the prior order that can adapt is chosen. Equal scores are
    decided by the prior order as well.

    Args:
        learners: By name.
        tasks: What the chosen learner is to answer; a row's score is the mean over its labels.
        support: Labelled examples of all the tasks.
        n_folds: Folds, at most; fewer where there are fewer rows.
        prior: All names in the order to trust them before anything is known of the task, such as a
            `greedy_portfolio`'s; None is the order of ``learners``.
        measure: ``"error"`` counts wrong decisions, and squared errors of regressions divided by the
            variance of the target in the support; ``"objective"`` takes the tasks' losses, which only makes
            sense where all learners' logits are calibrated.
        seed: Of the folds.

    Raises:
        InputError: There is no learner, none can answer the tasks, the prior does not name them all, a task
            has no label, or an argument is out of range.

    Example:
        >>> from polytask.meta.metric.prototypes import Prototypes
        >>> from polytask.meta.metric.r2d2 import R2D2
        >>> task = Task(name="right", kind="multiclass", n_outputs=2)
        >>> points = torch.tensor([[0.0, 9.0], [0.0, -9.0], [0.0, 4.0], [1.0, 9.0], [1.0, -9.0], [1.0, -4.0]])
        >>> support = Batch(inputs=points, targets={"right": torch.tensor([0, 0, 0, 1, 1, 1])})
        >>> as_is = torch.nn.Identity()
        >>> learners = {"means": Prototypes(as_is), "line": R2D2(as_is, ridge=0.1)}
        >>> choose_learner(learners, [task], support).reason
        'line has the least mean error among 2 learners on 6 rows left out in turn.'

    References:
        Schaffer. Selecting a Classification Method by Cross-Validation. Machine Learning 13, 1993.
    """
    order = _checked(learners, tasks, support, prior, measure)
    if len(order) == 1:
        return LearnerChoice(
            name=order[0], decided_by="only-one", reason=f"{order[0]} is the only learner.",
            scores=(), refused={}, n_judged=0, n_kept=0,
        )  # fmt: skip
    folds = support_folds(tasks, support, n_folds=n_folds, generator=generator(seed, "folds"))
    labelled = torch.stack([support.labelled(task.name).cpu() for task in tasks]).any(0)
    n_judged = int((folds >= 0).sum())
    n_kept = int(labelled.sum()) - n_judged
    if n_judged < 2:
        return _by_prior(learners, order, tasks, support, n_kept=n_kept)
    scores: list[LearnerScore] = []
    refused: dict[str, str] = {}
    for name in order:
        try:
            losses = _held_out_losses(learners[name], tasks, support, folds, measure)
        except InputError as error:
            refused[name] = str(error)
            continue
        if losses.isfinite().all():
            scores.append(_score(name, losses))
        else:
            refused[name] = "An answer to a row left out is not finite."
    if not scores:
        raise InputError("No learner can answer the tasks. " + _told(refused))
    scores.sort(key=lambda score: score.mean)  # stable: of equals, the first of the prior stays first
    return LearnerChoice(
        name=scores[0].name,
        decided_by="cross-validation" if len(scores) > 1 else "only-one",
        reason=_reason(scores, measure, n_judged, n_kept),
        scores=tuple(scores),
        refused=refused,
        n_judged=n_judged,
        n_kept=n_kept,
    )


def _checked(
    learners: Mapping[str, EpisodicLearner],
    tasks: Sequence[Task],
    support: Batch,
    prior: Sequence[str] | None,
    measure: Measure,
) -> list[str]:
    """Return the learners' names in the prior's order."""
    problems = []
    order = list(learners if prior is None else prior)
    if not learners:
        problems.append("there is no learner")
    if sorted(order) != sorted(learners):
        problems.append(
            f"`prior` must name each learner once ({', '.join(learners)}), but names "
            f"{', '.join(order) or 'none'}"
        )
    if measure not in get_args(Measure):
        problems.append(f"`measure` is {measure!r}; use 'error' or 'objective'")
    if not tasks:
        problems.append("there is no task")
    without = [task.name for task in tasks if not support.n_labels(task.name)]
    if without:
        problems.append(f"the support has no label of {', '.join(without)}; add some or drop the task")
    if problems:
        raise InputError("Choosing a learner: " + "; ".join(problems) + ".")
    return order


def _by_prior(
    learners: Mapping[str, EpisodicLearner], order: Sequence[str], tasks: Sequence[Task], support: Batch,
    n_kept: int,
) -> LearnerChoice:  # fmt: skip
    """Choose the first learner of the order that can adapt."""
    refused: dict[str, str] = {}
    for name in order:
        try:
            learners[name].adapt(tasks, support)
        except InputError as error:
            refused[name] = str(error)
            continue
        alone = len(refused) == len(order) - 1
        return LearnerChoice(
            name=name,
            decided_by="only-one" if alone else "prior",
            reason=_ALONE.format(name) if alone else _PRIOR.format(name),
            scores=(),
            refused=refused,
            n_judged=0,
            n_kept=n_kept,
        )
    raise InputError("No learner can answer the tasks. " + _told(refused))


def _held_out_losses(
    learner: EpisodicLearner, tasks: Sequence[Task], support: Batch, folds: Tensor, measure: Measure
) -> Tensor:
    """Return the loss of every row that is left out once, ``[row]``: the mean over its labels."""
    found = []
    for fold in folds[folds >= 0].unique().tolist():
        left_out = support.rows((folds == fold).nonzero().flatten())
        predictor = learner.adapt(tasks, support.rows((folds != fold).nonzero().flatten()))
        with torch.no_grad():
            answers = predictor(left_out.inputs)
        losses = torch.stack(
            [_row_losses(task, answers[task.name], left_out, support, measure) for task in tasks], dim=1
        )  # [row, task]
        known = torch.stack([left_out.labelled(task.name).cpu() for task in tasks], dim=1)
        found.append(torch.where(known, losses, 0).sum(1) / known.sum(1))
    return torch.cat(found)


def _row_losses(task: Task, answer: Tensor, rows: Batch, support: Batch, measure: Measure) -> Tensor:
    """Return a task's loss on each row, float64 ``[row]``; anything where the row has no label."""
    target, mask = rows.targets[task.name], rows.masks.get(task.name)
    if measure == "objective":
        each = [
            task.objective(answer[r : r + 1], target[r : r + 1], None if mask is None else mask[r : r + 1])
            for r in range(len(rows))
        ]
        return torch.stack(each).double().cpu()
    if task.kind == "regression":
        wrong = (answer.reshape(target.shape) - target).double().square() / _variance(task, support)
        finite = answer.isfinite().reshape(target.shape)
    else:
        wrong = (task.decide(answer).reshape(target.shape) != target).double()
        finite = answer.isfinite().all(1)
        finite = finite if target.ndim == 1 else finite.unsqueeze(1)
    wrong = torch.where(finite, wrong, torch.inf).reshape(len(rows), -1)  # [row, output]
    known = torch.ones_like(wrong, dtype=torch.bool)
    known = known if mask is None else known & mask.reshape(len(rows), -1)
    return (torch.where(known, wrong, 0).sum(1) / known.sum(1)).cpu()


def _variance(task: Task, support: Batch) -> Tensor:
    """Return the variance of the labels in the support, ``[]`` or ``[output]``; 1 where they are equal."""
    target, mask = support.targets[task.name].double(), support.masks.get(task.name)
    known = torch.ones_like(target, dtype=torch.bool)
    if mask is not None:
        known = known & (mask if mask.ndim == target.ndim else mask.unsqueeze(1))
    count = known.sum(0).clamp(min=1)
    mean = torch.where(known, target, 0).sum(0) / count
    variance = torch.where(known, target - mean, 0).square().sum(0) / count
    return torch.where(variance > 0, variance, 1.0)


def _score(name: str, losses: Tensor) -> LearnerScore:
    from scipy import stats  # takes half a second, which importing this room shall not

    n_rows = len(losses)
    deviation = float(losses.std())
    half_width = float(stats.t.ppf(0.975, n_rows - 1)) * deviation / math.sqrt(n_rows)
    return LearnerScore(name=name, mean=float(losses.mean()), half_width=half_width)


def _reason(scores: Sequence[LearnerScore], measure: Measure, n_judged: int, n_kept: int) -> str:
    best, n_others = scores[0], len(scores) - 1
    if not n_others:
        return _ALONE.format(best.name)
    equals = [score.name for score in scores[1:] if score.mean == best.mean]
    tie = f" with {', '.join(equals)}, later in the prior order," if equals else ""
    kept = f"; {n_kept} rows were never left out, as a class has no other" if n_kept else ""
    return (
        f"{best.name} has the least mean {measure}{tie} among {n_others + 1} learners on {n_judged} rows "
        f"left out in turn{kept}."
    )


def _told(refused: Mapping[str, str]) -> str:
    return " ".join(f"{name}: {why}" for name, why in refused.items())
