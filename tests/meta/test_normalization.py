"""Normalization policies: what each layer computes, and what must be declared."""

import pytest
import torch
from torch import nn

from polytask.core import InputError, generator
from polytask.meta import MAML, Prototypes, check_normalization, normalized


def used_norm() -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(3)
    norm.running_mean = torch.tensor([1.0, 2.0, 3.0])
    norm.running_var = torch.tensor([4.0, 4.0, 4.0])
    return norm


@pytest.mark.parametrize("training", [True, False])
def test_batch_takes_the_statistics_at_hand_in_any_mode(training: bool) -> None:
    norm, x = used_norm().train(training), torch.randn(50, 3, generator=generator(0))
    with normalized(norm, "batch"):
        y = norm(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.tensor([1.0, 2.0, 3.0]))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("training", [True, False])
def test_frozen_takes_the_running_statistics_in_any_mode(training: bool) -> None:
    norm, x = used_norm().train(training), torch.randn(5, 3, generator=generator(0))
    with normalized(norm, "frozen"):
        y = norm(x)
    torch.testing.assert_close(y, (x - torch.tensor([1.0, 2.0, 3.0])) / 2, atol=1e-5, rtol=1e-5)
    assert norm.num_batches_tracked == 0


def test_modes_are_restored_after_an_error() -> None:
    norm = used_norm()
    with pytest.raises(ValueError, match="broken"), normalized(norm, "frozen"):
        raise ValueError("broken")
    assert norm.training
    assert norm.track_running_stats


def test_batch_norm_without_a_policy_is_an_error_that_names_the_choices() -> None:
    net = nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3))
    with pytest.raises(
        InputError, match=r"BatchNorm1d at '1'.*`normalization=\"batch\"`.*`normalization=\"frozen\"`"
    ):
        MAML(net)


def test_frozen_needs_running_statistics() -> None:
    with pytest.raises(InputError, match=r"but '1' has none. Build it with `track_running_stats=True`"):
        MAML(
            nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3, track_running_stats=False)),
            normalization="frozen",
        )


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(InputError, match="`normalization` is 'running'; use 'batch', 'frozen' or None"):
        check_normalization(nn.Linear(1, 1), "running")  # pyright: ignore[reportArgumentType]


def test_memoryless_layers_need_no_policy() -> None:
    check_normalization(nn.Sequential(nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.InstanceNorm1d(3)), None)


def test_a_learner_is_transductive_exactly_if_its_answers_depend_on_each_other() -> None:
    net = nn.Sequential(nn.Linear(1, 3), nn.BatchNorm1d(3))
    assert MAML(net, normalization="batch").transductive
    assert not MAML(net, normalization="frozen").transductive
    assert not MAML(nn.Linear(1, 1), normalization="batch").transductive
    assert not Prototypes(net).transductive
    assert Prototypes(nn.BatchNorm1d(3, track_running_stats=False)).transductive
