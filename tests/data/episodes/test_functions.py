import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polytask.core import InputError, generator
from polytask.data.episodes.functions import FunctionEpisodes, FunctionFamily, Sinusoids


class Numbered(FunctionFamily):
    """Every point of every function has an input of its own, and the value tells the function."""

    def sample(self, n_functions: int, n_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        x = torch.randperm(n_functions * n_points, generator=generator).float()
        y = torch.arange(n_functions).float().unsqueeze(1).expand(-1, n_points)
        return x.view(n_functions, n_points, 1), y


def source(**changes) -> FunctionEpisodes:
    arguments = {"n_support": 5, "n_query": 7, "n_episodes": 3, "seed": 1} | changes
    return FunctionEpisodes(arguments.pop("family", Sinusoids()), **arguments)


def inputs_of(episodes) -> list[Tensor]:
    return [batch.inputs for episode in episodes for batch in (episode.support, episode.query)]


def test_every_episode_has_the_shapes_that_were_asked_for():
    episodes = source().step(0)
    assert len(episodes) == 3
    for episode in episodes:
        assert episode.tasks[0].kind == "regression"
        assert episode.support is not None
        assert episode.support.inputs.shape == (5, 1)  # pyright: ignore[reportAttributeAccessIssue]
        assert episode.support.targets["y"].shape == (5,)
        assert episode.query.inputs.shape == (7, 1)  # pyright: ignore[reportAttributeAccessIssue]
        assert episode.query.targets["y"].shape == (7,)


@given(index=st.integers(0, 10**6), other=st.integers(0, 10**6), noise=st.sampled_from([0.0, 0.3]))
def test_a_step_depends_on_its_index_and_on_nothing_else(index, other, noise):
    here, elsewhere = source(noise=noise), source(noise=noise)
    elsewhere.step(other)
    for first, second in zip(here.step(index), elsewhere.step(index), strict=True):
        assert torch.equal(first.query.inputs, second.query.inputs)
        assert torch.equal(first.query.targets["y"], second.query.targets["y"])
        assert torch.equal(first.support.targets["y"], second.support.targets["y"])
    if index != other:
        pairs = zip(inputs_of(here.step(index)), inputs_of(here.step(other)), strict=True)
        assert not any(torch.equal(first, second) for first, second in pairs)


def test_another_seed_gives_other_functions():
    assert not torch.equal(source(seed=1).step(0)[0].query.inputs, source(seed=2).step(0)[0].query.inputs)


def test_a_step_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    source(noise=0.1).step(0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_support_and_query_are_different_points_of_one_function():
    episodes = source(family=Numbered()).step(0)
    points = torch.cat(inputs_of(episodes))
    assert points.unique().numel() == points.numel() == 3 * 12
    for position, episode in enumerate(episodes):
        values = torch.cat([episode.support.targets["y"], episode.query.targets["y"]])
        assert values.unique().tolist() == [position]


def test_noise_has_the_standard_deviation_that_was_asked_for():
    clean = source(n_episodes=200, n_support=50, n_query=50).step(0)
    noisy = source(n_episodes=200, n_support=50, n_query=50, noise=0.5).step(0)
    for part in ("support", "query"):
        pairs = [(getattr(a, part).targets["y"], getattr(b, part).targets["y"]) for a, b in zip(clean, noisy)]
        difference = torch.cat([b - a for a, b in pairs])  # 10,000 draws
        assert difference.std().item() == pytest.approx(0.5, rel=0.05)
        assert difference.mean().item() == pytest.approx(0.0, abs=0.025)


def test_all_numbers_out_of_range_are_named_at_once():
    with pytest.raises(InputError, match=r"`n_support`.*0; `n_episodes`.*-1; `noise`.*nan"):
        source(n_support=0, n_episodes=-1, noise=math.nan)


def test_a_sinusoid_is_recovered_from_its_points():
    x, y = Sinusoids().sample(50, 40, generator(3))
    # A sin(x - φ) = (A cos φ) sin x - (A sin φ) cos x: linear, so least squares must fit it exactly.
    design = torch.cat([x.sin(), -x.cos()], dim=-1).double()
    found = torch.linalg.lstsq(design, y.double().unsqueeze(-1)).solution.squeeze(-1)
    assert (design @ found.unsqueeze(-1)).squeeze(-1).sub(y).abs().max() < 1e-4
    amplitude, phase = found.norm(dim=1), torch.atan2(found[:, 1], found[:, 0])
    assert 0.1 - 1e-4 <= amplitude.min() < amplitude.max() <= 5 + 1e-4
    assert -1e-3 <= phase.min() < phase.max() <= math.pi + 1e-3


def test_amplitude_phase_and_inputs_are_uniform_in_their_ranges():
    x, y = Sinusoids(phase=(math.pi / 2, math.pi / 2), x=(math.pi, math.pi)).sample(20_000, 1, generator(0))
    assert y.mean().item() == pytest.approx(2.55, abs=0.05)  # sin(π - π/2) = 1, so y is the amplitude
    assert y.std().item() == pytest.approx(4.9 / math.sqrt(12), abs=0.05)
    assert (x == math.pi).all()
    x, _ = Sinusoids().sample(200, 100, generator(0))
    assert x.std().item() == pytest.approx(10 / math.sqrt(12), abs=0.05)
    assert -5 <= x.min() < -4.9
    assert 4.9 < x.max() <= 5


def test_ranges_that_do_not_go_upwards_are_refused():
    with pytest.raises(InputError, match=r"`amplitude`.*\(2, 1\); `x`.*inf"):
        Sinusoids(amplitude=(2, 1), x=(0, math.inf))


@pytest.mark.parametrize("name", ["n_support", "n_query", "n_episodes"])
def test_a_number_that_is_not_whole_is_named(name):
    with pytest.raises(InputError, match=f"`{name}` must be a whole number, got 2.5"):
        source(**{name: 2.5})
