"""Processes that share a training: whether all have resumed alike is looked at before the first step."""

from pathlib import Path

import pytest
import torch
from torch import nn

from polytask.core import TrainingError
from polytask.train.alike import check_alike, start_alike


def test_processes_at_one_step_are_alike() -> None:
    check_alike([20, 20], Path("runs"))
    check_alike([0], None)


def test_processes_at_different_steps_are_told_with_the_folder() -> None:
    with pytest.raises(TrainingError, match=r"by rank: 20, 0\. `directory` \(runs\) has to be on a disk"):
        check_alike([20, 0], Path("runs"))


def test_a_process_alone_keeps_its_weights() -> None:
    module = nn.Linear(2, 1)
    before = module.weight.detach().clone()
    start_alike(module)
    assert torch.equal(module.weight, before)
