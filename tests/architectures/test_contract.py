"""What the architectures keep: a row for each case that their files list."""

from collections.abc import Callable, Sequence
from importlib import import_module

import pytest
import torch
from tests.architectures import contract
from torch import Tensor, nn

from polytask.architectures import Sluice, SoftSharing, TraceNormSharing
from polytask.core import Batch, Episode, SharedModel, Sharing, Task

Row = tuple[Callable[[], Sharing], Tensor, Sequence[str]]
"""What builds it, an input, and the names of its tasks."""


def listed(*files: str) -> dict[str, Row]:
    """Return the cases of these test files by the name of file and case."""
    rows: dict[str, Row] = {}
    for name in files:
        file = import_module(f"tests.architectures.test_{name}")
        for case, (build, shape) in file.CASES.items():
            rows[f"{name}, {case}"] = build, file.rows(*shape), file.NAMES
    return rows


def more(name: str, build: Callable[[object], Sharing], *shape: int) -> Row:
    """Return a row of a test file that is not one of its cases."""
    file = import_module(f"tests.architectures.test_{name}")
    return lambda: build(file), file.rows(*shape), file.NAMES


WITH_TAPS = listed("branching", "cgc", "cross_stitch", "dselect_k", "mmoe", "mtan", "ple", "sluice")
ALL = WITH_TAPS | listed("learning_to_branch", "own_input", "sparse_low_rank", "trace_norm_sharing")
TAPS = WITH_TAPS | {
    "film, one block": more("film", lambda file: file.moved("one block", None)(), 4),
    "learning_to_branch, all blocks in use": ALL["learning_to_branch, all blocks in use"],
    "learning_to_branch, maps": more("learning_to_branch", lambda file: file.maps_everywhere(), 1, 7, 7),
}
PRIVATE = listed("cross_stitch", "own_input", "ple", "sluice")


@pytest.mark.parametrize("row", ALL.values(), ids=ALL)
def test_it_keeps_the_contract_of_a_learner(row: Row) -> None:
    contract.expect_contract(*row)


@pytest.mark.parametrize("row", TAPS.values(), ids=TAPS)
def test_gradients_chained_through_the_taps_are_the_direct_ones(row: Row) -> None:
    contract.expect_true_taps(*row)


@pytest.mark.parametrize("row", ALL.values(), ids=ALL)
def test_a_task_is_answered_alike_in_any_company(row: Row) -> None:
    contract.expect_independence(*row)


@pytest.mark.parametrize("row", PRIVATE.values(), ids=PRIVATE)
def test_a_parameter_is_private_exactly_where_one_task_alone_reaches_it(row: Row) -> None:
    contract.expect_true_privacy(*row)


def soft(strength: float = 0.6) -> SoftSharing:
    sharing = SoftSharing(["a", "b", "c"], lambda: nn.Linear(2, 1, bias=False), strength=strength)
    for name, weight in {"a": [0.0, 0.0], "b": [3.0, 4.0], "c": [0.0, 1.0]}.items():
        sharing.trunks[name].weight.data.copy_(torch.tensor([weight]))
    return sharing


@pytest.mark.parametrize(
    "build",
    [
        soft,
        lambda: TraceNormSharing(list("abc"), lambda: nn.Linear(2, 1)),
        lambda: Sluice(list("abc"), [lambda: nn.Linear(2, 2)], n_subspaces=2),
    ],
    ids=["soft", "trace norm", "sluice"],
)
def test_a_penalty_is_part_of_training_and_of_no_evaluation(build):
    tasks = [Task(name=name, kind="regression") for name in "abc"]
    sharing = build()
    width = sharing(torch.zeros(1, 2), ["a"]).by_task["a"].shape[1]
    model = SharedModel(tasks, sharing, {name: nn.Linear(width, 1) for name in "abc"})
    query = Batch(inputs=torch.ones(3, 2), targets={name: torch.ones(3) for name in "abc"})
    step = [Episode(tasks=tuple(tasks), query=query)]
    trained, evaluated = model.train().objectives(step), model.eval().objectives(step)
    assert trained.penalty is not None
    assert trained.total().item() > trained.values.sum().item()
    assert evaluated.penalty is None and torch.equal(evaluated.values, trained.values)
