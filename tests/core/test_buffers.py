"""Forward passes that leave no trace in buffers."""

import pytest
import torch
from torch import nn

from polytask.core.buffers import Buffers, kept_buffers


class Counter(nn.Module):
    """Counts its calls by putting a new tensor in its buffer's place."""

    calls: torch.Tensor
    nothing: torch.Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("nothing", None)

    def forward(self, inputs):
        self.calls = self.calls + 1
        self.nothing = torch.ones(2)
        return inputs


def network() -> nn.Sequential:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(3)
    return nn.Sequential(norm, nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)), Counter(), norm)


def test_inside_the_block_buffers_move_and_after_it_they_are_what_they_were():
    module = network()
    names, before = zip(*module.named_buffers(), strict=True)
    values = [buffer.clone() for buffer in before]
    with kept_buffers(module):
        module(torch.randn(5, 3))
        inside = dict(module.named_buffers())
        moved = [name for name, value in zip(names, values) if not torch.equal(inside[name], value)]
        assert {"0.running_mean", "0.running_var", "2.calls"} <= set(moved)
        assert inside["0.num_batches_tracked"] == 2  # one layer at two places
    after = dict(module.named_buffers())
    assert tuple(after) == names and all(after[name] is buffer for name, buffer in zip(names, before))
    assert all(torch.equal(buffer, value) for buffer, value in zip(before, values))


def test_a_graph_from_before_the_block_can_still_be_run_backward():
    norm = nn.InstanceNorm1d(2, track_running_stats=True, affine=True)
    module = nn.Sequential(norm, nn.utils.spectral_norm(nn.Conv1d(2, 2, 1)))
    inputs, gradients = torch.randn(4, 2, 5), []
    for looked in (False, True):
        torch.manual_seed(0)
        module[0].reset_running_stats()
        module.zero_grad()
        state = {name: buffer.clone() for name, buffer in module.named_buffers()}
        total = module(inputs).square().sum()
        if looked:
            with kept_buffers(module):
                module(inputs + 9)
        total.backward()
        gradients.append(norm.weight.grad.clone())
        module.load_state_dict(state, strict=False)
    torch.testing.assert_close(*gradients, rtol=0, atol=0)


def test_buffers_come_back_after_an_error():
    module = network()
    before = module[0].running_mean.clone()

    def fail() -> None:
        with kept_buffers(module):
            module(torch.randn(5, 3))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(module[0].running_mean, before)


def test_buffers_are_restored_to_the_values_they_had():
    module = network()
    values = {name: buffer.clone() for name, buffer in module.named_buffers()}
    before = Buffers(module)
    module(torch.full((5, 3), torch.inf))
    before.restore()
    assert all(torch.equal(buffer, values[name]) for name, buffer in module.named_buffers())
    assert list(values) == [name for name, _ in module.named_buffers()]


def test_a_layer_without_shape_yet_is_left_to_find_it():
    module = nn.LazyBatchNorm1d()
    with kept_buffers(module):
        module(torch.ones(4, 3))
    assert module.running_mean.shape == (3,)
