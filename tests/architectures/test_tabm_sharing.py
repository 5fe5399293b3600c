"""An ensemble in one network as the trunk of all tasks."""

import torch

from polytask.architectures import TabMSharing
from polytask.core import generator
from polytask.encoders import TabM


def test_the_ensemble_is_asked_once_for_all_tasks():
    rows, trunk = torch.randn(5, 3, generator=generator(0, "rows")), TabM(3, [8], n_members=4).eval()
    expected, calls = trunk(rows), []  # [row, member, feature]
    trunk.register_forward_hook(lambda *_: calls.append(1))
    found = TabMSharing(trunk)(rows, ["a", "b"]).by_task
    assert len(calls) == 1
    torch.testing.assert_close([found["a"], found["b"]], [expected, expected])
