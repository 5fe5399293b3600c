"""What the heads that are solved in closed form share: a row for each."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta import mlp
from polytask.meta.metric import LRD2, R2D2, MetaOptNet, RidgeRegression, SolvedHead

CAT = Task(name="cat", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")
TAGS = Task(name="tags", kind="multilabel", n_outputs=2)
HEIGHT = Task(name="height", kind="regression")
SIZES = Task(name="sizes", kind="regression", n_outputs=2)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A head: with its own options, with other ones, and what it answers."""

    plain: Callable[[nn.Module], SolvedHead]
    other: Callable[[nn.Module], SolvedHead]
    tasks: tuple[Task, ...]
    n_kept: tuple[int, ...]
    """Of how many labelled examples, beside unlabelled ones."""
    n_support: tuple[int, ...]
    """Of fewer examples than features, and of more."""


HEADS = {
    "LRD2": Row(
        plain=LRD2,
        other=lambda net: LRD2(net, ridge=0.5),
        tasks=(CAT, SICK, TAGS),
        n_kept=(4, 9),
        n_support=(4, 9),
    ),
    "R2D2": Row(
        plain=R2D2,
        other=lambda net: R2D2(net, ridge=0.5, scale=2.0),
        tasks=(CAT, HEIGHT, SIZES, SICK, TAGS),
        n_kept=(4, 9),
        n_support=(4, 9),
    ),
    "RidgeRegression": Row(
        plain=RidgeRegression,
        other=lambda net: RidgeRegression(net, penalty=0.5),
        tasks=(HEIGHT, SIZES),
        n_kept=(1, 4, 9),
        n_support=(3, 9),
    ),
}
EACH = pytest.mark.parametrize(
    ("row", "n_rows"),
    [pytest.param(row, n, id=f"{name}, {n} rows") for name, row in HEADS.items() for n in row.n_support],
)


def normal(n_rows: int, n_columns: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_columns, generator=generator(0, *path), dtype=torch.float64)


def points(n_rows: int, *path: str | int) -> Batch:
    rows, numbers = torch.arange(n_rows), 7 + normal(n_rows, 3, "labels", *path)
    return Batch(
        inputs=2 + normal(n_rows, 5, *path),
        targets={
            "cat": rows % 3,
            "sick": (rows % 2).double(),
            "tags": torch.stack([rows % 3 == 0, rows % 2 == 1], 1).double(),
            "height": numbers[:, 0],
            "sizes": numbers[:, 1:],
        },
    )


def episodes(tasks: tuple[Task, ...], n_support: int) -> list[Episode]:
    names = [task.name for task in tasks]
    return [
        Episode(
            tasks=tasks, support=points(n_support, i, "s").only(names), query=points(9, i, "q").only(names)
        ).to("cpu", torch.float32)
        for i in range(2)
    ]


@pytest.mark.parametrize(
    ("row", "task", "n_kept"),
    [
        pytest.param(row, task, n, id=f"{name}, {task.name}, {n} rows")
        for name, row in HEADS.items()
        for task in row.tasks
        for n in row.n_kept
    ],
)
def test_examples_without_label_do_not_count(row: Row, task: Task, n_kept: int) -> None:
    whole = points(12)
    mask = torch.arange(12) < n_kept
    target = whole.targets[task.name]
    hidden = torch.full_like(target, float("nan") if target.is_floating_point() else 77)
    target = torch.where(mask.reshape(-1, *[1] * (target.ndim - 1)), target, hidden)
    masked = Batch(inputs=whole.inputs, targets={task.name: target}, masks={task.name: mask})
    learner = row.plain(nn.Identity()).double()
    expected = learner.adapt([task], whole.rows(slice(n_kept)).only([task.name])).state[task.name]["summary"]
    torch.testing.assert_close(learner.adapt([task], masked).state[task.name]["summary"], expected)


@EACH
def test_the_contract_of_a_learner_is_kept(row: Row, n_rows: int) -> None:
    with seeded(0):
        check_learner(row.plain(mlp([5, 6, 5], nn.Tanh)), episodes(row.tasks, n_rows))


@EACH
def test_the_meta_gradient_is_right_in_loop_and_vmap(row: Row, n_rows: int) -> None:
    with seeded(0):
        learner = row.other(mlp([5, 6, 5], nn.Tanh))
    check_meta_gradient(learner, episodes(row.tasks, n_rows)).raise_if_wrong()


UNLABELLED = Batch(
    inputs=torch.zeros(4, 2).double(),
    targets={"height": torch.zeros(4).double()},
    masks={"height": torch.zeros(4, dtype=torch.bool)},
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: LRD2(nn.Identity(), ridge=0, n_steps=0),
            "`ridge` must be above 0, got 0; `n_steps` must be at least 1, got 0",
        ),
        (
            lambda: MetaOptNet(nn.Identity(), cost=0, scale=-1, n_steps=0),
            "`cost` must be above 0, got 0; `scale` must be above 0, got -1; `n_steps` must be at least 1",
        ),
        (
            lambda: R2D2(nn.Identity(), ridge=0, scale=-1),
            "`ridge` must be above 0, got 0; `scale` must be above 0, got -1",
        ),
        (lambda: RidgeRegression(nn.Identity(), penalty=0), "`penalty` must be above 0, got 0"),
    ],
    ids=["LRD2", "MetaOptNet", "R2D2", "RidgeRegression"],
)
def test_all_wrong_arguments_are_named_at_once(build: Callable[[], SolvedHead], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    ("learner", "task", "support", "message"),
    [
        (LRD2, HEIGHT, points(2), "LRD2 answers multiclass, binary, multilabel tasks, but 'height' is regr"),
        (MetaOptNet, CAT, points(2), "needs an example of every class, but 2 have none"),
        (R2D2, CAT, points(2), "needs an example of every class, but 2 have none"),
        (R2D2, HEIGHT, Batch(inputs=torch.zeros(4, 2).double()), "`support` has no target of task 'height'"),
        (R2D2, HEIGHT, UNLABELLED, "`support` has no label of task 'height'"),
        (RidgeRegression, SICK, points(2), "RidgeRegression answers regression tasks, but 'sick' is binary"),
    ],
)
def test_a_support_that_it_cannot_learn_from_is_refused(
    learner: Callable[[nn.Module], SolvedHead], task: Task, support: Batch, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        learner(nn.Identity()).double().learn([task], support)
