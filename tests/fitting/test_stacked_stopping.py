"""The step that a target keeps, from losses that are made up."""

import math

import numpy as np
import torch

from polytask.core import Task
from polytask.data.tables.folds import Fold
from polytask.fitting.own_targets import OwnTargets
from polytask.fitting.stacked_plan import Members
from polytask.fitting.stacked_stopping import PRIOR_LABELS, Stopping

TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="regression"))
HELD_OUT = torch.tensor([[0, 1], [2, 3], [4, 5]])
MANY = torch.full((2,), 1e9)  # labels: each target decides for itself


def folds() -> list[Fold]:
    rows = torch.arange(6)
    return [Fold(train=rows[~torch.isin(rows, each)].numpy(), held_out=each.numpy()) for each in HELD_OUT]


def stopping(
    *,
    baselines: bool = False,
    repeats: int = 1,
    n_labels: torch.Tensor = MANY,
    units: torch.Tensor | None = None,
) -> Stopping:
    repeated = [folds()] * repeats
    known = np.ones((6, 2), dtype=bool)
    members = Members.baselines(repeated, known) if baselines else Members.joint(repeated, 2)
    held_out = HELD_OUT.repeat(repeats * (2 if baselines else 1), 1)
    judged = torch.ones_like(held_out, dtype=torch.bool)
    return Stopping(TASKS, members, held_out, judged, n_labels, units=units)


def look(one: Stopping, losses: list[list[list[float]]], weights=lambda: {"w": torch.zeros(1)}) -> Stopping:
    """Show it the losses of epochs, ``[epoch, network, target]``; the predictions are the epoch's index.

    Each loss is shared evenly by the two rows of a network, unless it is that of each, ``[row, target]``.
    """
    for epoch, given in enumerate(losses):
        rows = torch.tensor(given).double()
        if rows.ndim == 2:
            rows = (rows / 2)[:, None].expand(-1, 2, -1)
        outputs = torch.full((*one.held_out.shape, 2), float(epoch))
        one.look(epoch, rows.sum(1), rows, outputs, weights)
    return one


def test_each_target_keeps_the_epoch_with_its_lowest_sum_and_the_weights_of_it() -> None:
    one = stopping()
    kept = iter(range(9))
    look(
        one,
        [
            [[3, 1], [3, 1], [3, 1]],
            [[2, 2], [2, 2], [2, 2]],
            [[1, 3], [5, 3], [1, 3]],
            [[2, 9], [1, 9], [2, 9]],
        ],
        lambda: {"w": torch.tensor(next(kept))},
    )
    assert one.epochs() == {"a": 3, "b": 0}
    assert {epoch: int(state["w"]) for epoch, state in one.weights.items()} == {0: 0, 3: 2}


def test_the_rows_of_a_fold_do_not_choose_the_step_that_they_are_judged_by() -> None:
    """For fold 0 epoch 2 would be by far the best, but the others prefer epoch 1."""
    one = look(stopping(), [[[9, 0], [3, 0], [3, 0]], [[8, 0], [2, 0], [2, 0]], [[0, 0], [4, 0], [4, 0]]])
    assert one.epochs()["a"] == 2  # all together: 4 + 4 + 0 = 8 is the lowest
    predictions = one.predictions(6)["a"][:, 0]
    assert predictions.tolist() == [1.0, 1.0, 2.0, 2.0, 2.0, 2.0]


def test_a_row_does_not_choose_the_step_that_it_is_judged_by_but_the_others_of_its_fold_do() -> None:
    """All rows choose epoch 1, as row 0 does; without it epoch 0 is better."""
    losses = [
        [[[4, 0], [1, 0]], [[1, 0], [1, 0]], [[1, 0], [1, 0]]],
        [[[0, 0], [2.5, 0]], [[1.6, 0], [1.6, 0]], [[1.6, 0], [1.6, 0]]],
    ]
    one = look(stopping(units=torch.arange(6)), losses)
    assert one.epochs()["a"] == 1
    assert one.predictions(6)["a"][:, 0].tolist() == [0, 1, 1, 1, 1, 1]
    whole = look(stopping(), losses)  # without all of a fold, the others of it have no say
    assert whole.predictions(6)["a"][:, 0].tolist() == [0, 0, 1, 1, 1, 1]


def test_rows_of_a_group_choose_no_step_for_each_other() -> None:
    draw = torch.Generator().manual_seed(0)
    losses = torch.rand(8, 3, 2, 2, generator=draw).double()
    units = torch.tensor([0, 0, 1, 2, 3, 3])
    found = look(stopping(units=units), losses.tolist()).predictions(6)["a"][:, 0]
    rows = losses[..., 0].flatten(1)
    for row in range(6):
        others = units != units[row]
        assert found[row] == rows[:, others].sum(1).argmin()


def test_units_are_those_of_a_repeat_and_a_model() -> None:
    draw = torch.Generator().manual_seed(1)
    losses = torch.rand(8, 12, 2, 2, generator=draw).double()
    one = stopping(baselines=True, repeats=2, units=torch.arange(6))
    learns = torch.arange(12) < 6  # the first six networks learn "a", in two repeats
    losses[:, learns, :, 1], losses[:, ~learns, :, 0] = 0.0, 0.0
    found = look(one, losses.tolist()).predictions(6)
    for index, name in enumerate("ab"):
        of_target = losses[:, 6 * index : 6 * index + 6, :, index].reshape(8, 2, 6)  # [epoch, repeat, row]
        chosen = (of_target.sum(2, keepdim=True) - of_target).argmin(0).float()  # [repeat, row]
        torch.testing.assert_close(found[name][:, 0], chosen.mean(0))


def test_networks_that_carry_their_own_targets_choose_as_those_that_carry_all() -> None:
    draw = torch.Generator().manual_seed(2)
    losses = torch.rand(5, 6, 2, 2, generator=draw).double()
    outputs = torch.rand(5, 6, 2, 2, generator=draw)
    members = Members.baselines([folds()], np.ones((6, 2), dtype=bool))
    held_out = HELD_OUT.repeat(2, 1)
    own = OwnTargets(TASKS, members.learns)
    given = {"judged": torch.ones_like(held_out, dtype=torch.bool), "units": torch.arange(6)}
    all_, theirs = (Stopping(TASKS, members, held_out, n_labels=MANY, own=of, **given) for of in (None, own))
    for epoch in range(5):
        sums = losses[epoch].sum(1)
        all_.look(epoch, sums, losses[epoch] * members.learns[:, None], outputs[epoch], dict)
        slots, answers = own.of_batch(losses[epoch]), own.of_batch(outputs[epoch])
        theirs.look(epoch, sums, slots, answers, dict)
    for name, values in all_.predictions(6).items():
        assert torch.equal(values, theirs.predictions(6)[name])


def test_where_there_is_no_other_fold_its_own_rows_choose() -> None:
    members = Members.joint([folds()[:1]], 2)
    one = Stopping(TASKS, members, HELD_OUT[:1], torch.ones(1, 2, dtype=torch.bool), MANY)
    look(one, [[[3, 1]], [[2, 2]]])
    assert one.predictions(6)["a"][:2, 0].tolist() == [1.0, 1.0]
    assert one.predictions(6)["b"][:2, 0].tolist() == [0.0, 0.0]
    assert one.predictions(6)["a"][2:].isnan().all()


def test_a_network_that_no_row_judges_counts_as_no_fold() -> None:
    members = Members.joint([[folds()[0], Fold(train=folds()[0].train, held_out=folds()[0].held_out[:0])]], 2)
    judged = torch.tensor([[True, True], [False, False]])
    one = look(Stopping(TASKS, members, HELD_OUT[:2], judged, MANY), [[[3, 1], [0, 0]], [[2, 2], [0, 0]]])
    assert one.predictions(6)["a"][:, 0].nan_to_num(-1).tolist() == [1, 1, -1, -1, -1, -1]


def test_predictions_are_averaged_over_repeats() -> None:
    one = stopping(repeats=2)
    look(one, [[[1, 1]] * 3 + [[2, 2]] * 3, [[2, 2]] * 3 + [[1, 1]] * 3])
    assert one.predictions(6)["a"].unique().tolist() == [0.5]


def test_models_of_their_own_keep_their_own_step_and_no_weights() -> None:
    a_falls, b_rises = [[[3, 0]] * 3, [[2, 0]] * 3], [[[0, 1]] * 3, [[0, 2]] * 3]
    one = look(stopping(baselines=True), [a + b for a, b in zip(a_falls, b_rises, strict=True)])
    assert one.epochs() == {"a": 1, "b": 0} and not one.weights
    assert one.predictions(6)["b"].unique().tolist() == [0.0]


def test_a_target_is_closed_after_epochs_without_progress_while_others_go_on() -> None:
    one = look(stopping(), [[[2, 9 - epoch]] * 3 for epoch in range(4)])
    assert one.open(4, patience=3).tolist() == [[False, True]] * 3
    assert one.open(4, patience=4).all() and one.open(0, patience=1).all()


def test_a_thousandth_is_no_progress_but_is_kept() -> None:
    one = look(stopping(), [[[1 - 1e-4 * epoch, 1]] * 3 for epoch in range(4)])
    assert one.epochs()["a"] == 3
    assert not one.open(4, patience=3)[:, 0].any()


def test_a_target_with_few_labels_stops_where_the_targets_together_do() -> None:
    """The second target is luckiest in the first epoch; the first one, with many labels, in the third."""
    losses = [[[3, 1.0]] * 3, [[2, 1.1]] * 3, [[1, 1.2]] * 3, [[2, 1.3]] * 3]
    few = look(stopping(n_labels=torch.tensor([1e9, 4.0])), losses)
    assert few.epochs() == {"a": 2, "b": 2}
    assert few.predictions(6)["b"].unique().tolist() == [2.0]
    assert look(stopping(n_labels=torch.tensor([1e9, 1e9])), losses).epochs() == {"a": 2, "b": 0}


def test_so_many_labels_of_its_own_count_as_what_all_say_together() -> None:
    """The loss of a halves, that of b rises: n log(1.1) against the mean of log(1/2) and log(1.1)."""
    losses = [[[2, 1.0]] * 3, [[1, 1.1]] * 3]
    limit = -PRIOR_LABELS * (math.log(0.5) + math.log(1.1)) / 2 / math.log(1.1)
    for n_labels, epoch in ((0.99 * limit, 1), (1.01 * limit, 0)):
        assert look(stopping(n_labels=torch.tensor([1e9, n_labels])), losses).epochs()["b"] == epoch


def test_a_target_that_is_learned_almost_exactly_is_not_drowned_by_others() -> None:
    """Its loss halves from 2 % to 1 % of the first one, while that of the other rises by a tenth."""
    losses = [[[1, 1]] * 3, [[0.02, 1]] * 3, [[0.01, 1.1]] * 3]
    assert look(stopping(n_labels=torch.tensor([30.0, 30.0])), losses).epochs()["a"] == 2


def test_the_unit_of_a_loss_decides_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    losses = torch.rand(20, 3, 2, generator=draw) + 0.5
    n_labels = torch.tensor([30.0, 60.0])
    one = look(stopping(n_labels=n_labels), losses.tolist())
    other = look(stopping(n_labels=n_labels), (losses * torch.tensor([1000.0, 0.001])).tolist())
    assert one.epochs() == other.epochs()


def test_models_of_their_own_hear_nothing_of_each_other() -> None:
    losses = [[[3, 1]] * 3 + [[3, 1]] * 3, [[2, 2]] * 6, [[1, 3]] * 6]
    assert look(stopping(baselines=True, n_labels=torch.ones(2)), losses).epochs() == {"a": 2, "b": 0}


def test_it_goes_on_from_its_state() -> None:
    losses = [[[3, 1], [2, 1], [3, 2]], [[2, 2], [2, 0], [1, 2]], [[1, 3], [5, 3], [1, 3]]]
    whole, first, second = stopping(), stopping(), stopping()
    look(whole, losses)
    look(first, losses[:2])
    second.load_state_dict(first.state_dict())
    rows = (torch.tensor(losses[2]).double() / 2)[:, None].expand(-1, 2, -1)
    second.look(2, rows.sum(1), rows, torch.full((3, 2, 2), 2.0), lambda: {"w": torch.zeros(1)})
    assert second.epochs() == whole.epochs()
    for name, values in whole.predictions(6).items():
        assert torch.equal(values, second.predictions(6)[name])
