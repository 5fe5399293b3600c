"""Normalization policies: what each layer computes, and what must be declared."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.core.copied_module import module_copy
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.meta.initialization import MAML
from polytask.meta.layers.normalization import Normalization, check_normalization, normalize
from polytask.meta.layers.per_step import PerStepBatchNorm
from polytask.meta.metric import Prototypes


def used_norm() -> nn.BatchNorm1d:
    norm = nn.BatchNorm1d(3)
    norm.running_mean = torch.tensor([1.0, 2.0, 3.0])
    norm.running_var = torch.tensor([4.0, 4.0, 4.0])
    return norm


@pytest.mark.parametrize("training", [True, False])
def test_batch_takes_the_statistics_at_hand_in_any_mode(training: bool) -> None:
    norm, x = used_norm().train(training), torch.randn(50, 3, generator=generator(0))
    own = module_copy(norm)
    normalize(own, "batch")
    y = own(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.tensor([1.0, 2.0, 3.0]))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("training", [True, False])
def test_frozen_takes_the_running_statistics_in_any_mode(training: bool) -> None:
    norm, x = used_norm().train(training), torch.randn(5, 3, generator=generator(0))
    own = module_copy(norm)
    normalize(own, "frozen")
    y = own(x)
    torch.testing.assert_close(y, (x - torch.tensor([1.0, 2.0, 3.0])) / 2, atol=1e-5, rtol=1e-5)
    assert norm.num_batches_tracked == 0


def test_batch_leaves_the_running_statistics_of_instance_norm_alone() -> None:
    net = nn.Sequential(nn.Conv1d(1, 3, 2), nn.InstanceNorm1d(3, affine=True, track_running_stats=True))
    before = {name: tensor.clone() for name, tensor in net.named_buffers()}
    x = torch.randn(4, 1, 6, generator=generator(0))
    own = module_copy(net)
    normalize(own, "batch")
    found = own(x)
    plain = nn.functional.instance_norm(net[0](x), weight=net[1].weight, bias=net[1].bias)  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(found, plain)
    assert dict(net.named_buffers()).keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.named_buffers())


@pytest.mark.parametrize("policy", ["batch", "frozen"])
@pytest.mark.parametrize(
    "norm",
    [
        lambda: nn.BatchNorm1d(3),
        lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
        lambda: nn.LayerNorm(7),
        lambda: nn.GroupNorm(3, 3),
        lambda: PerStepBatchNorm(3, n_steps=2),
    ],
    ids=["batch", "instance", "layer", "group", "per step"],
)
def test_in_mixed_precision_episodes_at_once_have_the_gradient_of_the_loop(
    norm: Callable[[], nn.Module], policy: Normalization
) -> None:
    task = Task(name="y", kind="multiclass", n_outputs=3)
    half = [
        Batch(inputs=torch.randn(6, 1, 8, generator=generator(i)), targets={"y": torch.arange(6) % 3})
        for i in range(6)
    ]
    episodes = [Episode(tasks=(task,), support=half[i], query=half[i + 3]) for i in range(3)]
    found = []
    for execution in (run_loop, run_vmap):
        with seeded(0, "net"):
            net = nn.Sequential(nn.Conv1d(1, 3, 2), norm(), nn.Tanh(), nn.Flatten(), nn.Linear(21, 3))
            net.append(nn.LayerNorm(3))
        learner = MAML(net, inner_rate=0.1, n_steps=2, normalization=policy)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            values = learner.objectives(episodes, execution=execution).values
        values.sum().backward()
        found.append(torch.cat([values, *(p.grad.flatten() for p in net.parameters() if p.grad is not None)]))
    assert (found[1] - found[0]).norm() < 0.15 * found[0].norm()  # bf16 has 8 bits


def test_the_layers_that_were_copied_stay_as_they_are() -> None:
    norm = used_norm()
    normalize(module_copy(norm), "frozen")
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
