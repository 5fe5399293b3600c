"""The Gaussian process head: against scikit-learn's posterior; contract, gradients and messages."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel
from torch import Tensor, nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta import mlp
from polytask.meta.metric.gaussian_process_head import GaussianProcessHead, KernelName, tanimoto
from polytask.meta.metric.ridge_regression import RidgeRegression

HEIGHT = Task(name="height", kind="regression")
SIZES = Task(name="sizes", kind="regression", n_outputs=2)
N_INPUTS = 4
PRODUCT = DotProduct(0.0, sigma_0_bounds="fixed")


def normal(n_rows: int, n_columns: int, *path: str | int) -> Tensor:
    return torch.randn(n_rows, n_columns, generator=generator(0, *path), dtype=torch.float64)


def points(n_rows: int, *path: str | int) -> Batch:
    labels = normal(n_rows, 3, "labels", *path)
    return Batch(
        inputs=normal(n_rows, N_INPUTS, *path), targets={"height": labels[:, 0], "sizes": labels[:, 1:]}
    )


def tensor(batch: Batch) -> Tensor:
    assert isinstance(batch.inputs, Tensor)
    return batch.inputs


def product(x: Tensor, others: Tensor) -> Tensor:
    return x @ others.mT


def with_numbers(learner: GaussianProcessHead) -> GaussianProcessHead:
    """Give the learned numbers values that differ from each other."""
    with torch.no_grad():
        learner.level.fill_(0.3)
        learner.log_scales.copy_(torch.tensor([0.4, 1.5, 0.6]).log())
        learner.log_length.fill_(math.log(0.8))
    return learner.double()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_rows", [1, 3, 9])
def test_the_posterior_is_that_of_an_independent_implementation(kernel: KernelName, n_rows: int) -> None:
    learner = with_numbers(
        GaussianProcessHead(nn.Identity(), n_inputs=N_INPUTS, kernel=kernel, similarity=product, noise=0.5)
    )
    support, query = points(n_rows), normal(5, N_INPUTS, "query")
    # 0.6 of the plain product, and 1.5 of the mean product or of the RBF over a length for four features.
    of_features = (
        ConstantKernel(1.5 / N_INPUTS) * PRODUCT
        if kernel == "linear"
        else ConstantKernel(1.5) * RBF(0.8 * N_INPUTS**0.5)
    )
    prior = ConstantKernel(0.4) + of_features + ConstantKernel(0.6) * PRODUCT + WhiteKernel(0.25)
    reference = GaussianProcessRegressor(prior, alpha=0.0, optimizer=None)  # pyright: ignore[reportArgumentType]
    reference.fit(tensor(support).numpy(), support.targets["height"].numpy() - 0.3)
    mean, std = reference.predict(query.numpy(), return_std=True)
    found = learner.distribution(learner.learn([HEIGHT], support), [HEIGHT], query)["height"]
    np.testing.assert_allclose(found.mean[:, 0].detach().numpy(), mean + 0.3, rtol=1e-6)
    np.testing.assert_allclose(found.std[:, 0].detach().numpy(), std, rtol=1e-6)


def test_a_linear_kernel_with_a_vague_level_is_ridge_regression() -> None:
    learner = GaussianProcessHead(nn.Identity(), n_inputs=N_INPUTS, noise=0.5).double()
    with torch.no_grad():
        learner.log_scales.copy_(torch.tensor([1e7, 2.0, 1.0]).log())
    support, query = points(7), normal(5, N_INPUTS, "query")
    ridge = RidgeRegression(nn.Identity(), penalty=0.25 * N_INPUTS / 2.0).double()
    torch.testing.assert_close(
        learner.adapt([HEIGHT], support)(query)["height"],
        ridge.adapt([HEIGHT], support)(query)["height"],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("task", [HEIGHT, SIZES])
@pytest.mark.parametrize("n_kept", [1, 5])
def test_examples_without_label_do_not_count(task: Task, n_kept: int) -> None:
    learner = with_numbers(
        GaussianProcessHead(nn.Identity(), n_inputs=N_INPUTS, n_outputs=task.n_outputs, kernel="rbf")
    )
    whole, query = points(8), normal(3, N_INPUTS, "query")
    mask = torch.arange(8) < n_kept
    masked = Batch(
        inputs=whole.inputs, targets={task.name: whole.targets[task.name]}, masks={task.name: mask}
    )
    found, expected = (
        learner.distribution(learner.learn([task], batch), [task], query)[task.name]
        for batch in (masked, whole.rows(slice(n_kept)))
    )
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.std, expected.std)


def test_without_any_label_the_answer_is_the_prior() -> None:
    learner = with_numbers(GaussianProcessHead(nn.Identity(), n_inputs=N_INPUTS, kernel="rbf", noise=0.5))
    support = Batch(
        inputs=normal(4, N_INPUTS),
        targets={"height": torch.zeros(4).double()},
        masks={"height": torch.zeros(4, dtype=torch.bool)},
    )
    found = learner.distribution(learner.learn([HEIGHT], support), [HEIGHT], normal(3, N_INPUTS, "q"))[
        "height"
    ]
    torch.testing.assert_close(found.mean, torch.full((3, 1), 0.3).double())
    torch.testing.assert_close(found.std, torch.full((3, 1), (0.4 + 1.5 + 0.25) ** 0.5).double())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(1, 8), n_bits=st.integers(1, 6))
def test_tanimoto_counts_common_bits_and_is_a_kernel(seed: int, n_rows: int, n_bits: int) -> None:
    bits = torch.rand(n_rows, n_bits, generator=generator(seed)) < 0.5
    found = tanimoto(bits.double(), bits.double())
    sets = [set(row.nonzero().flatten().tolist()) for row in bits]
    expected = [[len(a & b) / len(a | b) if a | b else 1.0 for b in sets] for a in sets]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert torch.linalg.eigvalsh(found).min() > -1e-9


def episodes(task: Task) -> list[Episode]:
    parts = [
        Episode(
            tasks=(task,),
            support=points(6, i, "s").only([task.name]),
            query=points(7, i, "q").only([task.name]),
        )
        for i in range(2)
    ]
    return [part.to("cpu", torch.float32) for part in parts]


def built(task: Task, kernel: KernelName) -> GaussianProcessHead:
    with seeded(0):
        return GaussianProcessHead(
            mlp([N_INPUTS, 6, 5], nn.Tanh),
            n_inputs=N_INPUTS,
            n_outputs=task.n_outputs,
            kernel=kernel,
            similarity=product,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("task", [HEIGHT, SIZES])
def test_the_contract_of_a_learner_is_kept(task: Task) -> None:
    check_learner(built(task, "rbf"), episodes(task))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_meta_gradient_is_right_in_loop_and_vmap(kernel: KernelName) -> None:
    check_meta_gradient(built(HEIGHT, kernel), episodes(HEIGHT)).raise_if_wrong()


def test_training_finds_the_noise_of_the_labels() -> None:
    learner = GaussianProcessHead(nn.Identity(), n_inputs=2, noise=1.0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    for step in range(150):
        draw = generator(3, step)
        x, w = torch.randn(4, 30, 2, generator=draw), torch.randn(4, 2, 1, generator=draw)
        y = (x @ w).squeeze(-1) + 0.2 * torch.randn(4, 30, generator=draw)
        halves = [
            [Batch(inputs=a[part], targets={"height": b[part]}) for part in (slice(10), slice(10, None))]
            for a, b in zip(x, y, strict=True)
        ]
        optimizer.zero_grad()
        learner.objectives(
            [Episode(tasks=(HEIGHT,), support=s, query=q) for s, q in halves], execution=run_forward
        ).values.mean().backward()
        optimizer.step()
    assert learner.noise_variance().item() ** 0.5 == pytest.approx(0.2, abs=0.03)


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(
        InputError,
        match=r"`n_inputs` must be at least 1, got 0; give an `encoder`.*; `kernel` is 'cubic'.*; `min_std`",
    ):
        GaussianProcessHead(None, n_inputs=0, kernel="cubic", noise=0.0)  # type: ignore[arg-type]
