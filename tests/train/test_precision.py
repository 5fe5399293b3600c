"""Which precision is faster, by a measurement."""

import time

import pytest
import torch
from torch import Tensor, nn

from polytask.train import faster_precision


class Slow(nn.Module):
    """Takes longer where matrix products are in 16 bits, or where they are not, by a clock of its own."""

    def __init__(self, *, half: float, full: float) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)
        self.takes = {torch.bfloat16: half, torch.float32: full}
        self.now = 0.0

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.layer(inputs)
        self.now += self.takes[found.dtype]
        return self.norm(found)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("half", "full", "precision"),
    [(1.0, 2.0, "bf16-mixed"), (8.0, 1.0, "32-true"), (0.95, 1.0, "32-true")],
)
def test_half_precision_is_used_only_where_it_was_measured_to_be_faster(
    half: float, full: float, precision: str
):
    network = Slow(half=half, full=full)
    assert faster_precision(network, torch.rand(4, 3), clock=network.clock) == precision


def test_measuring_changes_neither_weights_nor_buffers_nor_gradients():
    network = Slow(half=1.0, full=1.0)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        faster_precision(network, torch.rand(4, 3), clock=time.perf_counter)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_benchmarks_of_images_measure_which_precision_to_train_with(pytestconfig: pytest.Config):
    folder = pytestconfig.rootpath / "benchmarks"
    for name in ("quality/omniglot.py", "quality/varied_prototypes.py", "builtin/drawings.py"):
        code = (folder / name).read_text()
        assert "faster_precision(" in code, name
        assert 'precision="bf16-mixed"' not in code and "torch.bfloat16):" not in code, name
