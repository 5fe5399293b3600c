"""Hard sharing encodes once."""

import torch
from torch import nn

from polytask.architectures import HardSharing


def test_hard_sharing_encodes_once():
    calls = []
    trunk = nn.Linear(3, 2)
    trunk.register_forward_hook(lambda *_: calls.append(1))
    represented = HardSharing(trunk)(torch.zeros(4, 3), ["a", "b", "c"])
    assert len(calls) == 1 and set(represented.by_task) == {"a", "b", "c"} and represented.penalty is None
