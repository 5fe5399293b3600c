"""Sluice networks mix subspaces of all tasks, and layers per task."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.architectures.cross_stitch import CrossStitch, Stitch
from polytask.architectures.sluice import Sluice
from polytask.core import InputError, generator

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def dense(n_in: int, n_out: int):
    return lambda: nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def vectors(**options) -> Sluice:
    n = options.get("n_subspaces", 2)
    return Sluice(NAMES, [dense(4, 3), dense(3 * n, 3), dense(3 * n, 3)], **options)


def maps(**options) -> Sluice:
    blocks = [lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), lambda: nn.Conv2d(4, 2, 3, padding=1)]
    return Sluice(NAMES, blocks, **options)


def maps_to_vectors() -> Sluice:
    blocks = [lambda: nn.Conv2d(1, 2, 3), lambda: nn.Sequential(nn.Tanh(), nn.Flatten(), nn.Linear(100, 3))]
    return Sluice(NAMES, blocks, mix_layers=False)


CASES = {
    "vectors": (vectors, (4,)),
    "one subspace": (lambda: vectors(n_subspaces=1), (4,)),
    "three subspaces": (lambda: vectors(n_subspaces=3), (4,)),
    "layers not mixed": (lambda: vectors(mix_layers=False), (4,)),
    "one layer": (lambda: Sluice(NAMES, [dense(4, 3)]), (4,)),
    "a stem": (lambda: vectors(stem=dense(5, 4)()), (5,)),
    "maps": (maps, (1, 7, 7)),
    "maps to vectors": (maps_to_vectors, (1, 7, 7)),
}


def scattered(sharing: nn.Module) -> None:
    """Move the stitches off their start, where most weights are equal."""
    draw = generator(0, "stitches")
    for module in sharing.modules():
        if isinstance(module, Stitch):
            module.weights.data.copy_(torch.randn(module.weights.shape, generator=draw))


@pytest.mark.parametrize("n_subspaces", [1, 2, 3])
def test_subspaces_and_layers_are_mixed_as_in_the_equation(n_subspaces):
    sharing, x = vectors(n_subspaces=n_subspaces), rows(4)
    scattered(sharing)
    found = sharing(x, NAMES).by_task
    streams, levels = [x] * 3, []
    for position, layer in enumerate(sharing.layers):
        said = [
            block(stream)
            for task, stream in zip(layer.tasks, streams, strict=True)
            for block in task.networks
        ]
        if position < 2:
            alpha = sharing.alphas[position].weights
        else:
            alpha = torch.cat([sharing.last_alpha[name].weights for name in NAMES])
        mixed = [sum(w * h for w, h in zip(weights, said, strict=True)) for weights in alpha]
        streams = [
            torch.cat(mixed[task * n_subspaces : (task + 1) * n_subspaces], dim=1) for task in range(3)
        ]
        levels.append(streams)
    for task, name in enumerate(NAMES):
        beta = sharing.betas[name].weights[0]
        torch.testing.assert_close(found[name], sum(beta[level] * levels[level][task] for level in range(3)))


def test_with_one_subspace_and_layers_apart_it_is_a_cross_stitch_network():
    sharing = vectors(n_subspaces=1, mix_layers=False, own=0.8)
    stitched = CrossStitch(NAMES, [dense(4, 3), dense(3, 3), dense(3, 3)], channels=None, own=0.8)
    for layer, other in zip(sharing.layers, stitched.layers, strict=True):
        for task, block in zip(layer.tasks, other.blocks, strict=True):
            block.load_state_dict(task.networks[0].state_dict())
    found, expected = sharing(rows(4), NAMES).by_task, stitched(rows(4), NAMES).by_task
    for name in NAMES:
        torch.testing.assert_close(found[name], expected[name])


def test_the_penalty_is_the_squared_norm_of_products_between_subspaces():
    sharing = vectors(n_subspaces=3, strength=0.7)
    expected = 0.0
    for layer in sharing.layers:
        for task in layer.tasks:
            columns = [
                block[0].weight.detach().double().numpy().T for block in task.networks
            ]  # [input, unit]
            for i, j in ((0, 1), (0, 2), (1, 2)):
                expected += 0.7 * np.linalg.norm(columns[i].T @ columns[j], "fro") ** 2
    assert sharing(rows(4), ["a"]).penalty.item() == pytest.approx(expected, rel=1e-5)


def test_kernels_of_maps_are_compared_as_a_whole():
    sharing = Sluice(["a"], [lambda: nn.Conv2d(2, 3, 2)], strength=1.0)
    left, right = (block.weight.detach().numpy() for block in sharing.layers[0].tasks[0].networks)
    expected = sum((left[u] * right[v]).sum() ** 2 for u in range(3) for v in range(3))
    assert sharing(rows(2, 3, 3), ["a"]).penalty.item() == pytest.approx(expected, rel=1e-5)


def test_orthogonal_subspaces_cost_nothing():
    sharing = Sluice(["a"], [lambda: nn.Linear(4, 2)], strength=1.0)
    for block, columns in zip(sharing.layers[0].tasks[0].networks, torch.eye(4).split(2), strict=True):
        block.weight.data.copy_(columns)
    assert sharing(rows(4), ["a"]).penalty.item() == 0


@pytest.mark.parametrize("options", [{"strength": 0.0}, {"n_subspaces": 1}])
def test_there_is_no_penalty_without_strength_or_a_second_subspace(options):
    assert vectors(**options)(rows(4), NAMES).penalty is None


def test_there_is_no_penalty_in_evaluation_or_without_matrices():
    assert vectors().eval()(rows(4), NAMES).penalty is None
    assert Sluice(NAMES, [nn.Tanh], strength=1.0)(rows(4), NAMES).penalty is None


def test_at_first_subspaces_weigh_equally_and_the_last_layer_most():
    sharing = vectors()
    for name in NAMES:
        torch.testing.assert_close(sharing.betas[name].weights.data, torch.tensor([[0.05, 0.05, 0.9]]))
        torch.testing.assert_close(sharing.last_alpha[name].weights.data, torch.full((2, 6), 1 / 6))
    for alpha in sharing.alphas:
        torch.testing.assert_close(alpha.weights.data, torch.full((6, 6), 1 / 6))


def test_own_is_the_weight_of_a_subspace_for_itself():
    sharing = vectors(own=0.5)
    last = torch.cat([sharing.last_alpha[name].weights for name in NAMES])
    for weights in [*(alpha.weights for alpha in sharing.alphas), last]:
        torch.testing.assert_close(weights.data, 0.4 * torch.eye(6) + 0.1)


def test_layers_of_other_shapes_cannot_be_mixed():
    sharing = Sluice(NAMES, [dense(4, 3), dense(6, 5)])
    with pytest.raises(InputError, match=r"give shapes \(6,\), \(10,\) for a row.*`mix_layers=False`"):
        sharing(rows(4), NAMES)


def test_all_wrong_options_are_listed():
    with pytest.raises(
        InputError,
        match=r"there must be a layer; `n_subspaces` must be 1 or more, got 0; `strength` must be 0 or more, "
        r"got -1; `own` must be from 0 to 1, got 2; `last` must be from 0 to 1, got -0.5\.",
    ):
        Sluice(NAMES, [], n_subspaces=0, strength=-1, own=2, last=-0.5)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_weights_may_lie_at_the_ends_of_their_range(weight):
    mixed = vectors(own=weight, last=weight)(rows(4), NAMES)
    assert all(bool(each.isfinite().all()) for each in mixed.by_task.values())
