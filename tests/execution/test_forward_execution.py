"""The execution of learners without an inner gradient: what its names mean."""

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, run_loop, seeded
from polytask.execution import Fastest
from polytask.execution.forward_execution import forward_execution
from polytask.meta.model.prior_fitted import PriorFitted


def test_auto_times_the_loop_and_the_batched_run_and_keeps_one() -> None:
    with seeded(0):
        execution = forward_execution("auto", chunk_size=2)
        learner = PriorFitted(nn.Linear(2, 8), width=8, n_classes=2, n_layers=1, execution=execution)
        half = Batch(inputs=torch.randn(4, 2), targets={"y": torch.tensor([0, 1, 1, 0])})
    episode = Episode(tasks=(Task(name="y", kind="binary"),), support=half, query=half)
    assert isinstance(execution, Fastest)
    found = learner.objectives([episode] * 3).values
    assert execution.choice in ("loop", "batched")
    torch.testing.assert_close(found, run_loop(learner, [episode] * 3))


def test_other_names_mean_what_they_mean_elsewhere() -> None:
    assert forward_execution("loop") is run_loop
    assert forward_execution(run_loop) is run_loop


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="`execution` is 'fast'"):
        forward_execution("fast")  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="`chunk_size` must be at least 1, got 0"):
        forward_execution("auto", 0)
