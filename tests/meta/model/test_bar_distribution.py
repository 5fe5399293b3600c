"""The bar distribution: against numeric integration, and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import halfnorm

from polytask.core import InputError, generator
from polytask.meta.model.bar_distribution import BarDistribution, bar_borders


def drawn(seed: int, n_bars: int) -> BarDistribution:
    draw = generator(seed, "bars")
    widths = torch.rand(n_bars, generator=draw, dtype=torch.float64) + 0.1
    logits = torch.randn(n_bars, generator=draw, dtype=torch.float64)
    return BarDistribution(borders=torch.cat([torch.zeros(1).double(), widths.cumsum(0)]) - 2, logits=logits)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n_bars=st.integers(3, 12))
def test_the_density_has_mass_one_and_the_moments_it_says(seed: int, n_bars: int) -> None:
    bars = drawn(seed, n_bars)
    y = torch.linspace(-30, 40, 700_001, dtype=torch.float64)
    mass = bars.log_density(y).exp() * (y[1] - y[0])
    mean = (mass * y).sum()
    np.testing.assert_allclose(mass.sum(), 1, atol=1e-3)  # the grid misses parts of the steps
    np.testing.assert_allclose(bars.mean(), mean, atol=2e-3)
    np.testing.assert_allclose(bars.variance(), (mass * (y - mean).square()).sum(), rtol=5e-3)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), probability=st.floats(0.01, 0.99))
def test_a_quantile_has_its_probability_below_it(seed: int, probability: float) -> None:
    bars = drawn(seed, 6)
    y = torch.linspace(-30, 40, 700_001, dtype=torch.float64)
    mass = bars.log_density(y).exp() * (y[1] - y[0])
    found = mass[y <= bars.quantile(probability)].sum()
    np.testing.assert_allclose(found, probability, atol=1e-3)


def test_a_tail_is_half_normal_with_its_median_at_the_outer_border() -> None:
    bars = BarDistribution(borders=torch.tensor([0.0, 1.0, 2.0, 5.0]), logits=torch.zeros(3))
    values = torch.tensor([2.5, 5.0, 9.0])
    expected = halfnorm.pdf(values.numpy() - 2, scale=3 / halfnorm.ppf(0.5)) / 3
    np.testing.assert_allclose(bars.log_density(values).exp(), expected, rtol=1e-5)


def test_the_density_is_differentiable_everywhere() -> None:
    logits = torch.randn(4, 5, generator=generator(0)).double().requires_grad_()
    values = torch.tensor([-9.0, 0.5, 1.0, 99.0]).double().requires_grad_()

    def density(logits: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return BarDistribution(borders=torch.arange(6.0).double(), logits=logits).log_density(values)

    gradients = torch.autograd.grad(density(logits, values).sum(), [logits, values])
    assert bool(gradients[0].isfinite().all())
    spread = 1 / 0.6744897501960817  # of a half normal tail whose median is 1 from its border
    falls = [(1 + 9) / spread**2, (1 - 0.5) / spread**2, 0.0, -(99 - 4) / spread**2]  # flat within
    torch.testing.assert_close(gradients[1], torch.tensor(falls).double(), rtol=1e-6, atol=1e-9)
    assert torch.autograd.gradcheck(lambda z: density(z, values.detach()), logits)


def test_values_broadcast_against_the_logits() -> None:
    bars = BarDistribution(borders=torch.arange(5.0), logits=torch.randn(3, 4, generator=generator(0)))
    values = torch.linspace(-1, 6, 7).unsqueeze(1)
    torch.testing.assert_close(bars.log_density(values[2, 0]), bars.log_density(values[2].expand(3)))
    found = bars.log_density(values)
    assert found.shape == (7, 3)
    for value, row in zip(values, found, strict=True):
        torch.testing.assert_close(row, bars.log_density(value.expand(3)))


@given(seed=st.integers(0, 1000), n_bars=st.integers(3, 20))
def test_borders_put_as_many_values_into_every_bar(seed: int, n_bars: int) -> None:
    values = torch.randn(2, 500, generator=generator(seed))
    counts = torch.histogram(values.flatten(), bar_borders(values, n_bars)).hist
    assert int(counts.max() - counts.min()) <= 2


@pytest.mark.parametrize(
    ("values", "n_bars", "message"),
    [
        (torch.arange(9.0), 2, "`n_bars` must be at least 3"),
        (torch.tensor([0.0, float("nan"), 1.0]), 3, "not finite; leave them out"),
        (torch.zeros(100), 3, "too few different numbers for 3 bars"),
        (torch.zeros(0), 3, "too few different numbers for 3 bars"),
    ],
)
def test_unusable_values_are_refused(values: torch.Tensor, n_bars: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        bar_borders(values, n_bars)


def test_a_probability_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match=r"strictly between 0 and 1, got 1\.0"):
        drawn(0, 4).quantile(1.0)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), n_bars=st.integers(3, 12), share=st.floats(0.001, 0.999))
def test_the_probability_below_is_the_integral_of_the_density_and_the_inverse_of_the_quantile(
    seed: int, n_bars: int, share: float
) -> None:
    bars = drawn(seed, n_bars)
    y = torch.linspace(-30, 40, 700_001, dtype=torch.float64)
    mass = bars.log_density(y).exp() * (y[1] - y[0])
    np.testing.assert_allclose(bars.cdf(y), mass.cumsum(0), atol=2e-3)
    np.testing.assert_allclose(bars.cdf(bars.quantile(share)), share, atol=1e-9)
