"""The peak is what is alive at one time, and a limit ends the computation."""

import torch
from torch import Tensor

from polytask.execution.memory_use import peak_bytes


def test_the_peak_is_that_of_tensors_alive_at_one_time() -> None:
    def build() -> Tensor:
        first = torch.zeros(1000, dtype=torch.float64)
        second = first + 1
        del first
        third = second * 2  # two of them alive again
        return third[:10]

    assert peak_bytes(build) == 16_000


def test_what_existed_before_does_not_count() -> None:
    given = torch.zeros(1000)
    assert peak_bytes(lambda: given.view(10, 100).add_(1)) == 0


def test_what_passes_the_limit_is_broken_off() -> None:
    reached = []

    def build() -> None:
        kept = [torch.zeros(1000) for _ in range(10)]
        reached.append(len(kept))

    assert 8000 < peak_bytes(build, limit=8000) <= 12_000
    assert not reached
    assert peak_bytes(build, limit=40_000) == 40_000
    assert reached == [10]
