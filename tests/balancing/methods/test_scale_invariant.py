"""The sum of logarithms."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.scale_invariant import ScaleInvariant


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=5))
def test_scale_invariant_weights_are_the_gradient_of_the_sum_of_logarithms(losses):
    values = torch.tensor(losses, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(values.log().sum(), values)
    evidence = Evidence(tuple("abcde"[: len(losses)]), values.detach(), torch.Tensor)
    torch.testing.assert_close(ScaleInvariant()(evidence).values, expected)
