"""Tensors tapped together come out as they went in, each task's apart."""

import torch

from polytask.architectures.joined_tap import tap_together


def test_the_parts_are_the_tensors_of_the_same_shape():
    shared = [torch.randn(2, 3, 4), torch.randn(2), torch.randn(2, 5)]
    _, parts = tap_together(shared, ["a", "b"])
    for name in ("a", "b"):
        torch.testing.assert_close(parts[name], shared)


def test_the_gradient_of_a_part_is_the_slice_of_the_tap_s():
    shared = [torch.randn(2, 3, requires_grad=True), torch.randn(2, 2, requires_grad=True)]
    taps, parts = tap_together(shared, ["a", "b"])
    value = (parts["a"][1] * torch.tensor([1.0, 2.0])).sum() + 0 * parts["a"][0].sum()
    own, other = torch.autograd.grad(value, [taps["a"], taps["b"]], allow_unused=True)
    assert other is None
    torch.testing.assert_close(own, torch.tensor([[0.0, 0.0, 0.0, 1.0, 2.0]]).expand(2, 5))


def test_a_single_tensor_is_not_copied():
    shared = torch.randn(2, 3)
    taps, _ = tap_together([shared], ["a"])
    assert taps["a"].data_ptr() == shared.data_ptr()


def test_every_task_reads_its_own_tap():
    shared = [torch.ones(2, 3, requires_grad=True), torch.ones(2, 2, 2, requires_grad=True)]
    taps, parts = tap_together(shared, ["a", "b"])
    (sum(part.sum() for part in parts["a"]) + 3 * parts["b"][1].sum()).backward(inputs=[*taps.values()])
    assert taps["a"].grad.tolist() == [[1.0] * 7] * 2
    assert taps["b"].grad.tolist() == [[0.0] * 3 + [3.0] * 4] * 2
