"""Networks that are trained at once do not touch each other, and go on after any interruption."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from polytask.core import Batch, Task
from polytask.core.errors import NotFiniteError
from polytask.data.tables.folds import Fold, folds_of_rows
from polytask.fitting.stacked_fit import fit_stack
from polytask.fitting.stacked_plan import Members, NetworkForm
from polytask.fitting.stacked_result import StackedFit
from polytask.fitting.task_draws import TaskDraws
from polytask.models.table_config import TableConfig

TASKS = (
    Task(name="y", kind="regression"),
    Task(name="k", kind="binary"),
    Task(name="m", kind="multiclass", n_outputs=3),
)
FORM = NetworkForm(width=6, depth=1, dropout=0.2, bins=4)
FOLDS = folds_of_rows(48, n_folds=3, seed=0)
ROWS = torch.arange(48)


def table() -> Batch:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(48, 3, generator=draw)
    targets = {
        "y": inputs.sum(1) + 0.1 * torch.randn(48, generator=draw),
        "k": (inputs[:, 0] > 0).float(),
        "m": torch.randint(0, 3, (48,), generator=draw).float(),
    }
    masks = {name: torch.rand(48, generator=draw) < 0.8 for name in targets}
    return Batch(inputs=inputs, targets=targets, masks=masks)


def trained(
    rows: Batch | None = None, *, n_epochs: int = 6, baselines: bool = False, **settings: Any
) -> StackedFit:
    rows = rows or table()
    known = torch.stack([rows.masks[task.name] for task in TASKS], 1).numpy()
    members = Members.baselines([FOLDS], known) if baselines else Members.joint([FOLDS], 3)
    given = {"members": members, "form": FORM, "binned": (0, 1), "seed": 0, **settings}
    config = TableConfig(epochs=n_epochs, learning_rate=0.01, batch_size=8)
    return fit_stack(TASKS, rows, config=config, **given)


def weights(fit: StackedFit) -> dict[str, torch.Tensor]:
    assert fit.model is not None
    return fit.model.state_dict()


def expect_equal(first: StackedFit, second: StackedFit) -> None:
    assert first.steps == second.steps and first.losses == second.losses
    for name, values in first.predictions.items():
        torch.testing.assert_close(values, second.predictions[name], rtol=0, atol=0, equal_nan=True)
    if first.model is not None:
        assert weights(first).keys() == weights(second).keys()
        assert all(torch.equal(tensor, weights(second)[name]) for name, tensor in weights(first).items())


def relabelled(rows: torch.Tensor) -> Batch:
    """The table with other labels in some rows."""
    whole = table()
    targets = {name: values.clone() for name, values in whole.targets.items()}
    targets["y"][rows] += 50
    targets["k"][rows] = 1 - targets["k"][rows]
    targets["m"][rows] = (targets["m"][rows] + 1) % 3
    return replace(whole, targets=targets)


@pytest.mark.parametrize("baselines", [False, True])
@pytest.mark.parametrize("fold", range(3))
def test_labels_of_held_out_rows_do_not_reach_the_network_that_they_judge(fold: int, baselines: bool) -> None:
    held_out = torch.from_numpy(FOLDS[fold].held_out)
    one_epoch = {"n_epochs": 1, "baselines": baselines}  # so that no step can be chosen
    first, second = trained(**one_epoch), trained(relabelled(held_out), **one_epoch)
    others = torch.from_numpy(FOLDS[fold].train)
    for name, values in first.predictions.items():
        ours, theirs = (each.nan_to_num(9.0) for each in (values, second.predictions[name]))
        assert torch.equal(ours[held_out], theirs[held_out])
        assert not torch.equal(ours[others], theirs[others])
    if not baselines:
        ours, theirs = (weights(fit)["stacks.0.weights.0"] for fit in (first, second))
        assert [torch.equal(ours[each], theirs[each]) for each in range(3)] == [
            each == fold for each in range(3)
        ]


def test_what_stands_for_a_missing_label_does_not_matter() -> None:
    whole = table()
    targets = {name: torch.where(whole.masks[name], values, 1.0) for name, values in whole.targets.items()}
    holes = {name: torch.where(whole.masks[name], values, torch.nan) for name, values in targets.items()}
    expect_equal(
        trained(replace(whole, targets=targets)),
        trained(replace(whole, targets={**targets, "y": holes["y"]})),
    )


def test_rows_with_weight_zero_do_not_matter() -> None:
    aside = torch.tensor([1, 8, 30])
    weighted = torch.rand(48).index_fill(0, aside, 0.0)
    expect_equal(trained(table(), weights=weighted), trained(relabelled(aside), weights=weighted))


def test_rows_that_weigh_more_are_fitted_better() -> None:
    heavy = torch.where(ROWS % 2 == 0, 20.0, 0.05)
    labels = replace(table(), targets={**table().targets, "k": (ROWS % 2 == 0).float()})
    assert float(trained(labels, weights=heavy).predictions["k"].mean()) > 1
    assert abs(float(trained(labels).predictions["k"].mean())) < 1


def test_every_judged_row_is_predicted_and_no_other() -> None:
    fold = Fold(train=ROWS[:30].numpy(), held_out=ROWS[30:40].numpy())
    fit = trained(members=Members.joint([[fold]], 3), n_epochs=1)
    for values in fit.predictions.values():
        assert torch.equal(values.isnan().any(1), (ROWS < 30) | (ROWS >= 40))


@pytest.mark.parametrize("held_out", [True, False])
def test_numbers_that_are_not_finite_end_it(held_out: bool) -> None:
    folds = [Fold(train=ROWS.numpy(), held_out=ROWS[:0].numpy())] if not held_out else []
    settings = {"members": Members.joint([[*FOLDS[:1], *folds]], 3)}
    whole = table()
    rows = torch.from_numpy(FOLDS[0].held_out)  # seen by none but the last network
    inputs = whole.inputs.clone()
    inputs[rows[0]] = 1e30
    with pytest.raises(NotFiniteError, match="Training has diverged: after epoch"):
        trained(replace(whole, inputs=inputs), **settings)


@pytest.mark.parametrize("law", ["loss", "progress"])
def test_targets_count_by_how_far_they_have_come_also_after_a_stop(tmp_path: Path, law: str) -> None:
    whole = trained(n_epochs=4, curriculum=law)
    plain = trained(n_epochs=4)
    assert [values[0] for values in whole.losses.values()] == [values[0] for values in plain.losses.values()]
    assert whole.losses != plain.losses
    settings = {"checkpoint": tmp_path / "c.pt", "identity": {"table": "t"}, "curriculum": law}
    trained(n_epochs=2, **settings)
    expect_equal(trained(n_epochs=4, **settings), whole)


@pytest.mark.parametrize("law", ["temperature", "round-robin", "loss"])
def test_rows_are_drawn_by_their_tasks_also_after_a_stop(tmp_path: Path, law: str) -> None:
    task = (ROWS % 8).clamp(max=2)  # of the tasks one is large
    asked: dict[str, Any] = {"draws": TaskDraws(law=law, task=task, numbers=torch.arange(3))}
    whole, plain = trained(n_epochs=4, **asked), trained(n_epochs=4)
    assert plain.drawn is None and whole.drawn is not None and whole.losses != plain.losses
    assert int(whole.drawn.sum()) == 4 * 3 * 32  # epochs, networks, rows of each
    settings = {"checkpoint": tmp_path / "c.pt", "identity": {"table": "t"}, **asked}
    trained(n_epochs=2, **settings)
    again = trained(n_epochs=4, **settings)
    expect_equal(again, whole)
    assert torch.equal(cast(torch.Tensor, again.drawn), whole.drawn)
