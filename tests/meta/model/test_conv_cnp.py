"""The convolutional process: its grid, and that it moves with the data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, InputError, Task, generator, seeded
from polytask.meta.model import ConvCNP, GaussianLearner

Y = Task(name="y", kind="regression")


def conv_cnp() -> ConvCNP:
    with seeded(0, "ConvCNP"):
        return ConvCNP(points_per_unit=8, channels=8, n_layers=2, kernel_size=5)


def examples(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": torch.sin(2 * x).squeeze(1)})


def answers(learner: GaussianLearner, support: Batch, inputs: torch.Tensor):
    found = learner.distribution(learner.learn([Y], support), [Y], inputs)["y"]
    return torch.stack([found.mean, found.std])


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-20, 20), seed=st.integers(0, 1000), n_rows=st.integers(1, 12))
def test_the_answers_of_a_convcnp_move_with_the_data(shift, seed, n_rows):
    learner, support, query = conv_cnp().double(), examples(n_rows, seed), examples(5, seed, "q")
    support, query = support.to("cpu", torch.float64), query.to("cpu", torch.float64)
    assert isinstance(support.inputs, torch.Tensor)
    assert isinstance(query.inputs, torch.Tensor)
    moved = Batch(inputs=support.inputs + shift, targets=support.targets)
    torch.testing.assert_close(
        answers(learner, moved, query.inputs + shift), answers(learner, support, query.inputs)
    )


def test_a_convcnp_sees_density_and_smoothed_values_on_its_grid():
    learner, support = conv_cnp(), examples(4)
    seen = []
    learner.lift.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    learner.learn([Y], support)
    x, y = np.asarray(support.inputs)[:, 0], np.asarray(support.targets["y"])
    grid = (x.min() + x.max()) / 2 + np.arange(-32, 33) / 8
    near = np.exp(-0.5 * ((grid[:, None] - x) / 0.25) ** 2)
    expected = np.stack([near.sum(1), near @ y / (near.sum(1) + 1e-8)], axis=1)
    np.testing.assert_allclose(seen[0].detach().numpy(), expected, rtol=1e-3, atol=1e-5)


def test_a_query_off_the_grid_of_a_convcnp_gets_the_answer_without_data():
    learner, support = conv_cnp(), examples(6)
    found = answers(learner, support, torch.tensor([[60.0]]))[0]
    torch.testing.assert_close(found, learner.head.bias[:1].unsqueeze(0))


def test_a_kernel_size_that_is_even_is_an_error():
    with pytest.raises(InputError, match="`kernel_size` must be odd, got 4"):
        ConvCNP(kernel_size=4)


def test_a_span_that_is_no_length_is_an_error():
    with pytest.raises(InputError, match="`span` must be a length above 0, got inf"):
        ConvCNP(span=float("inf"))
