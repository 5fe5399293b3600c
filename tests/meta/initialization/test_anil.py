"""Which head is adapted."""

import pytest
from torch import nn

from polytask.core import InputError, seeded
from polytask.meta.initialization import ANIL


def net(n_in: int = 4) -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(nn.Linear(n_in, 5), nn.LayerNorm(5), nn.Tanh(), nn.Linear(5, 3))


@pytest.mark.parametrize("head", ["4", "head"])
def test_a_head_that_there_is_not_is_named(head: str) -> None:
    with pytest.raises(InputError, match=f"`head` is '{head}', but the modules of `model` are 0, 1, 2, 3"):
        ANIL(net(), head=head)
