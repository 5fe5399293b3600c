"""Rows are drawn as often as the law of their tasks says."""

import numpy as np
import pytest
import torch

from polytask.fitting.target_curriculum import curriculum_shares
from polytask.fitting.task_draws import DrawnRows, TaskDraws

SIZES = (60, 25, 10, 4, 1)


def draws_of(law: str, sizes: tuple[int, ...] = SIZES, temperature: float = 5.0) -> TaskDraws:
    task = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    mixed = torch.randperm(len(task), generator=torch.Generator().manual_seed(0))
    return TaskDraws(law=law, task=task[mixed], numbers=torch.arange(len(sizes)), temperature=temperature)


def drawn_by(draws: TaskDraws, *, n_drawn: int = 96, seed: int = 0, train: list[torch.Tensor] | None = None):
    whole = [torch.arange(len(draws.task))]
    return DrawnRows(draws, whole if train is None else train, n_drawn=n_drawn, seed=seed)


@pytest.mark.parametrize("temperature", [1.5, 2.0, 5.0, 50.0])
def test_tasks_are_drawn_as_often_as_the_power_of_their_rows_says(temperature):
    draws = draws_of("temperature", temperature=temperature)
    rows = drawn_by(draws)
    expected = np.array(SIZES) ** (1 / temperature)
    expected = 96 * expected / expected.sum()
    for epoch in range(200):
        counts = np.bincount(draws.task[rows.epoch(epoch, [])[0]].numpy(), minlength=len(SIZES))
        assert counts.sum() == 96
        assert (np.abs(counts - expected) < 1).all()  # rounded up or down
    # The mean of 200 draws that are each rounded up or down: within 5 standard errors.
    np.testing.assert_allclose(rows.drawn.numpy() / 200, expected, atol=5 * 0.5 / np.sqrt(200))


def test_tasks_have_their_turns_in_order_also_over_epochs():
    draws = draws_of("round-robin")
    rows = drawn_by(draws, n_drawn=12)
    taken = torch.cat([draws.task[rows.epoch(epoch, [])[0]] for epoch in range(5)])
    assert taken.tolist() == [index % 5 for index in range(60)]
    assert rows.drawn.tolist() == [12] * 5


@pytest.mark.parametrize("law", ["loss", "progress"])
def test_tasks_are_drawn_as_often_as_their_losses_say(law):
    draws = draws_of(law)
    rows = drawn_by(draws, n_drawn=1000)
    first, second = torch.tensor([2.0, 2, 2, 2, 2]), torch.tensor([0.2, 1.0, 1.5, 2.0, 3.0])
    before = np.bincount(draws.task[rows.epoch(0, [])[0]].numpy())
    assert before.tolist() == [200] * 5
    after = np.bincount(draws.task[rows.epoch(2, [first, second])[0]].numpy())
    expected = 200 * curriculum_shares(law, [first, second]).numpy()
    assert (np.abs(after - expected) <= 1).all()
    assert (after[0] > after[3]) is np.bool_(law == "progress")


def test_no_row_of_a_task_comes_twice_before_all_came_once():
    draws = draws_of("temperature")
    for epoch in range(3):
        taken = drawn_by(draws, n_drawn=300).epoch(epoch, [])[0]
        for task, size in enumerate(SIZES):
            ours = taken[draws.task[taken] == task]
            times = np.unique(ours.numpy(), return_counts=True)[1]
            assert len(times) == min(size, len(ours)) and np.ptp(times) <= 1


def test_every_network_has_a_stream_of_its_own_over_its_own_tasks():
    draws = draws_of("temperature")
    first, second = draws.task != 0, draws.task != 1
    train = [mask.nonzero()[:, 0] for mask in (first, second, second)]
    taken = drawn_by(draws, train=train).epoch(0, [])
    assert set(draws.task[taken[0]].tolist()) == {1, 2, 3, 4}
    assert set(draws.task[taken[1]].tolist()) == {0, 2, 3, 4}
    assert not torch.equal(taken[1], taken[2])
    alone = drawn_by(draws, train=train[:1]).epoch(0, [])
    assert torch.equal(alone[0], taken[0])  # whatever other networks there are


@pytest.mark.parametrize("law", ["temperature", "round-robin", "loss"])
def test_an_epoch_hangs_on_its_index_and_the_seed_alone(law):
    draws = draws_of(law)
    whole, late = drawn_by(draws), drawn_by(draws)
    epochs = [whole.epoch(epoch, []) for epoch in range(3)]
    assert torch.equal(late.epoch(2, []), epochs[2])
    assert not torch.equal(epochs[1], epochs[2])
    assert not torch.equal(drawn_by(draws, seed=1).epoch(2, []), epochs[2])


def test_a_part_of_the_rows_keeps_what_its_tasks_are_called():
    draws = draws_of("temperature", temperature=3.0)
    rows = (draws.task % 2 == 0).nonzero()[:, 0]
    part = draws.only(rows)
    assert part.numbers.tolist() == [0, 2, 4] and part.temperature == 3.0
    assert torch.equal(part.numbers[part.task], draws.task[rows])
    again = part.only((part.task > 0).nonzero()[:, 0])
    assert again.numbers.tolist() == [2, 4]
