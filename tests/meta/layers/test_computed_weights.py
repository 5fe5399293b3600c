"""Weights that are computed: right second derivatives of weight norm, a spectral norm that holds still."""

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.meta.initialization import MAML
from polytask.meta.layers.computed_weights import ComputedWeights

NUMBER = Task(name="y", kind="regression")


def episodes(n_episodes: int = 2) -> list[Episode]:
    def batch(*path: str | int) -> Batch:
        x = torch.randn(5, 3, generator=generator(0, *path))
        return Batch(inputs=x, targets={"y": x.prod(1)})

    return [
        Episode(tasks=(NUMBER,), support=batch("support", i), query=batch("query", i))
        for i in range(n_episodes)
    ]


def learner(norm: Callable[[nn.Linear], nn.Module]) -> MAML:
    with seeded(0):
        net = nn.Sequential(norm(nn.Linear(3, 4)), nn.Tanh(), nn.Linear(4, 1))
    return MAML(net, inner_rate=0.2, n_steps=2)


def all_over(layer: nn.Linear) -> nn.Module:
    return weight_norm(layer, dim=None)


@pytest.mark.parametrize("norm", [weight_norm, all_over, spectral_norm])
def test_the_meta_gradient_is_that_of_finite_differences_in_every_execution(
    norm: Callable[[nn.Linear], nn.Module],
) -> None:
    check_meta_gradient(learner(norm), episodes()).raise_if_wrong()


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_written_out_gives_the_weights_of_the_fused_kernel(dim: int | None) -> None:
    with seeded(0):
        layer = weight_norm(nn.Linear(3, 4), dim=dim)
    x = torch.ones(2, 3)
    with ComputedWeights(layer).inside(layer):
        inside = layer(x)
    assert torch.allclose(inside, layer(x), rtol=1e-6, atol=0)


def vectors(model: nn.Module) -> list[Tensor]:
    return [buffer.clone() for name, buffer in model.named_buffers() if name.endswith(("_u", "_v"))]


def test_a_spectral_norm_moves_once_a_step_in_training_and_never_in_evaluation() -> None:
    maml = learner(spectral_norm)
    for buffer in maml.buffers():  # far from where the iteration ends
        buffer.copy_(nn.functional.normalize(torch.arange(1.0, len(buffer) + 1), dim=0))
    alone = copy.deepcopy(maml.model[0])
    _ = alone.weight  # one step of the power iteration
    before = vectors(maml)
    maml.objectives(episodes(3))
    moved = vectors(maml)
    assert not all(torch.equal(new, old) for new, old in zip(moved, before, strict=True))
    assert all(torch.equal(new, one) for new, one in zip(moved, vectors(alone), strict=True))
    maml.eval()
    maml.objectives(episodes(3))
    maml.adapt([NUMBER], episodes()[0].support)
    assert all(torch.equal(new, old) for new, old in zip(vectors(maml), moved, strict=True))


def test_the_order_of_episodes_does_not_matter_to_a_spectral_norm() -> None:
    maml = learner(spectral_norm)
    start = copy.deepcopy(maml.state_dict())
    forth = maml.objectives(episodes(3)).values
    maml.load_state_dict(start)
    back = maml.objectives(episodes(3)[::-1]).values.flip(0)
    assert torch.equal(forth, back)


@pytest.mark.parametrize("name", ["spectral_norm", "weight_norm"])
def test_a_norm_that_is_a_hook_is_refused_with_what_to_use(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        layer = getattr(nn.utils, name)(nn.Linear(2, 1))
    with pytest.raises(InputError, match=rf"Use `torch.nn.utils.parametrizations.{name}`"):
        MAML(nn.Sequential(layer))
