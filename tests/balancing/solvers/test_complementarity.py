"""Nonnegative quadratics."""

import pytest
import torch

from polytask.balancing.solvers.complementarity import nonnegative_minimum
from polytask.core import TrainingError


def test_a_quadratic_without_minimum_is_named():
    with pytest.raises(TrainingError, match="A quadratic program of 2 objectives was not solved"):
        nonnegative_minimum(-torch.eye(2).double(), torch.tensor([-1.0, -1.0]).double())
