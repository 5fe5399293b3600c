"""Networks that carry their own targets alone learn as beside outputs of which nothing is asked."""

import pytest
import torch
from tests.fitting.test_rows_in_pieces import prepared  # noqa: F401 - a fixture
from tests.fitting.test_stacked_training import FOLDS, FORM, TASKS, table
from torch.nn import functional

from polytask.core import Task
from polytask.fitting import stacked_fit
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm
from polytask.fitting.stacked_result import StackedFit
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.network_stack import NetworkStack
from polytask.models.table_config import TableConfig

Y, K, M = TASKS
LEARNS = torch.tensor([[True, False, False], [False, True, False], [False, False, True], [True, False, True]])


def of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every network carry the outputs of all targets."""
    monkeypatch.setattr(stacked_fit.OwnTargets, "where_fewer", lambda *_: None)


def expect_close(ours: StackedFit, theirs: StackedFit) -> None:
    assert ours.steps == theirs.steps
    for name, values in ours.predictions.items():
        torch.testing.assert_close(values, theirs.predictions[name], rtol=1e-4, atol=1e-5, equal_nan=True)
        torch.testing.assert_close(ours.losses[name], theirs.losses[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("groups", [[[0], [1], [2]], [[0, 2], [1]], [[0], [1, 2]]])
@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_predictions_and_losses_are_those_of_networks_with_all_outputs(
    monkeypatch: pytest.MonkeyPatch, groups: list[list[int]], depth: int, weighted: bool
) -> None:
    rows = table()
    known = torch.stack([rows.masks[task.name] for task in TASKS], 1).numpy()
    members = Members.of_groups([FOLDS], known, groups)
    form = NetworkForm(width=6, depth=depth, dropout=0.2, bins=4)
    config = TableConfig(epochs=8, learning_rate=0.01, batch_size=8, patience=3)
    weights = {
        "weights": torch.rand(48, generator=torch.Generator().manual_seed(1)),
        "class_weights": {"k": (1.0, 3.0), "m": (1.0, 2.0, 0.5)},
        "target_weights": {"y": 0.3, "m": 2.0},
        "curriculum": "progress",
    }
    given = {"binned": (0,), "seed": 3, **(weights if weighted else {})}
    ours = fit_stack(TASKS, rows, members, form, config, **given)
    of_all(monkeypatch)
    theirs = fit_stack(TASKS, rows, members, form, config, **given)
    expect_close(ours, theirs)
    assert ours.n_parameters < theirs.n_parameters


def test_so_they_are_where_rows_come_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
    prepared: PreparedTable,  # noqa: F811 - the fixture
) -> None:
    known = torch.stack([prepared.rows.masks[task.name] for task in prepared.tasks], dim=1).numpy()
    members = Members.baselines(prepared.repeats, known)
    config = TableConfig(epochs=2, batch_size=64)
    given = {"large": prepared.large, "seed": 0}
    ours = fit_stack(prepared.tasks, prepared.rows, members, FORM, config, **given)
    of_all(monkeypatch)
    expect_close(ours, fit_stack(prepared.tasks, prepared.rows, members, FORM, config, **given))


def test_losses_are_those_of_torch_by_slot() -> None:
    own = OwnTargets(TASKS, LEARNS)
    outputs, labels = torch.randn(4, 5, own.n_outputs), table().targets
    wanted = torch.stack([labels[task.name] for task in TASKS], 1)
    picked = torch.arange(20).view(4, 5)
    found = own.losses(outputs, own.of_rows(wanted, picked))
    assert found.shape == (4, 5, 2) and not found[:3, :, 1].any()
    y, k, m = (wanted[picked][..., index] for index in range(3))
    torch.testing.assert_close(found[0, :, 0], (outputs[0, :, 0] - y[0]).square())
    binary = functional.binary_cross_entropy_with_logits(outputs[1, :, 0], k[1], reduction="none")
    torch.testing.assert_close(found[1, :, 0], binary)
    for network, start, slot in ((2, 0, 0), (3, 1, 1)):
        answers = outputs[network, :, start : start + 3]
        expected = functional.cross_entropy(answers, m[network].long(), reduction="none")
        torch.testing.assert_close(found[network, :, slot], expected)


def test_what_belongs_to_slots_goes_to_its_targets_and_back() -> None:
    own = OwnTargets(TASKS, LEARNS)
    values = torch.arange(1.0, 13.0).view(4, 3)
    assert own.of_targets(values).tolist() == [[1, 0], [5, 0], [9, 0], [10, 12]]
    assert torch.equal(own.spread(own.of_targets(values)), values * LEARNS)
    assert own.of_outputs(LEARNS).tolist() == [[True] + [False] * 3] * 2 + [[True] * 3 + [False], [True] * 4]


def test_a_network_answers_its_targets_as_before_the_others_were_cut_off() -> None:
    own = OwnTargets(TASKS, LEARNS)
    stack = NetworkStack(TASKS, 3, n_networks=4, width=5, depth=1)
    inputs = torch.randn(7, 3)
    before = stack(inputs)
    own.cut(stack)
    after = stack(inputs)
    torch.testing.assert_close(after[3, :, :1], before[3, :, :1])
    torch.testing.assert_close(after[3, :, 1:], before[3, :, 2:])
    torch.testing.assert_close(after[1, :, :1], before[1, :, 1:2])
    inner = 3 * 5 + 5
    assert own.n_parameters(stack) == [inner + 6, inner + 6, inner + 18, inner + 24]


def test_networks_that_learn_all_targets_carry_all() -> None:
    task = Task(name="y", kind="regression")
    assert OwnTargets.where_fewer(TASKS, torch.ones(2, 3, dtype=torch.bool)) is None
    assert OwnTargets.where_fewer([task], torch.ones(2, 1, dtype=torch.bool)) is None
