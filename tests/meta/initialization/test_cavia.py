"""A context behind the inputs."""

import torch
from torch import nn

from polytask.core.copied_module import module_copy
from polytask.meta.initialization.cavia import WithContext


def test_the_model_sees_the_context_behind_its_inputs() -> None:
    model = module_copy(WithContext(nn.Identity(), 2), {"context": torch.tensor([7.0, 8.0])})
    assert model(torch.tensor([[1.0], [2.0]])).tolist() == [[1.0, 7.0, 8.0], [2.0, 7.0, 8.0]]
