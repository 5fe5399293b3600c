"""Shared test set-up: one thread a process, in subprocesses too, as xdist runs several processes."""

import os

import pytest
import torch

os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

# Where tests run on a GPU they compare with the CPU, whose products have all the digits.
torch.backends.cudnn.allow_tf32 = False


def pytest_configure(config: pytest.Config) -> None:
    """Let tests train for an epoch or two without a word on what such a model is worth."""
    config.addinivalue_line("filterwarnings", "ignore:On held-out rows the model is not clearly better")
