"""The steps of a network that is trained alone have each task's share of the rows."""

import numpy as np
import pytest
import torch

from polytask.core import Batch, DataError, Task
from polytask.data.steps.joint import JointSource
from polytask.data.steps.sampling_law import sampling_shares
from polytask.fitting.drawn_source import DrawnSource
from polytask.fitting.task_draws import TaskDraws

TASKS = [Task(name="y", kind="regression")]
SIZES = (60, 25, 10, 5)


def rows() -> Batch:
    numbers = torch.arange(100.0)
    return Batch(inputs=numbers[:, None], targets={"y": numbers})


def source_of(law: str, *, batch_size: int = 16, seed: int = 0) -> DrawnSource:
    task = torch.arange(4).repeat_interleave(torch.tensor(SIZES))
    mixed = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    draws = TaskDraws(law=law, task=task[mixed], numbers=torch.arange(4))
    return DrawnSource(TASKS, rows(), draws, batch_size=batch_size, seed=seed)


def taken(source: DrawnSource, index: int) -> torch.Tensor:
    (episode,) = source.step(index)
    return source.draws.task[episode.query.targets["y"].long()]


@pytest.mark.parametrize("batch_size", [16, 33, 100])
def test_epochs_have_the_steps_of_plain_ones(batch_size):
    plain = JointSource(TASKS, rows(), batch_size=batch_size, seed=0)
    drawn = source_of("temperature", batch_size=batch_size)
    assert drawn.n_steps == plain.n_steps
    for index in range(2 * plain.n_steps):
        assert len(drawn.step(index)[0].query) == len(plain.step(index)[0].query)


@pytest.mark.parametrize("law", ["temperature", "round-robin"])
def test_an_epoch_has_of_each_task_what_the_law_says(law):
    source, expected = source_of(law), 100 * sampling_shares(np.array(SIZES), law)
    for epoch in range(5):
        steps = range(epoch * source.n_steps, (epoch + 1) * source.n_steps)
        counts = torch.cat([taken(source, index) for index in steps]).bincount(minlength=4)
        assert (np.abs(counts.numpy() - expected) < 1).all()


def test_a_step_hangs_on_its_index_and_the_seed_alone():
    source, other = source_of("temperature"), source_of("temperature", seed=1)
    late = source_of("temperature").step(17)[0].query.inputs
    inputs = [source.step(index)[0].query.inputs for index in range(20)]
    assert torch.equal(inputs[17], late) and torch.equal(source.step(2)[0].query.inputs, inputs[2])
    assert not torch.equal(other.step(17)[0].query.inputs, late)
    assert not torch.equal(inputs[0], inputs[source.n_steps])  # another epoch


@pytest.mark.parametrize("n_steps", [0, 3, 7, 16])
def test_it_counts_what_was_drawn(n_steps):
    source = source_of("temperature")
    counts = sum((taken(source, index).bincount(minlength=4) for index in range(n_steps)), torch.zeros(4))
    assert source.drawn(n_steps).tolist() == counts.tolist()


def test_without_rows_there_is_nothing_to_draw():
    draws = TaskDraws(law="round-robin", task=torch.arange(0), numbers=torch.arange(0))
    empty = Batch(inputs=torch.zeros(0, 1), targets={"y": torch.zeros(0)})
    with pytest.raises(DataError, match="no examples"):
        DrawnSource(TASKS, empty, draws, batch_size=4, seed=0)
